from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from graft.data.examples import Examples, Row, assemble
from graft.data.pictures import ArrayPicture, FilePicture
from graft.data.read import read
from graft.errors import DataError
from graft.types import Task

MakeFolder = Callable[[Mapping[str, int]], Path]


def examples(labels: str = "abcab", groups: str | None = None) -> Examples:
    return assemble(
        "made",
        [
            Row(
                ArrayPicture(np.full((2, 2), number, np.uint8), f"row {number}"),
                label,
                group=None if groups is None or groups[number] == " " else groups[number],
            )
            for number, label in enumerate(labels)
        ],
    )


def rows(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def test_take_keeps_labels_and_gives_rows_in_the_order_asked_for() -> None:
    taken = examples(groups="xxyyx").take(rows(3, 0, 3))
    assert [picture.name for picture in taken.pictures] == ["row 3", "row 0", "row 3"]
    assert taken.labels == ("a", "b", "c")
    assert taken.targets.tolist() == [0, 0, 0]
    assert taken.groups is not None
    assert taken.groups.tolist() == [1, 0, 1]


def test_take_of_all_rows_is_the_same_set() -> None:
    whole = examples(groups="xxyyx")
    assert whole.take(np.arange(5)).fingerprint() == whole.fingerprint()


def test_without_names_the_rows_and_keeps_the_order_of_the_others() -> None:
    left = examples().without({3: "damaged", 0: "empty"})
    assert [picture.name for picture in left.pictures] == ["row 1", "row 2", "row 4"]
    assert [(s.input, s.reason) for s in left.set_aside] == [
        ("row 0", "empty"),
        ("row 3", "damaged"),
    ]
    again = left.without({1: "late"})
    assert [s.input for s in again.set_aside] == ["row 0", "row 3", "row 2"]


def test_without_nothing_is_the_same_set() -> None:
    assert examples().without({}).fingerprint() == examples().fingerprint()


def test_labels_are_re_indexed_by_name() -> None:
    model = ("z", "c", "b", "a")
    moved = examples().with_labels(model)
    assert moved.labels == model
    assert [model[t] for t in moved.targets] == list("abcab")


def test_rows_without_label_stay_without() -> None:
    unlabelled = assemble("made", [Row(examples().pictures[0], None)], labelled=False)
    assert unlabelled.with_labels(("a", "b")).targets.tolist() == [-1]


def test_unknown_labels_are_refused_with_both_lists() -> None:
    with pytest.raises(DataError, match="not known: c") as caught:
        examples().with_labels(("a", "b"))
    assert caught.value.allowed == "a, b"


def test_labels_that_no_row_bears_may_be_missing() -> None:
    only = examples().without({2: "damaged"})
    assert only.labels == ("a", "b", "c")
    assert only.with_labels(("b", "a")).targets.tolist() == [1, 0, 1, 0]
    assert only.without_empty_classes().labels == ("a", "b")


def test_class_counts_of_all_and_of_some_rows() -> None:
    assert examples().class_counts() == {"a": 2, "b": 2, "c": 1}
    assert examples().class_counts(rows(0, 3, 4)) == {"a": 2, "b": 1}


def test_rows_without_group_are_groups_of_their_own() -> None:
    groups = examples(groups="x  yx").groups
    assert groups is not None
    assert groups[0] == groups[4]
    assert len(set(groups.tolist())) == 4


def test_declared_labels_keep_their_order_and_absent_ones_go() -> None:
    declared = assemble(
        "made", [Row(examples().pictures[0], label) for label in "ab"], labels=["b", "q", "a"]
    )
    assert declared.labels == ("b", "a")


def test_the_fingerprint_ignores_names_and_heeds_everything_else(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 3, "b": 3})
    before = read(root).fingerprint()
    moved = root.rename(root.parent / "moved")
    for path in list(moved.rglob("*.png")):
        path.rename(path.with_name(f"new-{path.name}"))
    after = read(moved)
    assert after.fingerprint() == before
    changed = [
        replace(after, targets=after.targets[::-1].copy()),
        replace(after, tasks=(Task(labels=("a", "c")),)),
        replace(after, parts=("train",) * 6),
        replace(after, groups=np.arange(6)),
        after.take(np.arange(6)[::-1].copy()),
        after.take(np.arange(5)),
    ]
    fingerprints = {other.fingerprint() for other in changed} | {after.fingerprint()}
    assert len(fingerprints) == len(changed) + 1


def test_a_changed_byte_changes_the_fingerprint(make_folder: MakeFolder) -> None:
    root = make_folder({"a": 1, "b": 1})
    before = read(root).fingerprint()
    path = root / "a" / "0.png"
    path.write_bytes(path.read_bytes() + b"\0")
    assert read(root).fingerprint() != before


def test_pictures_without_bytes_have_no_digest_and_a_fingerprint_all_the_same() -> None:
    missing = FilePicture(Path("no.png"), "no.png")
    lost = replace(examples(), inputs=(missing, *examples().pictures[1:]))
    assert lost.digests()[0] is None
    assert lost.fingerprint() != examples().fingerprint()


def test_examples_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        examples().tasks = ()  # type: ignore[misc]
