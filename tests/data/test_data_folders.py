from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from graft.data.read import read
from graft.errors import DataError

MakeFolder = Callable[[Mapping[str, int]], Path]
MakePicture = Callable[[Path, int], Path]


def names(root: Path, shown: tuple[str, ...]) -> list[str]:
    return [str(Path(name).relative_to(root)) for name in shown]


def test_the_class_is_the_folders_name_and_numbers_sort_as_numbers(make_folder: MakeFolder) -> None:
    root = make_folder({"10": 2, "9": 2, "cats": 1})
    examples = read(root)
    assert examples.labels == ("9", "10", "cats")
    assert examples.targets.tolist() == [0, 0, 1, 1, 2]
    assert examples.parts == ("",) * 5
    shown = names(root, tuple(picture.name for picture in examples.pictures))
    assert shown == ["9/0.png", "9/1.png", "10/0.png", "10/1.png", "cats/0.png"]
    assert not examples.set_aside


def test_two_reads_are_equal_row_by_row(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 12, "b": 3})
    first, second = read(root), read(str(root))
    assert first.fingerprint() == second.fingerprint()
    assert [p.name for p in first.pictures] == [p.name for p in second.pictures]


@pytest.mark.parametrize("validation", ["val", "Valid", "VALIDATION"])
def test_part_folders_declare_parts(make_folder: MakeFolder, validation: str) -> None:
    counts = {"Train/a": 2, "Train/b": 2, f"{validation}/a": 1, f"{validation}/b": 1, "TEST/b": 1}
    examples = read(make_folder(counts))
    assert examples.labels == ("a", "b")
    assert examples.parts == ("train",) * 4 + ("validation",) * 2 + ("test",)


def test_other_folders_beside_parts_are_named(make_folder: MakeFolder) -> None:
    examples = read(make_folder({"train/a": 1, "train/b": 1, "test/a": 1, "unlabelled/x": 3}))
    assert len(examples) == 3
    assert [(Path(s.input).name, s.reason) for s in examples.set_aside] == [
        ("unlabelled", "not a train, validation or test folder")
    ]


def test_a_class_may_be_called_train(make_folder: MakeFolder) -> None:
    assert read(make_folder({"train": 2, "plane": 2})).labels == ("plane", "train")


def test_pictures_are_found_below_the_class_folder(make_folder: MakeFolder) -> None:
    examples = read(make_folder({"a/2024/may": 2, "a": 1, "b": 1}))
    assert examples.class_counts() == {"a": 3, "b": 1}


def test_faults_are_all_named_and_hidden_files_are_not(
    make_folder: MakeFolder, make_picture: MakePicture
) -> None:
    root = make_folder({"a": 2, "b": 2, "empty": 0})
    make_picture(root / "loose.png", 1)
    for path in ("a/notes.txt", "b/raw.heic", "b/noext", "a/.DS_Store", "a/Thumbs.db", "readme.md"):
        (root / path).write_text("x")
    examples = read(root)
    found = {str(Path(s.input).relative_to(root)): s.reason for s in examples.set_aside}
    assert found == {
        "loose.png": "the picture is in no class folder",
        "a/notes.txt": "not a picture: '.txt' is no known picture extension",
        "b/raw.heic": "not a picture: '.heic' is no known picture extension",
        "b/noext": "not a picture: no file extension",
        "empty": "class folder without pictures",
    }
    assert len(examples) == 4


def test_links_that_lead_back_do_not_hang(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 2, "b": 2})
    (root / "a" / "self").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    (root / "b" / "nowhere.png").symlink_to(root / "missing.png")
    (root / "c").symlink_to(root / "b")
    examples = read(root)
    assert set(examples.labels) == {"a", "b", "c"}
    assert examples.class_counts()["c"] == examples.class_counts()["b"] == 3


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "holds no pictures"),
        ({"a": 0, "b": 0}, "holds 2 folders"),
        ({"a": 3}, "holds 1 class: a"),
        ({"a": 3, "b": 0}, "holds 1 class: a"),
        ({".": 4}, "holds 4 pictures directly"),
        ({"train": 3, "test": 2}, "no class folders inside them"),
    ],
)
def test_what_cannot_be_learned_from_is_one_message(
    make_folder: MakeFolder, counts: dict[str, int], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(make_folder(counts))
    assert caught.value.allowed
    assert caught.value.next


def test_one_class_is_enough_to_be_tried_on(make_folder: MakeFolder) -> None:
    assert read(make_folder({"a": 3}), min_classes=1).labels == ("a",)


def test_without_labels_all_pictures_count(make_folder: MakeFolder) -> None:
    examples = read(make_folder({".": 2, "deep/er": 1}), labelled=False)
    assert len(examples) == 3
    assert examples.labels == ()
    assert examples.targets.tolist() == [-1] * 3


def test_a_folder_has_no_columns(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError, match="--group names one"):
        read(make_folder({"a": 1, "b": 1}), group="patient")
