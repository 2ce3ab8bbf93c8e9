from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graft.data.pictures import FilePicture
from graft.data.read import read, read_inputs
from graft.data.texts import Text
from graft.errors import DataError

MakeFolder = Callable[[Mapping[str, int]], Path]
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def png() -> bytes:
    buffer = BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_missing_path_is_answered_with_near_names(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 1, "b": 1})
    with pytest.raises(DataError, match="photo does not exist") as caught:
        read(root.parent / "photo")
    assert f"did you mean '{root}'?" in caught.value.next


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "no" / "photos")
    assert str(tmp_path / "no") in caught.value.next


def test_a_bare_name_is_told_about_the_hub() -> None:
    with pytest.raises(DataError) as caught:
        read("some-org/some-set-xyz".replace("/", "-"))
    assert "hf:some-org-some-set-xyz" in caught.value.next


@pytest.mark.parametrize(
    ("name", "advice"), [("a.zip", "unpack"), ("a.jpg", "class folders"), ("a.xyz", "convert")]
)
def test_other_files_are_told_what_to_become(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match="unknown kind") as caught:
        read(tmp_path / name)
    assert advice in caught.value.next


@pytest.mark.parametrize("source", [None, 3, PIXELS, ["a.png"]])
def test_other_objects_are_answered_with_what_is_allowed(source: object) -> None:
    with pytest.raises(DataError, match="was given as data") as caught:
        read(source)
    assert ".npz" in caught.value.allowed


def test_a_test_folder_joins_whatever_the_columns_of_the_table(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"a": 2, "b": 2})
    table = tmp_path / "t.csv"
    table.write_text("where,what\n" + "".join(f"photos/{c}/0.png,{c}\n" for c in "ab"))
    examples = read(table, input="where", label="what", test=root)
    assert examples.parts == ("",) * 2 + ("test",) * 4
    assert examples.targets.tolist() == [0, 1, 0, 0, 1, 1]


def test_inputs_of_every_kind_open_in_the_order_given(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"a": 2, "b": 1})
    (tmp_path / "t.csv").write_text("path\nphotos/a/1.png\n")
    np.savez(tmp_path / "x.npz", x=PIXELS[None])
    image = Image.fromarray(PIXELS)
    sources: list[Any] = [
        root / "b" / "0.png",
        str(root),
        tmp_path / "t.csv",
        tmp_path / "x.npz",
        image,
        PIXELS,
        PIXELS[None].repeat(2, axis=0),
        png(),
    ]
    pictures = read_inputs(sources)
    assert [Path(picture.name).name for picture in pictures] == [
        *("0.png", "0.png", "1.png", "0.png", "1.png", "x[0]"),
        *("input 4", "input 5", "input 6[0]", "input 6[1]", "input 7"),
    ]
    for picture in pictures[5:]:
        assert not isinstance(picture, Text)
        np.testing.assert_array_equal(np.asarray(picture.open()), PIXELS)


@pytest.mark.parametrize(
    ("shape", "count"),
    [((5, 4), 1), ((5, 4, 3), 1), ((7, 5, 6), 7), ((7, 5, 4, 3), 7), ((1, 5, 4, 1), 1)],
)
def test_arrays_are_one_picture_or_several(shape: tuple[int, ...], count: int) -> None:
    assert len(read_inputs([np.zeros(shape, np.uint8)])) == count
    assert len(read_inputs(np.zeros(shape, np.uint8))) == count  # type: ignore[arg-type]


def test_a_missing_input_keeps_its_row(tmp_path: Path) -> None:
    pictures = read_inputs([str(tmp_path / "no.png"), PIXELS])
    assert len(pictures) == 2
    assert pictures[0].name == str(tmp_path / "no.png")
    assert isinstance(pictures[0], FilePicture)
    with pytest.raises(DataError, match="does not exist"):
        pictures[0].open()


def test_a_picture_is_its_own_input() -> None:
    (first,) = read_inputs([PIXELS])
    assert read_inputs([first]) == (first,)


@pytest.mark.parametrize("sources", [[], [3], [{"a": 1}]])
def test_no_inputs_or_strange_ones_are_refused(sources: list[object]) -> None:
    with pytest.raises(DataError):
        read_inputs(sources)
