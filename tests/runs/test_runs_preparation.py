"""Preparation: what is unreadable is set aside with its reason, and leaks are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.backbones.load import load_backbone
from graft.bank import bank_folder
from graft.bank.pixels import picture_facts
from graft.errors import DataError
from graft.progress import Silent
from graft.recipe import Recipe
from graft.runs.preparation import Prepared, prepare, read_examples

MakePhotos = Callable[..., Path]


def prepared(source: object, recipe: Recipe | None = None) -> Prepared:
    chosen = recipe or Recipe()
    backbone = load_backbone("test_resnet", weights="random", size=32)
    return prepare(chosen, read_examples(chosen, source), backbone, bank_folder(), Silent())


def test_rows_digests_and_parts_belong_together(photos: Path) -> None:
    found = prepared(photos)
    assert len(found.examples) == len(found.digests) == 36
    for picture, digest in zip(found.examples.pictures, found.digests, strict=True):
        assert picture.digest() == digest
    parts = (found.split.train, found.split.validation, found.split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(36))
    assert found.warnings == ()
    assert found.facts == {
        "source": str(photos),
        "modes": {"RGB": 36},
        "sizes": {"min": [48, 40], "median": [48, 40], "max": [48, 40]},
    }


def test_copies_are_units(photos: Path, tmp_path: Path) -> None:
    assert prepared(photos).units() is None
    own = shutil.copytree(photos, tmp_path / "photos")
    picture = next(own.rglob("*.png"))
    (picture.parent / "zz-copy.png").write_bytes(picture.read_bytes())
    found = prepared(own)
    units = found.units()
    assert units is not None
    assert len(np.unique(units)) == 36
    (pair,) = [np.flatnonzero(units == unit) for unit in units if (units == unit).sum() > 1][:1]
    assert found.digests[pair[0]] == found.digests[pair[1]]


def test_the_seed_decides_the_split(photos: Path) -> None:
    tests = [prepared(photos, Recipe(seed=seed)).split.test.tolist() for seed in (0, 0, 1)]
    assert tests[0] == tests[1]
    assert tests[0] != tests[2]


def test_unreadable_pictures_are_set_aside_and_their_class_with_them(
    tmp_path: Path, make_photos: MakePhotos
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 6, "red": 6})
    (folder / "blue" / "03.png").write_bytes(b"nothing")
    (folder / "green").mkdir()
    for number in range(2):
        (folder / "green" / f"{number}.png").write_bytes(b"nothing" + bytes([number]))
    found = prepared(folder, Recipe(bad_files=0.5))
    assert found.examples.labels == ("blue", "red")
    assert len(found.examples) == len(found.digests) == 11
    names = sorted("/".join(Path(item.input).parts[-2:]) for item in found.examples.set_aside)
    assert names == ["blue/03.png", "green/0.png", "green/1.png"]
    assert all(item.reason for item in found.examples.set_aside)
    for picture, digest in zip(found.examples.pictures, found.digests, strict=True):
        assert picture.digest() == digest


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        (tmp_path / "p" / name / "x.png").write_bytes(b"no picture " + name.encode())
    with pytest.raises(DataError, match=r"2 of 2 inputs .* cannot be read, such as .*x\.png"):
        prepared(tmp_path / "p")
    with pytest.raises(DataError, match="holds 0 usable rows"):
        prepared(tmp_path / "p", Recipe(bad_files=1.0))


def test_too_many_bad_files_stop_the_run(tmp_path: Path, make_photos: MakePhotos) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 20, "red": 20})
    for number in range(2):
        (folder / "blue" / f"bad{number}.png").write_bytes(b"nothing" + bytes([number]))
    assert len(prepared(folder).examples.set_aside) == 2  # of 42: 4.8 %
    (folder / "red" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        prepared(folder)
    assert "3 of 43 inputs" in caught.value.found
    assert "7.0%" in caught.value.found
    assert "bad0.png: the content is no picture" in caught.value.found
    assert "5.0%" in caught.value.allowed
    assert len(prepared(folder, Recipe(bad_files=0.1)).examples) == 40


def test_a_single_bad_file_never_stops_a_run(tmp_path: Path, make_photos: MakePhotos) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 4, "red": 4})
    (folder / "blue" / "00.png").write_bytes(b"nothing")
    assert len(prepared(folder, Recipe(bad_files=0.0)).examples) == 7


def test_remarks_and_missing_labels_are_not_bad(tmp_path: Path, make_photos: MakePhotos) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 6, "red": 6})
    for number in range(9):
        (folder / "blue" / f"{number}.md").write_text("a remark")
    assert len(prepared(folder).examples.set_aside) == 9


def test_a_test_picture_that_was_trained_on_is_told(
    tmp_path: Path, make_photos: MakePhotos
) -> None:
    folder = tmp_path / "p"
    make_photos(folder / "train", {"blue": 6, "red": 6})
    make_photos(folder / "test", {"blue": 3, "red": 3}, seed=1)
    assert prepared(folder).warnings == ()
    shutil.copy(folder / "train" / "red" / "02.png", folder / "test" / "red" / "copy.png")
    (warning,) = prepared(folder).warnings
    assert warning.startswith("1 ")
    assert "copy.png" in warning


def test_facts_count_modes_and_order_sizes_by_area(tmp_path: Path) -> None:
    assert picture_facts("x", ["L 9x1", "RGB 2x2", "RGB 3x7"]) == {
        "source": "x",
        "modes": {"RGB": 2, "L": 1},
        "sizes": {"min": [2, 2], "median": [9, 1], "max": [3, 7]},
    }


def test_facts_of_pictures_that_were_decoded_in_an_earlier_run_are_the_same(
    tmp_path: Path,
) -> None:
    for name, mode in (("a", "L"), ("b", "RGBA")):
        (tmp_path / "p" / name).mkdir(parents=True)
        for number in range(4):
            colour = 60 * number if mode == "L" else (60 * number, 0, 0, 255)
            picture = Image.new(mode, (20 + number, 30), colour)
            picture.save(tmp_path / "p" / name / f"{number}.png")
    first, second = prepared(tmp_path / "p").facts, prepared(tmp_path / "p").facts
    assert first == second
    assert first["modes"] == {"L": 4, "RGBA": 4}
    assert (first["sizes"]["min"], first["sizes"]["max"]) == ([20, 30], [23, 30])
