"""Which column of a table holds the inputs, and whether they are pictures or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePath

from graft.data.examples import IMAGE, TEXT
from graft.data.folders import PICTURE_EXTENSIONS
from graft.data.unreadable import Unreadable
from graft.errors import DataError

PICTURE_COLUMNS = ("path", "file", "filename", "image", "img", "picture", "image_path", "file_name")
TEXT_COLUMNS = ("text", "sentence", "review", "tweet", "utterance", "comment")
# Beside a column of pictures these are remarks on them.
REMARK_COLUMNS = ("content", "document", "body", "message", "description", "title", "query")
PAIRED_COLUMNS = (
    *(("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2")),
    *(("text", "text_pair"), ("text_a", "text_b"), ("text1", "text2"), ("question", "sentence")),
    *(("question", "passage"), ("query", "document"), ("question", "answer")),
)
# What plain Python lists are called.
GIVEN = "input"
# A column is one of pictures (or texts) when at least this share of its cells looks so.
CLEAR_SHARE = 0.9
LOOKED_AT = 1000
LONGEST_PATH = 1024
FEWEST_WORDS = 3.0

Cells = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class InputColumns:
    """The columns of the inputs.

    Attributes:
        modality: `image` or `text`.
        names: One column; two where each row is a pair of texts.
    """

    modality: str
    names: tuple[str, ...]


def find_inputs(
    source: str, cells: Cells, named: str | None, others: Sequence[str], modality: str | None
) -> InputColumns:
    """The input columns: those named, else those with a usual name, else those of paths of pictures
    or of free text where there is one such column.

    Args:
        source: What messages call the table.
        cells: Column name to cells.
        named: A column, or two with a comma between them; None to find it.
        others: Columns with another role, which are not looked at.
        modality: `image` or `text` where the backbone decides it; None to find out.

    Raises:
        DataError: There is no such column, or it is not clear which is meant.
    """
    if named is not None:
        return _named(source, cells, named, modality)
    if GIVEN in cells:
        return _named(source, cells, GIVEN, modality)
    free = {name: column for name, column in cells.items() if name not in others}
    folded = {name.strip().casefold(): name for name in reversed(free)}
    picture = next((folded[name] for name in PICTURE_COLUMNS if name in folded), None)
    text = _usual_texts(folded, TEXT_COLUMNS)
    if modality is None and picture and text:
        raise _both(source, picture, ",".join(text))
    if picture and modality != TEXT:
        return InputColumns(IMAGE, (picture,))
    unclear = not text and modality != TEXT
    paths = [name for name, column in free.items() if unclear and _is_paths(column)]
    if len(paths) == 1:
        return InputColumns(IMAGE, (paths[0],))
    text = text or _usual_texts(folded, REMARK_COLUMNS)
    if text and modality != IMAGE:
        return InputColumns(TEXT, text)
    prose = [name for name, column in free.items() if _is_prose(column)]
    if len(prose) == 1 and modality != IMAGE:
        return InputColumns(TEXT, (prose[0],))
    raise _unknown(source, cells, paths, prose)


def _named(source: str, cells: Cells, named: str, modality: str | None) -> InputColumns:
    names = (named,) if named in cells else tuple(part.strip() for part in named.split(","))
    for name in names:
        if name not in cells:
            raise no_column(cells, f"{source} has no column named '{name}'", name)
    if len(names) > 2:
        raise DataError(
            f"--input names {len(names)} columns", allowed="one column, or two for pairs of texts"
        )
    if len(names) == 2:
        return InputColumns(TEXT, names)
    return InputColumns(modality or _kind_of(source, names[0], cells[names[0]]), names)


def _usual_texts(folded: Mapping[str, str], usual: Sequence[str]) -> tuple[str, ...] | None:
    for pair in PAIRED_COLUMNS:
        if all(name in folded for name in pair):
            return tuple(folded[name] for name in pair)
    return next(((folded[name],) for name in usual if name in folded), None)


def _kind_of(source: str, name: str, column: Sequence[object]) -> str:
    """What the cells of a column are.

    Raises:
        DataError: Some look like paths of pictures, some do not.
    """
    if name.strip().casefold() in PICTURE_COLUMNS:
        return IMAGE
    filled = [
        cell
        for cell in column
        if cell is not None and cell != "" and not isinstance(cell, Unreadable)
    ][:LOOKED_AT]
    words = [cell for cell in filled if isinstance(cell, str)]
    if len(words) < len(filled) or not filled:
        return IMAGE  # embedded pictures; anything else is refused when it is read
    share = sum(map(_is_picture_path, words)) / len(words)
    if share >= CLEAR_SHARE:
        return IMAGE
    if share <= 1 - CLEAR_SHARE:
        return TEXT
    raise DataError(
        f"Column '{name}' of {source} holds {share:.0%} names of picture files and else texts",
        allowed="paths of pictures, or texts",
        next="keep one kind, or name a --backbone, which decides it",
    )


def _is_picture_path(cell: str) -> bool:
    return (
        len(cell) <= LONGEST_PATH
        and "\n" not in cell
        and PurePath(cell.strip()).suffix.lower() in PICTURE_EXTENSIONS
    )


def _is_paths(column: Sequence[object]) -> bool:
    """Whether a column holds paths of pictures."""
    words = [cell for cell in column if isinstance(cell, str) and cell][:LOOKED_AT]
    return bool(words) and sum(map(_is_picture_path, words)) >= CLEAR_SHARE * len(words)


def _is_prose(column: Sequence[object]) -> bool:
    """Whether a column holds free text: words, and not the same few values over and over."""
    words = [cell for cell in column if isinstance(cell, str) and cell][:LOOKED_AT]
    if not words or any(map(_is_picture_path, words[:10])):
        return False
    mean = sum(len(cell.split()) for cell in words) / len(words)
    return mean >= FEWEST_WORDS and len(set(words)) > len(words) / 2


def _both(source: str, picture: str, text: str) -> DataError:
    return DataError(
        f"{source} has a column of pictures ('{picture}') and one of texts ('{text}')",
        allowed="one of them to learn from",
        next=f"say which with --input {picture} or --input {text}",
    )


def _unknown(source: str, cells: Cells, paths: Sequence[str], prose: Sequence[str]) -> DataError:
    if len(paths) > 1:
        found = f"Several columns of {source} hold paths of pictures: {', '.join(paths)}"
    elif len(prose) > 1:
        found = f"Several columns of {source} hold texts: {', '.join(prose)}"
    else:
        found = f"None of the columns of {source} has a usual name for the input"
    return no_column(cells, found, "", "name the column with --input COLUMN")


def no_column(cells: Cells, found: str, name: str, advice: str = "") -> DataError:
    """The error for a column that is not there, with the one that was probably meant."""
    folded = {column.casefold(): column for column in cells}
    near = get_close_matches(name.casefold(), folded, n=1)
    if near:
        advice = f"did you mean '{folded[near[0]]}'?"
    return DataError(found, allowed=", ".join(cells), next=advice or "name one of them")
