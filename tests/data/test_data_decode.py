from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.data.decode import decode_all
from graft.data.images import prepare
from graft.data.pictures import ArrayPicture, FilePicture, Picture
from graft.data.read import read
from graft.errors import BackboneError
from graft.types import PreprocessSpec

MakePicture = Callable[[Path, int], Path]
SPEC = PreprocessSpec((8, 8), 1.0, "squash", "bilinear", (0.5,) * 3, (0.5,) * 3)


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(0)
    return [
        ArrayPicture(random.integers(0, 256, (n % 7 + 1, 5, 3), dtype=np.uint8), f"row {n}")
        for n in range(count)
    ]


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_rows_come_in_order_and_equal_one_by_one_decoding(workers: int) -> None:
    rows = pictures(60)
    decoded = list(decode_all(rows, SPEC, workers=workers))
    assert [one.row for one in decoded] == list(range(60))
    for one, picture in zip(decoded, rows, strict=True):
        assert one.pixels is not None
        np.testing.assert_array_equal(one.pixels, prepare(picture.open(), SPEC))
        assert one.facts is not None
        assert (one.facts.width, one.facts.height) == (5, one.row % 7 + 1)


def test_all_planted_faults_are_named_and_no_row_moves(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    for number in range(12):
        make_picture(tmp_path / "data" / "ab"[number % 2] / f"{number:02}.png", number)
    whole = read(tmp_path / "data")
    paths = [Path(picture.name) for picture in whole.pictures]
    paths[1].write_bytes(b"")
    paths[3].write_text("this is no picture")
    paths[4].write_bytes(paths[4].read_bytes()[:150])
    Image.new("F", (4, 4)).save(paths[6], "TIFF")
    paths[9].unlink()
    decoded = list(decode_all(whole.pictures, SPEC))
    reasons = {one.row: one.reason for one in decoded if one.reason is not None}
    expected = {1: "empty", 3: "no picture", 4: "truncated", 6: "mode F", 9: "does not exist"}
    assert reasons.keys() == expected.keys()
    assert all(word in (reasons[row] or "") for row, word in expected.items())
    assert all((one.pixels is None) == (one.row in expected) for one in decoded)
    left = whole.without({row: reason or "" for row, reason in reasons.items()})
    assert [Path(s.input) for s in left.set_aside] == [paths[row] for row in expected]
    kept = [row for row in range(12) if row not in expected]
    assert [Path(picture.name) for picture in left.pictures] == [paths[row] for row in kept]
    assert left.targets.tolist() == whole.targets[kept].tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_of_the_spec_is_raised_and_not_laid_on_the_pictures(workers: int) -> None:
    wrong = PreprocessSpec((8, 8), 1.0, "squash", "bilinear", (0.5,) * 4, (0.5,) * 4)
    with pytest.raises(BackboneError):
        list(decode_all(pictures(3), wrong, workers=workers))


class CountingPicture:
    """A picture that counts how many have been opened."""

    opened = 0
    lock = threading.Lock()
    name = "counted"

    def open(self) -> Image.Image:
        with self.lock:
            CountingPicture.opened += 1
        return Image.new("RGB", (4, 4))

    def digest(self) -> bytes:
        return bytes(32)


def test_few_pictures_are_in_flight() -> None:
    CountingPicture.opened = 0
    stream = decode_all([CountingPicture()] * 500, SPEC, workers=2)
    for _ in range(10):
        next(stream)
    assert CountingPicture.opened <= 10 + 2 * 8
    stream.close()  # type: ignore[attr-defined]
    assert CountingPicture.opened <= 10 + 2 * 8


def test_a_file_is_decoded_without_leaving_it_open(
    tmp_path: Path, make_picture: MakePicture
) -> None:
    path = make_picture(tmp_path / "a.png", 0)
    (one,) = decode_all([FilePicture(path, "a.png")], SPEC)
    assert one.pixels is not None
    path.unlink()
