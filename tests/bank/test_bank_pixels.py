"""Decoded pictures: found again by their bytes, and every fault with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.bank import bank_folder
from graft.bank import pixels as pixels_file
from graft.bank.pixels import Pixels
from graft.data import Picture, decode, read
from graft.progress import Silent
from graft.types import PreprocessSpec

SPEC = PreprocessSpec((24, 32), 1.0, "center", "bilinear", (0.5,) * 3, (0.2,) * 3)


class Counter(Silent):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.steps = 0
        self.finished: list[str] = []

    def start(self, task: str, total: int) -> None:
        self.started.append((task, total))

    def advance(self, task: str, steps: int = 1, note: str = "") -> None:
        self.steps += steps

    def finish(self, task: str) -> None:
        self.finished.append(task)


def decoded(source: Path, spec: PreprocessSpec = SPEC, labelled: bool = True) -> tuple[Pixels, int]:
    """The pixels of a folder in the present bank, and how many pictures were decoded."""
    listener = Counter()
    pixels = Pixels(read(source, labelled=labelled), spec, bank_folder(), listener)
    assert listener.started == [("decode", listener.steps)]
    assert listener.finished == ["decode"]
    return pixels, listener.steps


def test_stored_pixels_are_what_decoding_gives(photos: Path) -> None:
    examples = read(photos)
    pixels, _ = decoded(photos)
    for row, picture in enumerate(examples.pictures):
        outcome = decode(0, picture, SPEC)
        digest = pixels.digests[row]
        assert digest is not None
        assert outcome.pixels is not None
        assert np.array_equal(pixels.read([digest])[0].numpy(), outcome.pixels)
        assert pixels.notes([digest]) == ["RGB 48x40"]


def test_a_second_reading_decodes_nothing(photos: Path) -> None:
    assert decoded(photos)[1] == 36
    assert decoded(photos)[1] == 0
    assert decoded(photos, replace(SPEC, mean=(0.1,) * 3))[1] == 0


def test_another_name_or_label_still_hits_and_another_pixel_does_not(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 3, "red": 3})
    decoded(folder)
    (folder / "blue" / "00.png").rename(folder / "red" / "renamed.png")
    assert decoded(folder)[1] == 0
    picture = Image.open(folder / "blue" / "01.png")
    red, green, blue = np.asarray(picture)[7, 7]
    picture.putpixel((7, 7), (int(red), int(green), int(blue) ^ 1))
    picture.save(folder / "blue" / "01.png")
    assert decoded(folder)[1] == 1


@pytest.mark.parametrize("change", [{"crop_pct": 0.8}, {"size": (32, 32)}])
def test_another_crop_misses(photos: Path, change: dict[str, object]) -> None:
    decoded(photos)
    assert decoded(photos, replace(SPEC, **change))[1] == 36  # type: ignore[arg-type]


def test_copies_are_decoded_once_and_bad_copies_all_fail(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 40), (9, 9, 9)).save(tmp_path / "p" / name / f"{number}.png")
            (tmp_path / "p" / name / f"bad{number}.png").write_bytes(b"\x89PNG broken")
    pixels, steps = decoded(tmp_path / "p")
    assert steps == 2
    names = [picture.name for picture in read(tmp_path / "p").pictures]
    assert sorted(Path(names[row]).name[:3] for row in pixels.faults) == ["bad"] * 6
    assert len(set(pixels.faults.values())) == 1
    assert all(pixels.faults.values())
    good = [d for row, d in enumerate(pixels.digests) if d and row not in pixels.faults]
    assert pixels.read(good).shape == (6, 3, 24, 32)


def test_a_bad_picture_is_tried_again_and_never_stored(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "p" / name / "good.png")
    (tmp_path / "p" / "a" / "bad.png").write_bytes(b"not a picture")
    for expected in (2, 1):  # the two good ones are one picture
        pixels, steps = decoded(tmp_path / "p")
        assert steps == expected
        assert list(pixels.faults) == [0]
        assert pixels.faults[0]


def test_a_file_that_vanished_is_a_fault_with_its_reason(
    tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 2, "red": 2})
    examples = read(folder)
    (folder / "red" / "01.png").unlink()
    pixels = Pixels(examples, SPEC, bank_folder(), Silent())
    assert pixels.digests[3] is None
    assert list(pixels.faults) == [3]
    assert pixels.faults[3]


def test_what_is_done_is_kept_when_decoding_is_interrupted(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 3 * 24 * 32
    monkeypatch.setattr(pixels_file, "SEGMENT_BYTES", 10 * size)

    def stopped(pictures: Sequence[Picture], spec: PreprocessSpec) -> object:
        for row, picture in enumerate(pictures):
            if row == 25:
                raise KeyboardInterrupt
            yield decode(row, picture, spec)

    with monkeypatch.context() as patch:
        patch.setattr(pixels_file, "decode_all", stopped)
        with pytest.raises(KeyboardInterrupt):
            decoded(photos)
    assert decoded(photos)[1] == 36 - 20
