"""From named columns to examples: which column is what, and what a cell means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from graft.data.examples import TEXT, Examples, Input, Row, SetAside, assemble
from graft.data.label_columns import RowLabel, read_label_columns
from graft.data.parts import SPELLINGS, UNDECLARED, part_named
from graft.data.pictures import ArrayPicture, BytesPicture, FilePicture, ImagePicture, Picture
from graft.data.roles import InputColumns, find_inputs, no_column
from graft.data.shown import is_whole, shown
from graft.data.texts import Text
from graft.data.unreadable import Unreadable
from graft.errors import DataError
from graft.types import Task, slices

_LABELS = (
    *("label", "labels", "class", "target", "category", "y"),
    *("sentiment", "stars", "rating", "gold_label"),
)
_PARTS = ("split", "part", "fold")


@dataclass(frozen=True)
class Columns:
    """Named columns of equal length.

    Attributes:
        source: Where they come from, as the user named it.
        base: The folder against which relative paths resolve.
        cells: Column name to its cells.
        class_names: For columns of class numbers, what the numbers stand for.
        part: The part that all rows belong to; '' where a column may tell.
    """

    source: str
    base: Path
    cells: Mapping[str, Sequence[object]]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    part: str = UNDECLARED

    def __len__(self) -> int:
        return len(next(iter(self.cells.values()), ()))


@dataclass(frozen=True)
class Wanted:
    """The columns that the user named; None means: find it.

    Attributes:
        input: Paths, pictures or texts; two columns with a comma between them are pairs.
        label: Class names.
        group: What must stay on one side of a split.
        labelled: Whether labels are wanted at all.
        labels: Several label columns, instead of `label`.
        task: The kinds of task, as `graft.data.kinds.kinds_named` takes them.
        modality: `image` or `text` where something else than the data decides it.
        every_row: Whether rows that cannot be read or have no label keep their place.
        remembered: Input and label column that a model was trained on: taken where a table has
            them and no others are named.
    """

    input: str | None = None
    label: str | None = None
    group: str | None = None
    labelled: bool = True
    labels: tuple[str, ...] = ()
    task: str | None = None
    modality: str | None = None
    every_row: bool = False
    remembered: tuple[str | None, str | None] = (None, None)

    def within(self, cells: Mapping[str, object]) -> Wanted:
        """The same with what is remembered, as far as these columns have it."""
        inputs, label = self.remembered
        if inputs is None or not all(name.strip() in cells for name in inputs.split(",")):
            inputs = None
        if self.labels or label not in cells:
            label = None
        return replace(self, input=self.input or inputs, label=self.label or label)


@dataclass(frozen=True)
class _Cells:
    """The rows of one table, and what it left out."""

    rows: list[Row]
    left_out: list[SetAside]


def read_columns(tables: Sequence[Columns], wanted: Wanted) -> Examples:
    """Reads the rows of one or several tables with the same columns.

    Raises:
        DataError: A column is missing, or its cells are not what it should hold.
    """
    wanted = wanted.within(tables[0].cells)
    tasks, labels = _labels(tables, wanted)
    read = [_read_one(t, wanted, part, tasks) for t, part in zip(tables, labels, strict=True)]
    source = tables[0].source
    rows = [row for cells in read for row in cells.rows]
    left_out = [entry for cells in read for entry in cells.left_out]
    if not rows:
        raise DataError(
            f"{source} holds no usable rows ({len(left_out)} without input or label)",
            next="check the columns named with --input and --label",
        )
    _check_files(source, rows, tables[0].base)
    return assemble(
        source,
        rows,
        tasks=tasks or None,
        labelled=wanted.labelled and not wanted.every_row,
        set_aside=left_out,
    )


def roles(table: Columns, wanted: Wanted) -> dict[str, str]:
    """What each column of a table is taken for: `input`, `label`, `group`, `part` or `unused`.

    Raises:
        DataError: A column that is needed is not there.
    """
    found: dict[str, str] = {}
    if wanted.labelled:
        named = wanted.labels or (_column(table, "label", wanted.label, _LABELS),)
        found |= dict.fromkeys(named, "label")
    if wanted.group is not None:
        found[_column(table, "group", wanted.group, ())] = "group"
    inputs = find_inputs(table.source, table.cells, wanted.input, [*found], wanted.modality)
    found |= dict.fromkeys(inputs.names, "input")
    part = next((name for name in table.cells if tells_part(name)), None)
    if part is not None:
        found.setdefault(part, "part")
    return {name: found.get(name, "unused") for name in table.cells}


def _labels(
    tables: Sequence[Columns], wanted: Wanted
) -> tuple[tuple[Task, ...], list[list[RowLabel]]]:
    """The tasks, and the labels of each table's rows."""
    if not wanted.labelled:
        return (), [[None] * len(table) for table in tables]
    named = wanted.labels or (_column(tables[0], "label", wanted.label, _LABELS),)
    if len(set(named)) < len(named):
        raise DataError(
            f"A label column is named twice: {', '.join(named)}", allowed="each column once"
        )
    chosen = [[table.cells[_column(table, "label", n, ())] for table in tables] for n in named]
    cells = {
        name: [None if isinstance(c, Unreadable) else c for c in chain(*parts)]
        for name, parts in zip(named, chosen, strict=True)
    }
    tasks, labels = read_label_columns(cells, tables[0].class_names, wanted.task)
    return tasks, [labels[place] for place in slices(map(len, tables))]


def _read_one(
    table: Columns, wanted: Wanted, labels: Sequence[RowLabel], tasks: Sequence[Task]
) -> _Cells:
    label_columns = ", ".join(f"'{task.name}'" for task in tasks)
    others = [name for name in (*(task.column for task in tasks), wanted.group) if name]
    inputs = find_inputs(table.source, table.cells, wanted.input, others, wanted.modality)
    names = _row_names(table, inputs)
    groups = groups_of(table, wanted.group)
    parts = parts_of(table)
    what = f"no {'text' if inputs.modality == TEXT else 'picture'} in column "
    needed = [table.cells[n] for n in (*inputs.names, *others)]
    rows, left_out = [], []
    for number, cells in enumerate(zip(*(table.cells[n] for n in inputs.names), strict=True)):
        broken = next((c[number] for c in needed if isinstance(c[number], Unreadable)), None)
        empty = next((n for n, c in zip(inputs.names, cells, strict=True) if _is_empty(c)), None)
        reason = broken.reason if isinstance(broken, Unreadable) else None
        reason = reason or (f"{what}'{empty}'" if empty is not None else None)
        item = None if reason else _input(cells, names[number], table.base, inputs)
        if isinstance(item, Unreadable):
            reason, item = item.reason, None
        if item is None and (wanted.every_row or not wanted.labelled):
            item = Unreadable(names[number], str(reason))
        if item is None:
            left_out.append(SetAside(names[number], str(reason), bad=True))
        elif wanted.labelled and labels[number] is None and not wanted.every_row:
            left_out.append(SetAside(names[number], f"no label in column {label_columns}"))
        else:
            rows.append(Row(item, labels[number], parts[number], groups[number]))
    return _Cells(rows, left_out)


def _is_empty(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _input(cells: Sequence[object], name: str, base: Path, columns: InputColumns) -> Input:
    if columns.modality != TEXT:
        return _picture(cells[0], name, base, columns.names[0])
    texts = []
    for cell, column in zip(cells, columns.names, strict=True):
        if not isinstance(cell, str):
            raise DataError(
                f"Column '{column}' holds a {type(cell).__name__}, not a text: {cell!r:.80}",
                allowed="texts",
                next="name the column of texts with --input",
            )
        if not is_whole(cell):
            return Unreadable(name, "the text holds half of a character")
        texts.append(cell)
    return Text(texts[0], name, texts[1] if len(texts) > 1 else None)


def _column(table: Columns, role: str, named: str | None, usual: Sequence[str]) -> str:
    """The column for a role: the one named, else the first that bears a usual name."""
    columns = list(table.cells)
    if named is not None:
        if named in columns:
            return named
        raise no_column(table.cells, f"{table.source} has no column named '{named}'", named)
    folded = {name.strip().casefold(): name for name in reversed(columns)}
    found = next((folded[name] for name in usual if name in folded), None)
    if found is None:
        problem = f"None of the columns of {table.source} has a usual name for the {role}"
        raise no_column(table.cells, problem, "", f"name the column with --{role} COLUMN")
    return found


def _row_names(table: Columns, inputs: InputColumns) -> list[str]:
    """The path where the cell has one, else the row's number, counted from 1."""
    prefix = f"{table.part} row" if table.part else "row"
    cells = table.cells[inputs.names[0]]
    if inputs.modality == TEXT:
        return [f"{prefix} {number}" for number in range(1, len(cells) + 1)]
    return [shown(_path_in(cell) or f"{prefix} {number}") for number, cell in enumerate(cells, 1)]


def _path_in(cell: object) -> str | None:
    path = cell.get("path") if isinstance(cell, dict) else cell
    return path if isinstance(path, str) and path else None


def groups_of(table: Columns, column: str | None) -> list[str | None]:
    """The group of each row; None where it has none."""
    if column is None:
        return [None] * len(table)
    cells = table.cells[_column(table, "group", column, ())]
    return [None if cell is None or cell == "" else str(cell) for cell in cells]


def parts_of(table: Columns) -> list[str]:
    """The declared part of each row: the table's own, or that of a column such as `split`."""
    if table.part:
        return [table.part] * len(table)
    for column, cells in table.cells.items():
        if not tells_part(column):
            continue
        texts = [
            "" if cell is None or isinstance(cell, Unreadable) else str(cell).strip()
            for cell in cells
        ]
        if any(part_named(text) for text in texts):
            return [_declared(text, column) for text in texts]
    return [UNDECLARED] * len(table)


def tells_part(column: str) -> bool:
    """Whether a column of this name may say which part a row belongs to."""
    return column.strip().casefold() in _PARTS


def _declared(text: str, column: str) -> str:
    part = part_named(text) if text else UNDECLARED
    if part is None:
        raise DataError(
            f"Column '{column}' says '{text}' where other rows name train, validation or test",
            allowed=f"{SPELLINGS}, or nothing",
            next="correct the cell, or rename the column if it means something else",
        )
    return part


def _picture(cell: object, name: str, base: Path, column: str) -> Picture:
    if isinstance(cell, dict):
        data = cell.get("bytes")
        cell = data if data is not None else cell.get("path")
    if isinstance(cell, str):
        return FilePicture(base / cell, shown(cell))
    if isinstance(cell, (bytes, bytearray)):
        return BytesPicture(bytes(cell), name)
    if isinstance(cell, Image.Image):
        return ImagePicture(cell, name)
    if isinstance(cell, np.ndarray):
        return ArrayPicture(cell, name)
    raise DataError(
        f"Column '{column}' holds a {type(cell).__name__}, not a picture: {cell!r:.80}",
        allowed="paths, or embedded pictures",
        next="name the column of paths with --input",
    )


def _check_files(source: str, rows: Sequence[Row], base: Path) -> None:
    """A table none of whose files exist is one mistake, not N."""
    paths = [row.input.path for row in rows if isinstance(row.input, FilePicture)]
    if len(paths) == len(rows) and not any(path.exists() for path in paths):
        raise DataError(
            f"None of the {len(rows)} files that {source} names exists, such as {paths[0]}",
            allowed=f"paths that are absolute or relative to {base}",
            next="move the table beside the pictures, or correct the paths",
        )
