"""A run looks before it spends: faults are warnings, and pointless data stop it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.backbones.load import load_backbone
from graft.bank import bank_folder
from graft.demo import digits
from graft.doctor import in_run
from graft.doctor.in_run import _shrunk
from graft.errors import DataError
from graft.progress import Silent
from graft.recipe import Recipe
from graft.runs.preparation import Prepared, prepare, read_examples
from tests.doctor.test_doctor_checkup import photo
from tests.doctor.test_doctor_texts import Rows, clean_rows, write

Tiny = Callable[[str], Path]


def prepared(source: object, backbone: str = "test_resnet", size: int | None = 64) -> Prepared:
    weights = "random" if backbone == "test_resnet" else "pretrained"
    recipe = Recipe(backbone=backbone, weights=weights, size=size)
    network = load_backbone(backbone, weights=weights, size=size)
    return prepare(recipe, read_examples(recipe, source), network, bank_folder(), Silent())


def faults(found: Prepared) -> set[str]:
    return {finding.check for finding in found.findings if finding.severity == "fault"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of twenty pictures, nothing wrong."""
    for name, start in (("cats", 0), ("dogs", 100)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(20):
            photo(start + number).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


def test_clean_pictures_are_not_warned_of(folder: Path) -> None:
    found = prepared(folder)
    assert found.findings == ()
    assert found.warnings == ()


def test_more_pictures_than_are_compared_with_each_other_are_looked_at_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_run, "MOST_PICTURES", 10)
    conflict(folder)
    assert faults(prepared(folder)) == {"conflicting-labels", "copies"}


def test_the_handwritten_digits_are_not_warned_of(tmp_path: Path) -> None:
    pictures, targets = digits()
    for number, (pixels, target) in enumerate(zip(pictures[:600], targets[:600], strict=True)):
        (tmp_path / f"d/{target}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"d/{target}/{number}.png")
    assert prepared(tmp_path / "d").warnings == ()


def blank(root: Path) -> None:
    Image.new("RGB", (64, 48), (9, 9, 9)).save(root / "cats/blank.png")


def copy(root: Path) -> None:
    shutil.copy(root / "cats/0.png", root / "cats/again.png")


def conflict(root: Path) -> None:
    shutil.copy(root / "cats/0.png", root / "dogs/again.png")


def rare(root: Path) -> None:
    (root / "birds").mkdir()
    for number in range(3):
        photo(300 + number).save(root / f"birds/{number}.png")


def grey(root: Path) -> None:
    for path in (root / "dogs").iterdir():
        Image.open(path).convert("L").save(path)


def saved_again(root: Path) -> None:
    for path in [*root.glob("*/*.png")]:
        Image.open(path).save(path.with_suffix(".jpg"), quality=80)


@pytest.mark.parametrize(
    ("plant", "check"),
    [
        (blank, "blank"),
        (copy, "copies"),
        (conflict, "conflicting-labels"),
        (rare, "tiny-classes"),
        (grey, "telltale"),
        (saved_again, "near-copies-across"),
    ],
)
def test_planted_faults_become_warnings(
    folder: Path, plant: Callable[[Path], None], check: str
) -> None:
    plant(folder)
    found = prepared(folder)
    assert check in faults(found)
    finding = next(finding for finding in found.findings if finding.check == check)
    assert any(warning.startswith(finding.what) for warning in found.warnings)


def test_planted_faults_of_texts_become_warnings(tmp_path: Path, tiny_encoder: Tiny) -> None:
    rows: Rows = [{k: row[k] for k in ("text", "label")} for row in clean_rows()]
    encoder = str(tiny_encoder("bert"))
    assert prepared(write(tmp_path / "clean.csv", rows), encoder, None).warnings == ()
    for row in rows:
        row["text"] += " #42" if row["label"] == "law" else ""
    rows[3]["text"], rows[5]["text"] = "?!", "cafÃ©"
    rows[8]["text"] = rows[7]["text"]
    found = faults(prepared(write(tmp_path / "bad.csv", rows), encoder, None))
    assert found == {"telltale-word", "wordless", "mojibake", "copies"}


def test_equal_pictures_are_pointless(folder: Path) -> None:
    for path in folder.glob("*/*.png"):
        photo(1).save(path)
    with pytest.raises(DataError, match=r"All 40 pictures of .* are equal"):
        prepared(folder)


def test_contradictions_are_pointless(folder: Path) -> None:
    for path in (folder / "cats").iterdir():
        shutil.copy(path, folder / "dogs" / path.name)
    with pytest.raises(DataError, match=r"40 of the 40 rows .* are equal to a row with another"):
        prepared(folder)


def test_labels_that_name_rows_are_pointless(tmp_path: Path, tiny_encoder: Tiny) -> None:
    rows = [{"text": row["text"], "label": f"id{min(n, 98)}"} for n, row in enumerate(clean_rows())]
    with pytest.raises(DataError, match="99 different labels in 100 rows: column 'label'"):
        prepared(write(tmp_path / "t.csv", rows[:100]), str(tiny_encoder("bert")), None)


def test_thumbnails_of_prepared_pictures_are_means() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    means = pixels.reshape(3, 3, 16, 4, 16, 4).mean(axis=(3, 5)).transpose(0, 2, 3, 1)
    assert np.abs(_shrunk(pixels) - means).max() <= 0.5
    assert _shrunk(pixels[:, :1, :8, :8]).shape == (3, 16, 16, 3)
