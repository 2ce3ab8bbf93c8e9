"""Pairs of texts from every source: columns, headers, what is set aside, groups."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graft.data import read, read_inputs, split
from graft.data.examples import TRANSLATION, Examples
from graft.data.texts import Text
from graft.data.unreadable import Unreadable
from graft.errors import DataError

PAIRS = [("a house", "ein Haus"), ("two houses", "zwei Häuser"), ("a dog", "ein Hund")]


def pairs_of(source: object, **columns: str) -> Examples:
    return read(source, modality=TRANSLATION, task=TRANSLATION, **columns)  # type: ignore[arg-type]


def said(examples: Examples) -> list[tuple[str, str | None]]:
    return [(text.content, text.second) for text in examples.inputs if isinstance(text, Text)]


@pytest.mark.parametrize(
    "source",
    [
        PAIRS,
        ([a for a, _ in PAIRS], [b for _, b in PAIRS]),
        {"source": [a for a, _ in PAIRS], "target": [b for _, b in PAIRS]},
        [{"src": a, "tgt": b} for a, b in PAIRS],
        [{"id": 7, "translation": {"en": a, "de": b}} for a, b in PAIRS],
    ],
)
def test_python_values(source: object) -> None:
    examples = pairs_of(source)
    assert said(examples) == PAIRS
    assert examples.modality == TRANSLATION
    assert examples.labels == ()


def test_files(tmp_path: Path) -> None:
    lines = [f"{a}\t{b}" for a, b in PAIRS]
    (tmp_path / "bare.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "named.tsv").write_text("\n".join(["en\tde", *lines]), encoding="utf-8")
    (tmp_path / "table.csv").write_text(
        "\n".join(["id,english,german", *(f'{n},"{a}","{b}"' for n, (a, b) in enumerate(PAIRS))])
    )
    rows = [{"translation": {"en": a, "de": b}} for a, b in PAIRS]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    bare = pairs_of(tmp_path / "bare.tsv")
    assert said(bare) == PAIRS
    assert "has no header" in bare.notes[0]
    for named in (
        pairs_of(tmp_path / "named.tsv"),
        pairs_of(tmp_path / "table.csv", input="english", label="german"),
        pairs_of(tmp_path / "rows.jsonl"),
        pairs_of(tmp_path / "rows.parquet"),
        pairs_of(datasets.Dataset.from_list(rows)),
    ):
        assert said(named) == PAIRS
        assert "header" not in " ".join(named.notes)
    turned = pairs_of(tmp_path / "named.tsv", input="de", label="en")
    assert said(turned) == [(b, a) for a, b in PAIRS]


def test_quotation_marks_in_lines_are_characters_unless_a_writer_put_them(tmp_path: Path) -> None:
    text = 'say "no"\tsag "nein"\n"Well\t"Na\n"he said ""go"" twice"\tx y\n'
    (tmp_path / "quoted.tsv").write_text(text, encoding="utf-8")
    assert said(pairs_of(tmp_path / "quoted.tsv")) == [
        ('say "no"', 'sag "nein"'),
        ('"Well', '"Na'),
        ('he said "go" twice', "x y"),
    ]


def test_whatever_stands_beside_nested_pairs_is_no_text(tmp_path: Path) -> None:
    rows = [
        {"id": f"doc-{n}", "translation": {"en": a, "de": b}, "split": "train"}
        for n, (a, b) in enumerate(PAIRS)
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows) + "{broken\n"
    (tmp_path / "rows.jsonl").write_text(content, encoding="utf-8")
    found = pairs_of(tmp_path / "rows.jsonl")
    assert said(found) == PAIRS
    assert {*found.parts} == {"train"}
    assert "no JSON" in found.set_aside[0].reason
    grouped = pairs_of(tmp_path / "rows.jsonl", group="id")
    assert said(grouped) == PAIRS


def test_lines_in_another_encoding_say_how_to_convert_them(tmp_path: Path) -> None:
    (tmp_path / "lines.tsv").write_bytes("over\tüber\n".encode("latin-1"))
    with pytest.raises(DataError, match="not text in UTF-8") as caught:
        pairs_of(tmp_path / "lines.tsv")
    assert "iconv" in caught.value.next


def test_columns_that_are_not_clear_or_not_there(tmp_path: Path) -> None:
    three = {"one": ["a b"], "two": ["c d"], "three": ["e f"]}
    with pytest.raises(DataError, match="not clear which columns"):
        pairs_of(three)
    with pytest.raises(DataError, match="no column named 'eno'"):
        pairs_of(three, input="eno", label="two")
    with pytest.raises(DataError, match="does not exist"):
        pairs_of(tmp_path / "nothing.tsv")
    with pytest.raises(DataError, match="is no table"):
        pairs_of(tmp_path)
    with pytest.raises(DataError, match="holds no usable pairs"):
        pairs_of([("", "x"), ("y", " ")])


def test_what_is_no_pair_is_set_aside_with_its_reason() -> None:
    long = "many words " * 30
    examples = pairs_of([*PAIRS, ("", "leer"), ("empty", "  "), (long, "kurz")])
    assert said(examples) == PAIRS
    reasons = [entry.reason for entry in examples.set_aside]
    assert reasons[:2] == ["no text in column 'source'", "no text in column 'target'"]
    assert "330 and 4 characters" in reasons[2]


def test_a_test_part_keeps_unequal_pairs() -> None:
    long = "many words " * 30
    examples = read(PAIRS, test=[(long, "kurz")], modality=TRANSLATION, task=TRANSLATION)
    assert said(examples)[-1] == (long, "kurz")
    assert examples.parts[-1] == "test"


def test_equal_texts_translations_and_groups_stay_on_one_side() -> None:
    rows = [{"source": f"text {n // 2}", "target": f"t {n}", "author": "x"} for n in range(40)]
    rows += [{"source": f"other {n}", "target": f"u {n // 2}", "author": "y"} for n in range(40)]
    examples = pairs_of(rows)
    parts = split(examples, seed=1)
    assert len(parts.test)
    assert len(parts.validation)
    sides = {
        row: side
        for side, held in enumerate((parts.train, parts.validation, parts.test))
        for row in held.tolist()
    }
    assert all(sides[n] == sides[n + 1] for n in range(0, 80, 2))
    with pytest.raises(DataError, match="No test part"):
        split(pairs_of(rows[:40], group="author"), seed=1)


def test_inputs_to_translate_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one\u2028line\n\nanother\n", encoding="utf-8")
    (tmp_path / "table.csv").write_text("text\nthis\n\nthat\n")
    found = read_inputs(["a text", "", str(tmp_path / "lines.txt")], TRANSLATION)
    assert [type(item) for item in found] == [Text, Unreadable, Text, Unreadable, Text]
    table = read_inputs([str(tmp_path / "table.csv")], TRANSLATION)
    assert [item.content for item in table if isinstance(item, Text)] == ["this", "that"]


def test_one_pair_and_none_are_too_few() -> None:
    with pytest.raises(DataError, match=r"No test part .* of the 1 usable rows") as told:
        split(pairs_of(PAIRS[:1]), seed=0)
    assert "two rows of two groups" in str(told.value)
    with pytest.raises(DataError, match="No pairs of texts were given"):
        pairs_of([])
