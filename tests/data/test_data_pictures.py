from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.data.pictures import (
    ArrayPicture,
    BytesPicture,
    FilePicture,
    ImagePicture,
    Picture,
    decode_bytes,
)
from graft.data.quiet import quiet_pillow
from graft.errors import DataError


def encoded(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_formats_open_fully_loaded(kind: str) -> None:
    image = decode_bytes(encoded(kind))
    assert image.size == (64, 48)
    assert len(image.convert("RGB").tobytes()) == 64 * 48 * 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_cut_files_are_refused(kind: str) -> None:
    data = encoded(kind)
    with pytest.raises(DataError, match=r"truncated|damaged"):
        decode_bytes(data[: len(data) // 2])


def test_a_cut_jpeg_is_called_truncated() -> None:
    data = encoded("JPEG")
    with pytest.raises(DataError, match="truncated"):
        decode_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello, I am text", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "picture|damaged|truncated"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        decode_bytes(content)


def test_every_single_byte_cut_gives_a_picture_or_a_reason() -> None:
    data = encoded("PNG", (6, 5))
    for end in range(0, len(data), 7):
        try:
            image = decode_bytes(data[:end])
        except DataError as error:
            assert error.found  # noqa: PT017 - either a picture or a reason
        else:
            assert image.size == (6, 5)


def test_missing_files_and_folders_have_their_own_reasons(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        FilePicture(tmp_path / "no.png", "no.png").open()
    with pytest.raises(DataError, match="folder"):
        FilePicture(tmp_path, "here").open()
    with pytest.raises(DataError, match="does not exist"):
        FilePicture(tmp_path / "no.png", "no.png").digest()


@pytest.mark.parametrize("most", [100, 200])
def test_oversized_pictures_are_a_reason_not_a_warning(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(DataError, match="too large"):
        decode_bytes(encoded("PNG", (16, 15)))


def test_pillow_warnings_stay_inside_and_all_others_get_out() -> None:
    with quiet_pillow():
        warnings.warn_explicit("hush", UserWarning, "x.py", 1, module="PIL.TiffImagePlugin")
        with pytest.raises(UserWarning, match="hear me"):
            warnings.warn("hear me", stacklevel=1)


def test_silence_lasts_until_the_last_one_has_left() -> None:
    before = list(warnings.filters)
    with quiet_pillow():
        with quiet_pillow():
            pass
        warnings.warn_explicit("hush", UserWarning, "x.py", 1, module="PIL.TiffImagePlugin")
    assert list(warnings.filters) == before


def test_filters_are_restored_after_many_threads() -> None:
    before = list(warnings.filters)
    data = encoded("JPEG")
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda _: decode_bytes(data), range(40)))
    assert len(images) == 40
    assert list(warnings.filters) == before


def test_animations_give_their_first_frame() -> None:
    frames = [Image.new("P", (4, 4), n) for n in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 250, 0, 0, 0, 250, 0])
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert decode_bytes(buffer.getvalue()).convert("RGB").getpixel((0, 0)) == (250, 0, 0)


def test_a_file_and_its_bytes_have_one_digest_whatever_their_names(tmp_path: Path) -> None:
    data = encoded("PNG")
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(data)
    pictures: list[Picture] = [FilePicture(tmp_path / n, n) for n in ("a.png", "b.png")]
    pictures.append(BytesPicture(data, "row 3"))
    assert len({picture.digest() for picture in pictures}) == 1
    assert all(len(picture.digest()) == 32 for picture in pictures)


def test_digests_of_arrays_tell_shape_type_and_content_apart() -> None:
    zeros = np.zeros((2, 6), dtype=np.uint8)
    changed = zeros.copy()
    changed[0, 0] = 1
    others = [zeros.reshape(3, 4), zeros.astype(bool), changed]
    assert ArrayPicture(zeros, "a").digest() == ArrayPicture(zeros.copy(), "b").digest()
    assert len({ArrayPicture(array, "a").digest() for array in [zeros, *others]}) == 4


def test_digests_of_images_tell_mode_palette_and_rotation_apart() -> None:
    grey = Image.new("L", (4, 4))
    palette, other_palette = Image.new("P", (4, 4)), Image.new("P", (4, 4))
    palette.putpalette([1, 2, 3])
    other_palette.putpalette([3, 2, 1])
    turned = Image.new("L", (4, 4))
    turned.getexif()[0x0112] = 6
    digests = {ImagePicture(i, "i").digest() for i in (grey, palette, other_palette, turned)}
    assert len(digests) == 4
    assert ImagePicture(grey.copy(), "x").digest() == ImagePicture(grey, "y").digest()


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [
        ((5, 4), np.uint8, "L"),
        ((5, 4, 1), np.uint8, "L"),
        ((5, 4, 3), np.uint8, "RGB"),
        ((5, 4, 4), np.uint8, "RGBA"),
        ((5, 4), np.bool_, "L"),
        ((5, 4), np.uint16, "I;16"),
        ((5, 4, 3), np.uint16, "RGB"),
    ],
)
def test_arrays_open_in_the_mode_of_their_shape(
    shape: tuple[int, ...], dtype: type, mode: str
) -> None:
    image = ArrayPicture(np.ones(shape, dtype=dtype), "a").open()
    assert (image.mode, image.size) == (mode, (4, 5))


def test_true_is_white_and_full_scale_stays_full_scale() -> None:
    assert ArrayPicture(np.ones((1, 1), dtype=bool), "a").open().getpixel((0, 0)) == 255
    full = np.full((1, 1, 3), 65535, dtype=np.uint16)
    assert ArrayPicture(full, "a").open().getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5,), np.uint8),
        np.zeros((5, 4, 2), np.uint8),
        np.zeros((5, 0), np.uint8),
        np.zeros((5, 4), np.float32),
        np.zeros((5, 4), np.int64),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array: np.ndarray) -> None:
    with pytest.raises(DataError):
        ArrayPicture(array, "a").open()


def test_a_file_written_anew_after_its_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), "red").save(path)
    picture = FilePicture(path, "a.png")
    picture.digest()
    assert picture.open().size == (4, 4)
    Image.new("RGB", (4, 4), "blue").save(path)
    with pytest.raises(DataError, match="changed"):
        picture.open()
