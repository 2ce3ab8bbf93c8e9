"""A labelled set of pictures as one immutable value, rows in the data's order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graft.data.labels import index_of
from graft.data.parts import TEST, UNDECLARED
from graft.data.pictures import Picture
from graft.errors import DataError
from graft.types import IntArray

NO_LABEL = -1


@dataclass(frozen=True, slots=True)
class SetAside:
    """An input that is left out, and why.

    Attributes:
        input: The path as given, or the row.
        reason: One clause.
    """

    input: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row as a source yields it.

    Attributes:
        picture: The picture.
        label: The class name; None where it is missing.
        part: `train`, `validation`, `test` or '' where none is declared.
        group: What must stay on one side of a split; None where there is none.
    """

    picture: Picture
    label: str | None
    part: str = UNDECLARED
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Examples:
    """N pictures with their labels.

    Attributes:
        source: Where they come from, as the user named it.
        pictures: The N pictures.
        labels: The C class names, in the order of the model's outputs.
        targets: (N,) index into `labels`; -1 means no label.
        groups: (N,) group numbers, or None where no group column was named.
        parts: Per row `train`, `validation`, `test`, or '' where none is declared.
        set_aside: Inputs left out so far.
        label_column: The column that the labels came from, if there is one.
    """

    source: str
    pictures: tuple[Picture, ...]
    labels: tuple[str, ...]
    targets: IntArray
    groups: IntArray | None
    parts: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()
    label_column: str | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: IntArray) -> Examples:
        """The rows asked for, in the order asked for; labels and their order stay.

        Args:
            rows: (M,) row numbers.
        """
        return replace(
            self,
            pictures=tuple(self.pictures[row] for row in rows),
            targets=self.targets[rows],
            groups=None if self.groups is None else self.groups[rows],
            parts=tuple(self.parts[row] for row in rows),
        )

    def without(self, rows_with_reasons: Mapping[int, str]) -> Examples:
        """Leaves rows out and lists them with their reasons; the others keep their order.

        Args:
            rows_with_reasons: Row number to reason.
        """
        kept = np.array([r for r in range(len(self)) if r not in rows_with_reasons], dtype=np.int64)
        added = tuple(
            SetAside(self.pictures[row].name, reason)
            for row, reason in sorted(rows_with_reasons.items())
        )
        return replace(self.take(kept), set_aside=self.set_aside + added)

    def with_labels(self, labels: tuple[str, ...]) -> Examples:
        """The same rows with their targets counted in another list of labels.

        Args:
            labels: A trained model's labels, in its order.

        Raises:
            DataError: A row bears a label that is not among them.
        """
        present = set(self.class_counts())
        unknown = index_of(name for name in present if name not in labels)
        if unknown:
            raise DataError(
                f"{self.source} holds labels that are not known: {_listed(unknown)}",
                allowed=_listed(labels),
                next="rename or remove them, or train a model with these classes",
            )
        position = {name: number for number, name in enumerate(labels)}
        new = np.array([position.get(name, NO_LABEL) for name in self.labels] + [NO_LABEL])
        return replace(self, labels=tuple(labels), targets=new[self.targets].astype(np.int64))

    def without_empty_classes(self) -> Examples:
        """Drops the names of classes that have no row left; the order of the others stays."""
        counts = self.class_counts()
        return self.with_labels(tuple(name for name in self.labels if name in counts))

    def class_counts(self, rows: IntArray | None = None) -> dict[str, int]:
        """How many rows each class has, in the labels' order; classes without rows are absent.

        Args:
            rows: Count only these; all when None.
        """
        targets = self.targets if rows is None else self.targets[rows]
        counts = Counter(targets.tolist())
        return {name: counts[c] for c, name in enumerate(self.labels) if counts[c]}

    def digests(self) -> tuple[bytes | None, ...]:
        """The digest of each picture; None where its bytes cannot be read."""
        return tuple(_digest(picture) for picture in self.pictures)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of pictures, labels, groups and parts, row by row, without file names.

        Two data sets with equal fingerprints give equal runs. Pictures whose bytes cannot be
        read count as 32 zero bytes.
        """
        digest = hashlib.sha256(repr(self.labels).encode())
        groups = np.zeros(len(self), np.int64) if self.groups is None else self.groups
        for content, target, group, part in zip(
            self.digests(), self.targets.tolist(), groups.tolist(), self.parts, strict=True
        ):
            digest.update(content or bytes(32))
            digest.update(f" {target} {group} {part}\n".encode())
        return digest.hexdigest()


def assemble(
    source: str,
    rows: Iterable[Row],
    *,
    labels: Sequence[str] | None = None,
    labelled: bool = True,
    set_aside: Iterable[SetAside] = (),
    label_column: str | None = None,
) -> Examples:
    """Builds `Examples` from rows; rows without a label are set aside where labels are wanted.

    Args:
        source: Where the rows come from.
        rows: In the data's order.
        labels: The class names in their order, where the source declares one; else they are
            sorted naturally. Names that no row bears are dropped.
        labelled: Whether labels are wanted.
        set_aside: Inputs that the source left out already.
        label_column: The column that the labels came from.
    """
    rows = list(rows)
    left_out = [*set_aside]
    if labelled:
        left_out += [SetAside(row.picture.name, "no label") for row in rows if row.label is None]
        rows = [row for row in rows if row.label is not None]
    present = {row.label for row in rows if row.label is not None}
    names = index_of(present) if labels is None else tuple(n for n in labels if n in present)
    position = {name: number for number, name in enumerate(names)}
    targets = [NO_LABEL if row.label is None else position[row.label] for row in rows]
    return Examples(
        source=source,
        pictures=tuple(row.picture for row in rows),
        labels=names,
        targets=np.array(targets, dtype=np.int64),
        groups=_group_numbers([row.group for row in rows]),
        parts=tuple(row.part for row in rows),
        set_aside=tuple(left_out),
        label_column=label_column,
    )


def join_test(examples: Examples, test: Examples) -> Examples:
    """Adds another set's rows as the test part; its labels must be among the first's.

    Raises:
        DataError: A test part exists already, or a label of `test` is unknown.
    """
    if TEST in examples.parts:
        raise DataError(
            f"{examples.source} has a test part already, and {test.source} was given as another",
            allowed="one test part",
            next="leave --test away, or remove the test part from the data",
        )
    test = test.with_labels(examples.labels)
    return replace(
        examples,
        pictures=examples.pictures + test.pictures,
        targets=np.concatenate([examples.targets, test.targets]),
        groups=_joined_groups(examples, test),
        parts=examples.parts + (TEST,) * len(test),
        set_aside=examples.set_aside + test.set_aside,
    )


def _joined_groups(first: Examples, second: Examples) -> IntArray | None:
    """Group numbers of both sets; rows without a group get one each."""
    if first.groups is None:
        return None
    start = int(first.groups.max(initial=-1)) + 1
    if second.groups is None:
        return np.concatenate([first.groups, start + np.arange(len(second))])
    return np.concatenate([first.groups, start + second.groups])


def _group_numbers(groups: list[str | None]) -> IntArray | None:
    """Numbers in natural order of the names; a row without a group is a group of its own."""
    names = index_of(name for name in groups if name is not None)
    if not names:
        return None
    position = {name: number for number, name in enumerate(names)}
    alone = iter(range(len(names), len(names) + len(groups)))
    numbers = [next(alone) if name is None else position[name] for name in groups]
    return np.array(numbers, dtype=np.int64)


def _digest(picture: Picture) -> bytes | None:
    try:
        return picture.digest()
    except DataError:
        return None  # decoding the picture reports the reason


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"
