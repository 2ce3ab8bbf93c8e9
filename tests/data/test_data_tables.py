from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from graft.data.pictures import BytesPicture, FilePicture
from graft.data.read import read
from graft.errors import DataError

MakePicture = Callable[[Path, int], Path]
Rows = Sequence[dict[str, Any]]


def write_csv(path: Path, rows: Rows, separator: str = ",") -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *[["" if row.get(n) is None else str(row[n]) for n in names] for row in rows]]
    path.write_text("".join(separator.join(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_json(path: Path, rows: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


WRITERS = {
    "t.csv": write_csv,
    "t.tsv": lambda path, rows: write_csv(path, rows, "\t"),
    "t.CSV": lambda path, rows: write_csv(path, rows, ";"),
    "t.jsonl": write_json,
    "t.ndjson": write_json,
    "t.parquet": write_parquet,
}


@pytest.fixture
def rows(tmp_path: Path, make_picture: MakePicture) -> Rows:
    """Six rows whose pictures lie in a folder beside the table."""
    for number in range(6):
        make_picture(tmp_path / "pics" / f"{number}.png", number)
    return [
        {"path": f"pics/{n}.png", "label": "01" if n % 2 else "1", "patient": f"p{n // 2}"}
        for n in range(6)
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_all_formats_give_the_same_rows(tmp_path: Path, rows: Rows, name: str) -> None:
    examples = read(WRITERS[name](tmp_path / name, rows), group="patient")
    assert examples.labels == ("01", "1")
    assert examples.targets.tolist() == [1, 0, 1, 0, 1, 0]
    assert examples.groups is not None
    assert examples.groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert [picture.name for picture in examples.pictures] == [row["path"] for row in rows]
    assert examples.label_column == "label"
    assert all(picture.open().size == (12, 9) for picture in examples.pictures)


def test_paths_resolve_against_the_table_not_the_working_folder(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = write_csv(tmp_path / "t.csv", rows)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read(Path("..") / table.name).pictures[0].open().size == (12, 9)


@pytest.mark.parametrize(
    ("input_name", "label_name"),
    [("File", "Class"), ("image_path", "target"), ("IMG", "Category"), ("filename", "y")],
)
def test_usual_column_names_are_found(
    tmp_path: Path, rows: Rows, input_name: str, label_name: str
) -> None:
    renamed = [{"id": n, input_name: r["path"], label_name: r["label"]} for n, r in enumerate(rows)]
    examples = read(write_csv(tmp_path / "t.csv", renamed))
    assert examples.label_column == label_name
    assert len(examples) == 6


def test_named_columns_win(tmp_path: Path, rows: Rows) -> None:
    examples = read(write_csv(tmp_path / "t.csv", rows), label="patient")
    assert examples.labels == ("p0", "p1", "p2")


@pytest.mark.parametrize("role", ["input", "label", "group"])
def test_a_missing_column_is_answered_with_the_columns(
    tmp_path: Path, rows: Rows, role: str
) -> None:
    table = write_csv(tmp_path / "t.csv", rows)
    named = {role: "Pathient"}
    with pytest.raises(DataError, match="no column named 'Pathient'") as caught:
        read(table, input=named.get("input"), label=named.get("label"), group=named.get("group"))
    assert caught.value.allowed == "path, label, patient"
    assert "did you mean 'patient'" in caught.value.next


def test_columns_without_usual_names_ask_for_an_option(tmp_path: Path, rows: Rows) -> None:
    renamed = [{"path": row["path"], "species": row["label"]} for row in rows]
    with pytest.raises(DataError, match="usual name for the label") as caught:
        read(write_csv(tmp_path / "t.csv", renamed))
    assert "--label" in caught.value.next
    assert caught.value.allowed == "path, species"


def test_a_column_of_paths_needs_no_usual_name(tmp_path: Path, rows: Rows) -> None:
    renamed = [
        {
            "Aufnahme": f"am {n}. Mai bei gutem Licht",
            "Bild-Datei": row["path"],
            "label": row["label"],
        }
        for n, row in enumerate(rows)
    ]
    table = write_csv(tmp_path / "t.csv", renamed)
    assert [p.name for p in read(table).pictures] == [row["path"] for row in rows]


def test_of_two_columns_of_paths_one_has_to_be_named(tmp_path: Path, rows: Rows) -> None:
    doubled = [{"left": row["path"], "right": row["path"], "label": row["label"]} for row in rows]
    with pytest.raises(DataError, match="paths of pictures: left, right") as caught:
        read(write_csv(tmp_path / "t.csv", doubled))
    assert "--input" in caught.value.next


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_rows_without_label_or_picture_are_set_aside_and_order_stays(
    tmp_path: Path, rows: Rows, name: str
) -> None:
    faulty = [dict(row) for row in rows]
    faulty[1]["label"] = None
    faulty[3]["path"] = None
    examples = read(WRITERS[name](tmp_path / name, faulty))
    assert [(s.input, s.reason) for s in examples.set_aside] == [
        ("pics/1.png", "no label in column 'label'"),
        ("row 4", "no picture in column 'path'"),
    ]
    kept = [rows[n]["path"] for n in (0, 2, 4, 5)]
    assert [picture.name for picture in examples.pictures] == kept


def test_na_is_a_word_and_quotes_hold_commas_and_lines(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "t.csv").write_text(
        '\ufeffpath,label,note\npics/0.png,NA,"a, b"\npics/1.png,null,"two\nlines"\n'
    )
    assert read(tmp_path / "t.csv").labels == ("NA", "null")


def test_a_split_column_declares_parts(tmp_path: Path, rows: Rows) -> None:
    parts = ["train", "Train", "val", "test", None, "training"]
    declared = [{**row, "split": part} for row, part in zip(rows, parts, strict=True)]
    examples = read(write_csv(tmp_path / "t.csv", declared))
    assert examples.parts == ("train", "train", "validation", "test", "", "train")


def test_a_fold_column_of_numbers_declares_nothing(tmp_path: Path, rows: Rows) -> None:
    numbered = [{**row, "fold": n % 3} for n, row in enumerate(rows)]
    assert read(write_csv(tmp_path / "t.csv", numbered)).parts == ("",) * 6


def test_a_misspelt_part_is_refused(tmp_path: Path, rows: Rows) -> None:
    declared = [{**row, "split": "train" if n else "trian"} for n, row in enumerate(rows)]
    with pytest.raises(DataError, match="'trian'"):
        read(write_csv(tmp_path / "t.csv", declared))


def test_a_quantity_is_regression_and_refused_as_classes(tmp_path: Path, rows: Rows) -> None:
    priced = [{**row, "label": n + 0.5} for n, row in enumerate(rows)]
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        path = WRITERS[name](tmp_path / name, priced)
        found = read(path)
        assert [task.kind for task in found.tasks] == ["regression"]
        assert found.targets.ravel().tolist() == [n + 0.5 for n in range(6)]
        with pytest.raises(DataError, match="classes are asked for"):
            read(path, task="classification")


def test_a_table_none_of_whose_files_exist_is_one_mistake(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="None of the 6 files"):
        read(write_csv(tmp_path / "sub" / "t.csv", rows))


def test_single_missing_files_show_when_they_are_opened(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "pics" / "2.png").unlink()
    examples = read(write_csv(tmp_path / "t.csv", rows))
    assert len(examples) == 6
    with pytest.raises(DataError, match="does not exist"):
        examples.pictures[2].open()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b""),
        ("t.csv", b"path,label\n"),
        ("t.csv", b"path,label\na.png,x,y\n"),
        ("t.csv", b"path,label,label\na.png,x,y\n"),
        ("t.csv", b"path,label\n\xff\xfe\xff.png,x\n"),
        ("t.jsonl", b""),
        ("t.jsonl", b'{"path": "a.png", "label"'),
        ("t.jsonl", b"[1, 2]\n"),
        ("t.parquet", b"PAR1 not really"),
        ("t.npz", b"PK nor this"),
        ("t.xlsx", b"x"),
        ("t.zip", b"x"),
    ],
)
def test_unreadable_files_are_one_message(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name)
    assert name in caught.value.found
    assert "\n" not in caught.value.found


def png(seed: int) -> bytes:
    buffer = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_parquet_holds_embedded_pictures_and_class_names(tmp_path: Path) -> None:
    table = pa.table(
        {
            "image": [{"bytes": png(0), "path": None}, {"bytes": png(1), "path": "b.png"}],
            "label": [1, 0],
        }
    )
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    described = json.dumps({"info": {"features": features}})
    pq.write_table(
        table.replace_schema_metadata({"huggingface": described}), tmp_path / "t.parquet"
    )
    examples = read(tmp_path / "t.parquet")
    assert examples.labels == ("cat", "dog")
    assert examples.targets.tolist() == [1, 0]
    assert [picture.name for picture in examples.pictures] == ["row 1", "b.png"]
    assert all(isinstance(picture, BytesPicture) for picture in examples.pictures)
    assert examples.pictures[0].open().size == (5, 4)


def test_a_test_table_joins_as_the_test_part(tmp_path: Path, rows: Rows) -> None:
    main = write_csv(tmp_path / "main.csv", rows[:4])
    other = write_csv(tmp_path / "other.csv", rows[4:])
    examples = read(main, test=other, group="patient")
    assert examples.parts == ("",) * 4 + ("test",) * 2
    assert isinstance(examples.pictures[5], FilePicture)
    assert examples.groups is not None
    assert examples.groups.tolist() == [0, 0, 1, 1, 2, 2]


def test_unknown_labels_in_the_test_part_are_refused(tmp_path: Path, rows: Rows) -> None:
    main = write_csv(tmp_path / "main.csv", rows[:4])
    other = write_csv(tmp_path / "other.csv", [{**rows[4], "label": "new"}])
    with pytest.raises(DataError, match="not known: new") as caught:
        read(main, test=other)
    assert "01, 1" in caught.value.allowed


def test_two_test_parts_are_refused(tmp_path: Path, rows: Rows) -> None:
    declared = [{**row, "split": "test" if n > 3 else "train"} for n, row in enumerate(rows)]
    main = write_csv(tmp_path / "main.csv", declared)
    with pytest.raises(DataError, match="has a test part already"):
        read(main, test=write_csv(tmp_path / "other.csv", rows))
