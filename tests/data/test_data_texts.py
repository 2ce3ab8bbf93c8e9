"""Texts: found in every kind of source, and told from pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from graft.data import read, read_inputs
from graft.data.batches import Batches
from graft.data.texts import Text
from graft.errors import DataError

ROWS: list[dict[str, object]] = [
    {"text": "a good film", "label": "pos", "group": "x"},
    {"text": "a bad film", "label": "neg", "group": "x"},
    {"text": "fine, really", "label": "pos", "group": "y"},
]


def table(folder: Path, rows: list[dict[str, object]], name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_the_same_rows_from_every_kind_of_table(tmp_path: Path) -> None:
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = 'text,label,group\na good film,pos,x\na bad film,neg,x\n"fine, really",pos,y\n'
    (tmp_path / "t.csv").write_text(lines, encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "t.parquet")
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    sources: list[object] = [
        tmp_path / "t.csv",
        table(tmp_path, ROWS),
        tmp_path / "t.parquet",
        columns,
        [*ROWS],
        datasets.Dataset.from_list(ROWS),
    ]
    found = [read(source, group="group") for source in sources]
    for examples in found:
        assert examples.modality == "text"
        assert [text.content for text in examples.texts] == columns["text"]
        assert examples.labels == ("neg", "pos")
        assert examples.fingerprint() == found[0].fingerprint()


def test_inputs_and_labels() -> None:
    examples = read((["good", "bad", "fine"], [1, 0, 1]))
    assert [text.content for text in examples.texts] == ["good", "bad", "fine"]
    paired = read(([("a", "b"), ("c", "d")], ["x", "y"]))
    assert [(text.content, text.second) for text in paired.texts] == [("a", "b"), ("c", "d")]
    with pytest.raises(DataError, match="do not fit"):
        read((["good", "bad"], [1]))


def test_pairs_by_name_or_by_their_usual_names(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"premise": "it rains", "hypothesis": "it is wet", "label": "yes"},
        {"premise": "it rains", "hypothesis": "it is dry", "label": "no"},
    ]
    path = table(tmp_path, rows)
    for examples in (read(path), read(path, input="premise,hypothesis")):
        assert [text.second for text in examples.texts] == ["it is wet", "it is dry"]


def test_prose_is_found_without_a_usual_name(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": f"r{n}", "remark": f"word number {n} of it", "label": str(n % 2)} for n in range(9)
    ]
    assert read(table(tmp_path, rows)).texts[0].content == "word number 0 of it"
    rows = [{**row, "other": f"some more words {n}"} for n, row in enumerate(rows)]
    with pytest.raises(DataError, match="Several columns"):
        read(table(tmp_path, rows))
    assert read(table(tmp_path, rows), input="other").texts[1].content == "some more words 1"


def test_pictures_beside_texts_are_ambiguous(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"image": f"{n}.png", "text": f"picture {n}", "label": str(n % 2)} for n in range(4)
    ]
    for number in range(4):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.png")
    path = table(tmp_path, rows)
    with pytest.raises(DataError, match="a column of pictures") as caught:
        read(path)
    assert "--input image" in str(caught.value)
    assert read(path, input="text").modality == "text"
    assert read(path, input="image").modality == "image"
    assert read(path, modality="text").modality == "text"
    assert read(path, modality="image").modality == "image"


def test_class_folders_of_text_files(tmp_path: Path) -> None:
    for label in ("neg", "pos"):
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.txt").write_text(f"{label} {number}", encoding="utf-8")
    (tmp_path / "pos" / "bad.txt").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "pos" / "empty.txt").write_text(" ")
    examples = read(tmp_path)
    assert examples.modality == "text"
    assert len(examples) == 6
    reasons = {Path(item.input).name: item.reason for item in examples.set_aside}
    assert reasons == {
        "bad.txt": "the file is not text in UTF-8",
        "empty.txt": "the file holds no text",
    }
    for number in range(6):
        Image.new("RGB", (4, 4)).save(tmp_path / "pos" / f"{number}.png")
    with pytest.raises(DataError, match="6 pictures and 8 texts"):
        read(tmp_path)
    assert read(tmp_path, modality="image", min_classes=1).modality == "image"


def test_files_of_other_encodings_are_read_and_told_or_set_aside(tmp_path: Path) -> None:
    texts = {
        "utf-8-sig": "Größe",
        "utf-16": "Größe",
        "latin-1": "Größe über alles",
        "cp1251": "Привет всем",
        "shift-jis": "こんにちは",
    }
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for encoding, text in texts.items():
            path = tmp_path / label / f"{encoding}.txt"
            path.write_bytes(f"{label} {text}".encode(encoding))
    (tmp_path / "a" / "zip.txt").write_bytes(b"PK\x03\x04\x14\x00\xff\xe9ordinary letters")
    examples = read(tmp_path)
    assert {text.content for text in examples.texts if text.content.startswith("a ")} == {
        "a Größe",
        "a Größe über alles",
    }
    assert len(examples) == 6
    aside = sorted(Path(item.input).name for item in examples.set_aside)
    assert aside == ["cp1251.txt"] * 2 + ["shift-jis.txt"] * 2 + ["zip.txt"]
    told = "text files are not in UTF-8 and were read as Windows-1252 (Latin-1)."
    assert examples.notes == (f"2 of 6 {told}",)
    joined = read({"text": ["x", "y"], "label": ["a", "b"]}, test=tmp_path)
    assert joined.notes == (f"2 of 6 {told}",)


def test_the_wrong_kind_for_a_backbone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="None of the 3 files"):
        read(table(tmp_path, [{"path": f"{n}.png", "label": "a"} for n in range(3)]))
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "a" / "0.png")
    with pytest.raises(DataError):
        read(tmp_path, modality="text")


def test_empty_texts_are_set_aside(tmp_path: Path) -> None:
    rows = [*ROWS]
    rows.append({"text": "  ", "label": "pos", "group": "z"})
    (item,) = read(table(tmp_path, rows)).set_aside
    assert (item.input, item.reason) == ("row 4", "no text in column 'text'")


def test_inputs_to_predict(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("from a file", encoding="utf-8")
    sources = ["a text", str(path), ("first", "second"), table(tmp_path, ROWS)]
    found = read_inputs(sources, "text")
    assert all(isinstance(item, Text) for item in found)
    texts = [item.content for item in found if isinstance(item, Text)]
    assert texts[:3] == ["a text", "from a file", "first"]
    assert len(texts) == 6


def test_batches_by_length_hold_every_row_once_and_pad_little() -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 101)
    batches = Batches(
        torch.from_numpy,
        np.arange(101),
        8,
        shuffle=True,
        seed=0,
        lengths=lengths,
    )
    epochs = [[batch.targets.numpy() for batch in batches.epoch(n)] for n in range(2)]
    for epoch in epochs:
        assert sorted(np.concatenate(epoch).tolist()) == list(range(101))
        padded = sum(lengths[rows].max() * len(rows) for rows in epoch)
        assert padded < 1.15 * lengths.sum()
    assert [len(rows) for rows in epochs[0]] == [8] * 12 + [5]
    assert any((a != b).any() for a, b in zip(epochs[0][:12], epochs[1][:12], strict=True))
