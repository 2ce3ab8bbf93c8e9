"""Planted faults are found and named; a clean set raises no alarm."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graft
from graft.checkup import Checkup
from graft.cli.main import main
from graft.demo import digits
from graft.doctor import CHECKS, Finding
from graft.doctor.diagnose import PICTURE_CHECKS, TEXT_CHECKS

CLASSES = ("birds", "cats", "dogs")


def photo(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture unlike that of any other seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A declared split of three classes, nothing wrong."""
    root = tmp_path / "set"
    seed = 0
    for part, count in (("train", 8), ("test", 20)):
        for name in CLASSES:
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                seed += 1
                photo(seed).save(root / part / name / f"{number}.png")
    return root


def doctor(data: Path | str, **options: str) -> Checkup:
    return graft.doctor(data, rehearse=False, **options)  # type: ignore[arg-type]


def found(checkup: Checkup) -> dict[str, Finding]:
    return {finding.check: finding for finding in checkup.findings}


def test_a_clean_folder_has_no_findings(clean: Path) -> None:
    assert doctor(clean).findings == ()


def test_the_handwritten_digits_have_no_faults(tmp_path: Path) -> None:
    pictures, targets = digits()
    np.savez(tmp_path / "d.npz", allow_pickle=False, x=pictures, y=targets)
    checkup = doctor(tmp_path / "d.npz")
    assert checkup.rows == 1797
    assert checkup.faults == ()


def truncate(root: Path) -> None:
    path = root / "train/cats/0.png"
    path.write_bytes(path.read_bytes()[:200])


def empty(root: Path) -> None:
    (root / "train/cats/0.png").write_bytes(b"")


def no_picture(root: Path) -> None:
    (root / "train/cats/0.png").write_text("hello")


def stray_file(root: Path) -> None:
    (root / "train/cats/notes.txt").write_text("hello")


def empty_folder(root: Path) -> None:
    (root / "train/void").mkdir()


def black(root: Path) -> None:
    Image.new("RGB", (64, 48)).save(root / "train/dogs/black.png")


def copy(root: Path) -> None:
    shutil.copy(root / "train/cats/0.png", root / "train/cats/again.png")


def leak(root: Path) -> None:
    shutil.copy(root / "train/cats/0.png", root / "test/cats/again.png")


def conflict(root: Path) -> None:
    shutil.copy(root / "train/cats/0.png", root / "train/dogs/again.png")


def recompressed(root: Path) -> None:
    Image.open(root / "train/cats/0.png").save(root / "train/cats/again.jpg", quality=75)


def resized_leak(root: Path) -> None:
    Image.open(root / "train/cats/0.png").resize((128, 96)).save(root / "test/cats/again.png")


def mirrored(root: Path) -> None:
    path = root / "train/cats/0.png"
    Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "test/cats/again.png")


def stamped(root: Path) -> None:
    for path in root.rglob("dogs/*.png"):
        picture = Image.open(path).convert("RGB")
        picture.paste((250, 220, 10), (40, 34, 60, 46))
        picture.save(path)


def brighter(root: Path) -> None:
    dark = Image.open(root / "train/cats/0.png").point(lambda value: value * 0.8)
    dark.save(root / "train/dogs/again.png")


def rare(root: Path) -> None:
    (root / "train/rare").mkdir()
    photo(900).save(root / "train/rare/0.png")


def spelling(root: Path) -> None:
    shutil.copytree(root / "train/cats", root / "train/Cats ")
    for number, path in enumerate(sorted((root / "train/Cats ").iterdir())):
        photo(1000 + number).save(path)


def icon(root: Path) -> None:
    photo(901, (6, 6)).save(root / "train/dogs/icon.png")


def telltale(root: Path) -> None:
    for path in (*root.glob("*/dogs/*.png"),):
        Image.open(path).convert("L").save(path)


def unseen_class(root: Path) -> None:
    (root / "test/fish").mkdir()
    photo(902).save(root / "test/fish/0.png")


def long(root: Path) -> None:
    photo(903, (600, 60)).save(root / "train/dogs/long.png")


def grey(root: Path) -> None:
    photo(904).convert("L").save(root / "train/dogs/grey.png")


def misnamed(root: Path) -> None:
    photo(905).save(root / "train/dogs/new.jpg", format="PNG")


def animated(root: Path) -> None:
    frames = [photo(seed) for seed in (906, 907, 908)]
    frames[0].save(root / "train/dogs/new.gif", save_all=True, append_images=frames[1:])


def few_to_test(root: Path) -> None:
    for path in (*root.glob("test/*/1*.png"),):
        path.unlink()


def imbalanced(root: Path) -> None:
    for number in range(700):
        photo(2000 + number, (16, 12)).resize((64, 48)).save(root / f"train/dogs/more{number}.png")


PLANTS: tuple[tuple[Callable[[Path], None], str], ...] = (
    (truncate, "unreadable"),
    (empty, "unreadable"),
    (no_picture, "unreadable"),
    (stray_file, "left-out"),
    (empty_folder, "left-out"),
    (black, "blank"),
    (copy, "copies"),
    (leak, "copies-across"),
    (conflict, "conflicting-labels"),
    (recompressed, "near-copies"),
    (resized_leak, "near-copies-across"),
    (mirrored, "near-copies-across"),
    (stamped, "telltale-place"),
    (brighter, "conflicting-labels-of-near-copies"),
    (rare, "tiny-classes"),
    (spelling, "spellings"),
    (icon, "tiny-pictures"),
    (telltale, "telltale"),
    (unseen_class, "missing-classes"),
    (long, "elongated"),
    (grey, "mixed-modes"),
    (misnamed, "misnamed"),
    (animated, "several-frames"),
    (few_to_test, "small-test"),
)


@pytest.mark.parametrize(("plant", "check"), PLANTS, ids=[p.__name__ for p, _ in PLANTS])
def test_a_planted_fault_is_found_and_named(
    clean: Path, plant: Callable[[Path], None], check: str
) -> None:
    plant(clean)
    finding = found(doctor(clean))[check]
    assert finding.count >= 1
    assert finding.next


@pytest.mark.long
def test_imbalance_is_noted(clean: Path) -> None:
    imbalanced(clean)
    assert found(doctor(clean))["imbalance"].severity == "note"


def table(root: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> Path:
    path = root / "list.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_a_group_on_two_sides_is_found_and_columns_have_roles(clean: Path) -> None:
    rows = [
        (str(path.relative_to(clean)), path.parent.name, path.parts[-3], f"patient{number}")
        for number, path in enumerate(sorted(clean.rglob("*.png")))
    ]
    rows[0] = (*rows[0][:3], rows[-1][3])
    path = table(clean, rows, ("path", "label", "split", "patient"))
    checkup = doctor(path, group="patient")
    assert found(checkup)["groups-across"].count == 1
    roles = {name: column["role"] for name, column in checkup.columns.items()}
    assert roles == {"path": "input", "label": "label", "split": "part", "patient": "group"}
    assert checkup.columns["label"]["examples"][0] in CLASSES


def test_a_label_column_of_identifiers_is_found(clean: Path) -> None:
    rows = [(str(p.relative_to(clean)), f"id{n}") for n, p in enumerate(clean.rglob("*.png"))]
    checkup = doctor(table(clean, rows, ("path", "label")))
    assert found(checkup)["identifiers"].severity == "fault"


def test_a_table_that_is_not_utf8_is_a_fault_not_a_crash(clean: Path) -> None:
    path = clean / "list.csv"
    path.write_bytes("path,label\ntrain/cats/0.png,caf\xe9\n".encode("latin-1"))
    checkup = doctor(path)
    assert [finding.check for finding in checkup.faults] == ["unreadable-source"]


def test_one_class_is_a_fault(clean: Path) -> None:
    for name in ("birds", "dogs"):
        for path in (*clean.glob(f"*/{name}"),):
            shutil.rmtree(path)
    assert "one-class" in found(doctor(clean))


def test_a_cleaned_list_leaves_out_what_cannot_be_used(clean: Path, tmp_path: Path) -> None:
    truncate(clean)
    shutil.copy(clean / "train/dogs/0.png", clean / "test/dogs/again.png")
    shutil.copy(clean / "train/birds/0.png", clean / "train/dogs/conflict.png")
    before = sorted(clean.rglob("*"))
    checkup = doctor(clean, fix=str(tmp_path / "cleaned.csv"))
    assert checkup.cleaned == (tmp_path / "cleaned.csv", 82)
    assert sorted(clean.rglob("*")) == before
    again = found(doctor(tmp_path / "cleaned.csv"))
    assert not {"unreadable", "copies", "copies-across", "conflicting-labels"} & set(again)
    with pytest.raises(graft.UserError, match="cannot be written"):
        doctor(clean, fix=str(tmp_path / "cleaned.csv"))


def test_the_rehearsal_runs_and_leaves_nothing(clean: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert graft.doctor(clean).rehearsed
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_line_prints_one_json_object(
    clean: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leak(clean)
    with pytest.raises(SystemExit) as stop:
        main(["doctor", str(clean), "--no-rehearse", "--json"])
    assert stop.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["faults"] == 1
    assert shown["findings"][0]["check"] == "copies-across"
    assert shown["forecast"]["rows"] == 84 + 1


def test_the_command_line_prints_a_table(clean: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leak(clean)
    with pytest.raises(SystemExit):
        main(["doctor", str(clean), "--no-rehearse"])
    lines = capsys.readouterr().out.splitlines()
    titles = next(number for number, line in enumerate(lines) if "what was found" in line)
    row = lines[titles + 1]
    assert row.split()[:3] == ["FAULT", "copies-across", "1"]
    assert row.index("copies-across") == lines[titles].index("check")
    assert any(line.strip().startswith("next: ") for line in lines)


def test_a_missing_path_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(graft.UserError, match="does not exist"):
        doctor(tmp_path / "nowhere")


def test_every_check_has_a_docstring() -> None:
    tables = (CHECKS, PICTURE_CHECKS, TEXT_CHECKS)
    assert all(check.__doc__ for table in tables for check in table.values())
