"""A labelled set of pictures or texts as one immutable value, rows in the data's order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from graft.data.ahead import cores, map_ahead
from graft.data.kinds import Label
from graft.data.label_columns import RowLabel
from graft.data.labels import index_of
from graft.data.parts import TEST, UNDECLARED
from graft.data.pictures import Picture
from graft.data.targets import (
    encode,
    is_plain,
    known_labels,
    pack,
    recode,
    support,
    unpack,
)
from graft.data.texts import Text
from graft.data.unreadable import Unreadable
from graft.errors import DataError
from graft.types import IntArray, Targets, Task, output_names

IMAGE, TEXT, TRANSLATION = "image", "text", "translation"

Input = Picture | Text | Unreadable
_CHUNK = 256  # files that a thread reads at a time, to know them by their content


@dataclass(frozen=True, slots=True)
class SetAside:
    """An input that is left out, and why.

    Attributes:
        input: The path as given, or the row.
        reason: One clause.
        bad: Whether it was meant as an example and cannot be read; else it is merely none.
    """

    input: str
    reason: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row as a source yields it.

    Attributes:
        input: The picture or text.
        label: The class name, the set of labels or the number, None where it is missing; with
            several label columns a tuple of these.
        part: `train`, `validation`, `test` or '' where none is declared.
        group: What must stay on one side of a split; None where there is none.
    """

    input: Input
    label: RowLabel
    part: str = UNDECLARED
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Examples:
    """N pictures, or N texts, with their labels.

    Attributes:
        source: Where they come from, as the user named it.
        inputs: The N pictures, or the N texts.
        tasks: What each label column asks for, with its labels.
        targets: (N,) index into `labels`, -1 for no label; for other tasks than one column of
            classes (N, W) as `graft.data.targets` says.
        groups: (N,) group numbers, or None where no group column was named.
        parts: Per row `train`, `validation`, `test`, or '' where none is declared.
        set_aside: Inputs left out so far.
        notes: Sentences about how the source was understood.
    """

    source: str
    inputs: tuple[Input, ...]
    tasks: tuple[Task, ...]
    targets: Targets
    groups: IntArray | None
    parts: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def modality(self) -> str:
        """`image`, `text` or `translation`: what the rows are."""
        if self.tasks[0].kind == "translation":
            return TRANSLATION
        first = next((item for item in self.inputs if not isinstance(item, Unreadable)), None)
        return TEXT if isinstance(first, Text) else IMAGE

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The rows as pictures.

        Raises:
            DataError: They are texts.
        """
        found = tuple(item for item in self.inputs if not isinstance(item, Text))
        if len(found) < len(self.inputs):
            raise DataError(f"{self.source} holds texts", allowed="pictures")
        return found

    @property
    def texts(self) -> tuple[Text, ...]:
        """The rows as texts.

        Raises:
            DataError: They are pictures.
        """
        found = tuple(item for item in self.inputs if isinstance(item, Text))
        if len(found) < len(self.inputs):
            raise DataError(f"{self.source} holds pictures", allowed="texts")
        return found

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for every output of a model; of classes their names."""
        return output_names(self.tasks)

    @property
    def label_column(self) -> str | None:
        """The column that the first task's labels came from, if there is one."""
        return self.tasks[0].column

    def take(self, rows: IntArray) -> Examples:
        """The rows asked for, in the order asked for; labels and their order stay.

        Args:
            rows: (M,) row numbers.
        """
        return replace(
            self,
            inputs=tuple(self.inputs[row] for row in rows),
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
            SetAside(self.inputs[row].name, reason, bad=True)
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
        return self.with_tasks((replace(self.tasks[0], labels=tuple(labels)),))

    def with_tasks(self, tasks: tuple[Task, ...]) -> Examples:
        """The same rows with their targets counted in other lists of labels.

        Args:
            tasks: A trained model's tasks, as many and of the same kinds.

        Raises:
            DataError: A row bears a label that is not among them, or the kinds differ.
        """
        columns = unpack(self.tasks, self.targets)
        moved = [
            recode(old, new, column, self.source)
            for old, new, column in zip(self.tasks, tasks, columns, strict=True)
        ]
        return replace(self, tasks=tasks, targets=pack(tasks, moved))

    def without_empty_classes(self) -> Examples:
        """Drops the names of classes that have no row left; the order of the others stays."""
        kept = [
            replace(task, labels=tuple(n for n, c in zip(task.labels, counts, strict=True) if c))
            if task.labels
            else task
            for task, counts in zip(self.tasks, self._support(self.targets), strict=True)
        ]
        return self.with_tasks(tuple(kept))

    def class_counts(self, rows: IntArray | None = None) -> dict[str, int]:
        """How many rows bear each label, in the labels' order; those that none bears are absent.

        Args:
            rows: Count only these; all when None.
        """
        found = self._support(self.targets if rows is None else self.targets[rows])
        counts = [
            count
            for task, column in zip(self.tasks, found, strict=True)
            for count in ([0] if task.kind == "regression" else column.tolist())
        ]
        return {name: count for name, count in zip(self.labels, counts, strict=True) if count}

    def _support(self, targets: Targets) -> list[IntArray]:
        columns = unpack(self.tasks, targets)
        return [support(task, column) for task, column in zip(self.tasks, columns, strict=True)]

    def digests(self) -> tuple[bytes | None, ...]:
        """The digest of each input; None where its bytes cannot be read."""
        if len(self) <= _CHUNK:
            return tuple(_digest(item) for item in self.inputs)
        chunks = (self.inputs[at : at + _CHUNK] for at in range(0, len(self), _CHUNK))
        workers = cores()
        digests = map_ahead(_digests, chunks, workers=workers, waiting=2 * workers)
        return tuple(chain.from_iterable(digests))

    def fingerprint(self) -> str:
        """SHA-256 (hex) of inputs, labels, groups and parts, row by row, without file names.

        Two data sets with equal fingerprints give equal runs. Pictures whose bytes cannot be
        read count as 32 zero bytes.
        """
        plain = is_plain(self.tasks)
        named = repr(self.labels if plain else [task.to_dict() for task in self.tasks])
        digest = hashlib.sha256(named.encode())
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
    tasks: Sequence[Task] | None = None,
    labelled: bool = True,
    set_aside: Iterable[SetAside] = (),
) -> Examples:
    """Builds `Examples` from rows; rows without any label are set aside where labels are wanted.

    Args:
        source: Where the rows come from.
        rows: In the data's order.
        labels: The class names in their order, where the source declares one; else they are
            sorted naturally. Names that no row bears are dropped.
        tasks: What each label column asks for, with the labels that the source declares; None
            stands for one class per row.
        labelled: Whether labels are wanted.
        set_aside: Inputs that the source left out already.
    """
    rows = list(rows)
    asked = (Task(labels=tuple(labels or ())),) if tasks is None else tuple(tasks)
    left_out = [*set_aside]
    if labelled:
        bare = [not any(cell is not None for cell in _cells(row, asked)) for row in rows]
        left_out += [
            SetAside(row.input.name, "no label")
            for row, empty in zip(rows, bare, strict=True)
            if empty
        ]
        rows = [row for row, empty in zip(rows, bare, strict=True) if not empty]
    cells = [[_cells(row, asked)[number] for row in rows] for number in range(len(asked))]
    found = tuple(
        replace(task, labels=known_labels(task, column))
        for task, column in zip(asked, cells, strict=True)
    )
    return Examples(
        source=source,
        inputs=tuple(row.input for row in rows),
        tasks=found,
        targets=encode(found, cells),
        groups=_group_numbers([row.group for row in rows]),
        parts=tuple(row.part for row in rows),
        set_aside=tuple(left_out),
    )


def _cells(row: Row, tasks: Sequence[Task]) -> tuple[Label | None, ...]:
    """The row's label for each task."""
    if isinstance(row.label, tuple):
        return row.label
    return (row.label,) if row.label is not None else (None,) * len(tasks)


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
    test = test.with_tasks(examples.tasks)
    return replace(
        examples,
        inputs=examples.inputs + test.inputs,
        targets=np.concatenate([examples.targets, test.targets]),
        groups=_joined_groups(examples, test),
        parts=examples.parts + (TEST,) * len(test),
        set_aside=examples.set_aside + test.set_aside,
        notes=tuple(dict.fromkeys(examples.notes + test.notes)),
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


def _digests(items: Sequence[Input]) -> list[bytes | None]:
    return [_digest(item) for item in items]


def _digest(item: Input) -> bytes | None:
    try:
        return item.digest()
    except DataError:
        return None  # opening it reports the reason
