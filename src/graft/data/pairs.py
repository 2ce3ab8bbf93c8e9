"""Texts with their translations, from any table: which column is what, and which rows are fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from graft.data.columns import Columns, Wanted, groups_of, parts_of, tells_part
from graft.data.examples import Examples, SetAside
from graft.data.huggingface import PREFIX, dataset_columns, download, is_dataset
from graft.data.lists import columns_of, is_columns
from graft.data.pair_lines import LINES, read_lines
from graft.data.parts import TEST
from graft.data.roles import no_column
from graft.data.tables import TABLES, read_table
from graft.data.texts import Text
from graft.data.units import units_of
from graft.data.unreadable import Unreadable
from graft.errors import DataError
from graft.types import IntArray, Task

SOURCES = ("source", "src", "source_text", "input", "text")
TARGETS = ("target", "tgt", "target_text", "translation", "label", "reference")
NESTED = "translation"
"""The column in which Hugging Face's data sets keep a dict of language to text."""
MOST_UNEQUAL = 9.0
"""Ratio of characters beyond which a pair is no translation (Moses' clean-corpus-n: 9)."""
SHORT = 40
"""Characters up to which a ratio says nothing."""
_ALLOWED = (
    "a .tsv, .csv, .jsonl or .parquet file, a Hugging Face data set, hf:NAME, a list of pairs, a "
    "dict of two columns, or (texts, translations)"
)


@dataclass(frozen=True, slots=True)
class _Pair:
    text: Text
    part: str
    group: str | None


def read_pairs(
    source: object,
    wanted: Wanted,
    test: object = None,
    languages: tuple[str | None, str | None] = (None, None),
) -> Examples:
    """Reads texts with their translations; what is no pair is set aside with its reason.

    Equal texts, equal translations and rows of one group form one group: no split takes them apart.

    Args:
        source: Any table, or plain Python values: a list of pairs, two lists, a dict of columns.
        wanted: `input` is the column of texts, `label` that of translations; found when None.
        test: Another source, which becomes the test part.
        languages: Codes of the two languages; columns of these names are taken.

    Raises:
        DataError: The source is no table of pairs.
    """
    if isinstance(source, Examples):
        return source
    kept, left_out, notes, shown = _read(source, wanted, languages, None)
    if test is not None:
        if any(pair.part == TEST for pair in kept):
            raise DataError(
                f"{shown} has a test part already, and another was given",
                allowed="one test part",
                next="leave --test away, or remove the test part from the data",
            )
        more = _read(test, wanted, languages, TEST)
        kept, left_out, notes = kept + more[0], left_out + more[1], notes + more[2]
    return _assembled(shown, kept, left_out, tuple(dict.fromkeys(notes)))


def read_sources(source: object, wanted: Wanted) -> tuple[Text | Unreadable, ...]:
    """The texts of a table whose translations are not asked for; every row keeps its place.

    Raises:
        DataError: There is no column of texts.
    """
    found: list[Text | Unreadable] = []
    for table in (_nested(each, wanted) for each in _tables(source, wanted)[0]):
        names = list(table.cells)
        usual = _usual(table.cells, SOURCES)
        name = wanted.input or usual or (names[0] if len(names) <= 2 else None)
        if name is None or name not in names:
            raise no_column(table.cells, f"{table.source} has no column of texts", name or "")
        for row, cell in enumerate(table.cells[name], 1):
            if isinstance(cell, str) and cell.strip():
                found.append(Text(cell, f"row {row}"))
            else:
                found.append(Unreadable(f"row {row}", f"no text in column '{name}'"))
    return tuple(found)


def _read(
    source: object,
    wanted: Wanted,
    languages: tuple[str | None, str | None],
    part: str | None,
) -> tuple[list[_Pair], list[SetAside], list[str], str]:
    tables, notes = _tables(source, wanted)
    kept: list[_Pair] = []
    left_out: list[SetAside] = []
    for table in (_nested(each, wanted) for each in tables):
        columns = _columns(table, wanted, languages)
        if wanted.input is None or wanted.label is None:
            notes.append(f"Texts are the column '{columns[0]}', translations '{columns[1]}'.")
        groups, parts = groups_of(table, wanted.group), parts_of(table)
        cells = zip(*(table.cells[name] for name in columns), groups, parts, strict=True)
        prefix = f"{table.part} row" if table.part else "row"
        for number, (first, second, group, declared) in enumerate(cells, 1):
            name = f"{prefix} {number}"
            place = part or declared
            reason = _fault(first, second, columns, tested=place == TEST)
            if reason:
                left_out.append(SetAside(name, reason))
            else:
                kept.append(_Pair(Text(str(first), name, str(second)), place, group))
    return kept, left_out, notes, tables[0].source


def _assembled(
    shown: str,
    pairs: Sequence[_Pair],
    left_out: Sequence[SetAside],
    notes: tuple[str, ...],
) -> Examples:
    if not pairs:
        raise DataError(
            f"{shown} holds no usable pairs ({len(left_out)} were set aside)",
            next="check the columns named with --input and --label",
        )
    return Examples(
        source=shown,
        inputs=tuple(pair.text for pair in pairs),
        tasks=(Task("translation"),),
        targets=np.array([[float(len(str(pair.text.second)))] for pair in pairs]),
        groups=_groups(pairs),
        parts=tuple(pair.part for pair in pairs),
        set_aside=tuple(left_out),
        notes=notes,
    )


def _groups(pairs: Sequence[_Pair]) -> IntArray:
    """A number for each set of rows that share a text, a translation or a group."""
    keys = (
        [" ".join(pair.text.content.split()) for pair in pairs],
        [" ".join(str(pair.text.second).split()) for pair in pairs],
        [pair.group for pair in pairs],
    )
    numbers = np.zeros(len(pairs), dtype=np.int64)
    for number, unit in enumerate(units_of(np.arange(len(pairs)), keys)):
        numbers[unit] = number
    return numbers


def _fault(first: object, second: object, names: Sequence[str], *, tested: bool) -> str | None:
    """Why a row is no pair; test rows are only asked whether they are complete."""
    for cell, name in zip((first, second), names, strict=True):
        if isinstance(cell, Unreadable):
            return cell.reason
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return f"no text in column '{name}'"
        if not isinstance(cell, str):
            return f"column '{name}' holds a {type(cell).__name__}, not a text"
    long, short = sorted((len(str(first)), len(str(second))), reverse=True)
    if not tested and long > SHORT and long > MOST_UNEQUAL * short:
        return f"{len(str(first))} and {len(str(second))} characters: no translation is so unequal"
    return None


def _tables(source: object, wanted: Wanted) -> tuple[list[Columns], list[str]]:
    """The tables of a source, and what is to be told of them."""
    if is_dataset(source):
        return dataset_columns(source, "the data set")[0], []
    if isinstance(source, (str, Path)):
        if str(source).startswith(PREFIX):
            return dataset_columns(download(str(source)), str(source))[0], []
        return _file(Path(source).expanduser(), str(source), wanted)
    if _is_pairs(source):
        return [columns_of(dict(zip(("source", "target"), _unzipped(source), strict=True)))], []
    if isinstance(source, (list, dict)) and not source:
        raise DataError("No pairs of texts were given", allowed=_ALLOWED)
    if is_columns(source):
        found = columns_of(source)
        if set(found.cells) == {"input", "label"}:
            renamed = {"source": found.cells["input"], "target": found.cells["label"]}
            found = replace(found, cells=renamed)
        return [found], []
    raise DataError(f"A {type(source).__name__} was given as pairs of texts", allowed=_ALLOWED)


def _file(path: Path, shown: str, wanted: Wanted) -> tuple[list[Columns], list[str]]:
    if not path.exists():
        raise DataError(f"{shown} does not exist", allowed=_ALLOWED, next="check the path")
    extension = path.suffix.lower()
    if path.is_dir() or extension not in TABLES:
        raise DataError(
            f"{shown} is no table", allowed=_ALLOWED, next="put both texts into one table"
        )
    if extension in LINES:
        named = (name.casefold() for name in (wanted.input, wanted.label) if name)
        found = read_lines(path, shown, (*SOURCES, *TARGETS, *named))
        if found is not None:
            return [found[0]], list(found[1])
    return [read_table(path, shown)], []


def _is_pairs(source: object) -> bool:
    if not isinstance(source, list) or not source:
        return False
    return all(
        isinstance(row, (list, tuple)) and [type(cell) for cell in row] == [str, str]
        for row in source
    )


def _unzipped(source: Any) -> Iterable[list[object]]:
    return map(list, zip(*source, strict=True))


def _nested(table: Columns, wanted: Wanted) -> Columns:
    """A table whose column of dicts, language to text, has become a column for each language."""
    cells = table.cells.get(NESTED)
    fitting = (cell is None or isinstance(cell, Mapping | Unreadable) for cell in cells or ())
    if not cells or not all(fitting):
        return table
    names = dict.fromkeys(name for cell in cells if isinstance(cell, Mapping) for name in cell)
    # Numbers, names of sources and the like beside the dicts are no texts, unless they are named.
    others = {name: column for name, column in table.cells.items() if name != NESTED}
    if len(names) == 2:
        kept = {wanted.group, wanted.input, wanted.label}
        others = {n: column for n, column in others.items() if n in kept or tells_part(n)}
    spread = {name: [_said_in(cell, name) for cell in cells] for name in names}
    return replace(table, cells=spread | others)


def _said_in(cell: object, language: str) -> object:
    return cell.get(language) if isinstance(cell, Mapping) else cell


def _usual(cells: Mapping[str, Sequence[object]], usual: Sequence[str]) -> str | None:
    folded = {name.strip().casefold(): name for name in reversed(list(cells))}
    return next((folded[name] for name in usual if name in folded), None)


def _columns(
    table: Columns, wanted: Wanted, languages: tuple[str | None, str | None]
) -> tuple[str, str]:
    """The columns of texts and of translations."""
    cells = table.cells
    for named in (wanted.input, wanted.label):
        if named is not None and named not in cells:
            raise no_column(cells, f"{table.source} has no column named '{named}'", named)
    texts = [name for name, column in cells.items() if any(isinstance(c, str) for c in column)]
    texts = [name for name in texts if name != wanted.group and not tells_part(name)]
    first = wanted.input or _language(cells, languages[0]) or _usual(cells, SOURCES)
    second = wanted.label or _language(cells, languages[1]) or _usual(cells, TARGETS)
    if len(texts) == 2:  # the one that is not known yet is the other one
        first = first or next((name for name in texts if name != second), None)
        second = second or next((name for name in texts if name != first), None)
    if first is None or second is None or first == second:
        lacking = "--input" if first is None else "--label"
        raise no_column(
            cells,
            f"It is not clear which columns of {table.source} hold texts and translations",
            "",
            f"name the column with {lacking} COLUMN",
        )
    return first, second


def _language(cells: Mapping[str, Sequence[object]], code: str | None) -> str | None:
    """The column named after a language: `en`, `eng_Latn`, `en_XX`."""
    if code is None:
        return None
    wanted = {code.casefold(), code.casefold().partition("_")[0]}
    return next((name for name in cells if name.casefold() in wanted), None)
