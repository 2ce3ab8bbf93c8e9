"""Inputs made to hang, to fill the memory or to run code: refused, or set aside, at once."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.data import Examples, decode_all, files, read, read_inputs, tables
from graft.data.labels import natural_key
from graft.data.walk import FOLLOW
from graft.errors import DataError
from graft.types import PreprocessSpec

SPEC = PreprocessSpec((8, 8), 1.0, "squash", "bilinear", (0.5,) * 3, (0.5,) * 3)
MakeFolder = Callable[..., Path]


def reasons(examples: Examples) -> dict[str, str]:
    """Name to reason of all that is set aside or cannot be opened."""
    found = {Path(entry.input).name: entry.reason for entry in examples.set_aside}
    for one in decode_all(examples.pictures, SPEC, workers=0):
        if one.reason is not None:
            found[Path(examples.inputs[one.row].name).name] = one.reason
    return found


@pytest.fixture
def folder(make_folder: MakeFolder) -> Path:
    return make_folder({"a": 3, "b": 3})


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def test_pictures_that_unpack_to_more_than_fits(folder: Path) -> None:
    (folder / "a/huge.png").write_bytes(png(50_000, 50_000, b""))
    (folder / "a/none.png").write_bytes(png(0, 0, b""))
    blank = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26), 9))
    (folder / "a/text.png").write_bytes(png(4, 4, bytes(52), blank * 2))
    with (folder / "a/long.png").open("wb") as file:
        file.truncate(files.MOST_BYTES + 1)
    found = reasons(read(folder))
    assert set(found) == {"huge.png", "none.png", "text.png", "long.png"}
    assert "too large to open safely" in found["huge.png"]
    assert "larger than the 1,024 MB" in found["long.png"]


def test_pipes_and_devices_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "a/pipe.png")
    (folder / "list.csv").write_text(
        "path,label\na/0.png,a\nb/0.png,b\na/pipe.png,a\n/dev/zero,b\n"
    )
    for found in (reasons(read(folder)), reasons(read(folder / "list.csv"))):
        assert found["pipe.png"] == "it is a pipe, not a file"
    assert found["zero"] == "it is a device, not a file"
    for name in ("x.csv", "x.jsonl", "x.parquet", "x.npz"):
        os.mkfifo(folder / name)
        with pytest.raises(DataError, match=r"it is a pipe, not a file"):
            read(folder / name)


def test_links_lead_nowhere_outside(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("RGB", (9, 9)).save(outside / "x.png")
    (folder / "a/out.png").symlink_to(outside / "x.png")
    (folder / "c").symlink_to(outside)
    (folder / "a/in.png").symlink_to(folder / "b/0.png")
    (folder / "a/self.png").symlink_to(folder / "a/self.png")
    (folder / "b/up").symlink_to(folder)
    (folder / "a/round").symlink_to(folder / "a")
    examples = read(folder)
    found = reasons(examples)
    assert set(found) == {"out.png", "c", "self.png", "up", "round"}
    assert found["out.png"].startswith("a link out of the folder")
    assert found["up"] == found["round"] == "a link to a folder that is read already"
    assert [entry.bad for entry in examples.set_aside if "out.png" in entry.input] == [True]
    assert examples.labels == ("a", "b")
    monkeypatch.setenv(FOLLOW, "1")
    assert read(folder).labels == ("a", "b", "c")


def test_nothing_but_links_out_says_so(tmp_path: Path, make_folder: MakeFolder) -> None:
    real = make_folder({"a": 2, "b": 2})
    for name in ("a", "b"):
        (tmp_path / "links" / name).mkdir(parents=True)
        for path in (real / name).iterdir():
            (tmp_path / "links" / name / path.name).symlink_to(path)
    with pytest.raises(DataError, match=f"a link out of the folder.*{FOLLOW}=1"):
        read(tmp_path / "links", modality="image")


def test_folders_in_folders_in_folders(folder: Path) -> None:
    path = folder / "a"
    for _ in range(100):
        path /= "x"
    path.mkdir(parents=True)
    for one in range(8):  # links from each folder to each: two paths to the eighth power
        (folder / f"b/{one}").mkdir()
        for other in range(8):
            (folder / f"b/{one}/to{other}").symlink_to(folder / f"b/{other}")
    found = read(folder)
    assert len(found) == 6
    assert any("folders deep" in entry.reason for entry in found.set_aside)


def test_odd_file_names_are_names_like_others(folder: Path) -> None:
    names = [b"new\nline.png", b"no\xffutf.png", b"--json.png", b"-rf.png", b"\x1b[31mred.png"]
    for number, name in enumerate(names):
        picture = (folder / "a/0.png").read_bytes() + bytes([number])
        (folder / "a" / os.fsdecode(name)).write_bytes(picture)
    (folder / os.fsdecode(b"cl\xffass")).mkdir()
    (folder / os.fsdecode(b"cl\xffass") / "0.png").write_bytes((folder / "a/1.png").read_bytes())
    examples = read(folder)
    assert len(examples) == 6 + len(names) + 1
    assert reasons(examples) == {}
    seen = [item.name for item in examples.inputs] + [*examples.labels]
    assert "\n\x1b\udcff" not in "".join(seen)
    assert all(name.isprintable() for name in seen)
    assert "cl\\xffass" in examples.labels
    assert json.dumps(seen).encode("utf-8")


def test_half_a_character_is_no_text(tmp_path: Path) -> None:
    good = '{"text": "words", "label": "a"}\n{"text": "others", "label": "b\\ud800"}\n'
    (tmp_path / "x.jsonl").write_text(good + '{"text": "half \\ud83d", "label": "a"}\n')
    examples = read(tmp_path / "x.jsonl")
    assert examples.labels == ("a", "b\\ud800")
    assert [entry.reason for entry in examples.set_aside] == ["the text holds half of a character"]
    (item,) = read_inputs(["half \ud83d"], "text")
    with pytest.raises(DataError, match="half of a character"):
        item.digest()


def test_nothing_that_pillow_hands_to_another_program(folder: Path) -> None:
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(%pipe%id) (w) file\n"
    (folder / "a/eps.png").write_bytes(eps)
    assert reasons(read(folder))["eps.png"] == "the content is no picture in a known format"


def save(path: Path, image: Image.Image, **options: object) -> None:
    image.save(path, **options)  # type: ignore[arg-type]


def test_unusual_pictures_are_pictures(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    save(folder / "a/cmyk.jpg", picture.convert("CMYK"))
    save(folder / "a/bit.png", picture.convert("1"))
    save(folder / "a/deep.png", Image.fromarray(noise[..., 0].astype(np.uint16) * 257))
    save(folder / "a/palette.png", picture.convert("P"), transparency=3)
    save(folder / "a/alpha.png", picture.convert("LA"))
    frames = [Image.new("P", (8, 8), number) for number in range(300)]
    save(folder / "a/moving.gif", frames[0], save_all=True, append_images=frames[1:])
    save(folder / "a/pages.tif", frames[0], save_all=True, append_images=frames[1:])
    once = bytearray((folder / "a/pages.tif").read_bytes())
    start = struct.unpack("<I", once[4:8])[0]
    count = struct.unpack("<H", once[start : start + 2])[0]
    once[start + 2 + 12 * count : start + 6 + 12 * count] = struct.pack("<I", start)
    (folder / "a/round.tif").write_bytes(once)  # its first page comes after its first page
    assert reasons(read(folder)) == {}


TABLES: dict[str, tuple[str, bytes, str]] = {
    "a million columns": (
        "x.csv",
        b"c," * 10**6 + b"\n1\n",
        "header line of .* is longer than 1,048,576 bytes",
    ),
    "many columns": ("x.csv", b"c," * 20_000 + b"\n1\n", "20,001 columns"),
    "no end of a quote": ("x.csv", b'text,label\n"' + b"a,b\n" * 9_000_000, "longer than 16 MB"),
    "utf-16": ("x.csv", "text,label\na,b\n".encode("utf-16"), "is UTF-16"),
    "utf-16, no mark": ("x.csv", "text,label\na,b\n".encode("utf-16-le"), "is not UTF-8"),
    "latin-1 names": ("x.csv", b"t\xe9xt,label\na,b\n", "header line of .* is not UTF-8"),
    "noise": ("x.csv", np.random.default_rng(0).bytes(5000), "header line of .* is not UTF-8"),
    "a zip archive": ("x.csv", b"PK\x03\x04" + bytes(99), "a zip archive"),
    "nothing": ("x.csv", b"", "holds no|Empty"),
    "names only": ("x.csv", b"text,label\n", "holds no rows"),
    "names twice": ("x.csv", b"text,label,label\na,b,c\n", "several columns named label"),
    "deep lists": ("x.jsonl", b"[" * 10**5 + b"]" * 10**5, "nested too deeply"),
    "deep objects": ("x.jsonl", b'{"a":' * 10**5, "nested too deeply"),
    "a list": ("x.jsonl", b'[{"text": "a", "label": "b"}]', "holds a list"),
    "many keys": ("x.jsonl", json.dumps(dict.fromkeys(map(str, range(20_000)))).encode(), "20,000"),
    "long numbers": ("x.jsonl", b'{"text": ' + b"9" * 10_000 + b"}", "no JSON"),
    "no parquet": ("x.parquet", b"PAR1PAR1", "cannot be read"),
    "a pickle": ("x.npz", b"\x80\x04\x95" + bytes(50), "not a zip file"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    file, content, message = TABLES[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / file)
    assert len(str(caught.value)) < 1000


def test_a_name_of_two_lines_that_is_no_text(tmp_path: Path) -> None:
    """Found by fuzzing: the first line is UTF-8, and the name goes on in the second."""
    (tmp_path / "x.csv").write_bytes(b'text,label,"a\n\x80"\nwords,a,1\nothers,b,2\n')
    with pytest.raises(DataError, match=r"header line of .* is not UTF-8"):
        read(tmp_path / "x.csv")


def test_a_json_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE", 1000)
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "' + b"a" * 2000)
    with pytest.raises(DataError, match="line 1, is longer"):
        read(tmp_path / "x.jsonl")


GOOD = b"some words,a\nother words,b\n"


@pytest.mark.parametrize(
    ("content", "bad"),
    [
        (b"\xef\xbb\xbftext,label\r\n" + GOOD.replace(b"\n", b"\r\n"), {}),
        (b"text,label\r" + GOOD.replace(b"\n", b"\r"), {}),
        (b"text,label\n" + GOOD + b"nul\x00 inside,a\n", {}),
        (b"text,label\n" + GOOD + b"caf\xe9,a\n" + GOOD, {"row 3": "the row is not text in UTF-8"}),
        (b"text,label\n" + GOOD + b"words,\xe9\n", {"row 3": "the row is not text in UTF-8"}),
        (
            b"text,label\n\n" + GOOD + b"\none,two,three\nalone\n\n" + GOOD,
            {
                "row 3": "the row has 3 cells, and the header 2",
                "row 4": "the row has 1 cells, and the header 2",
            },
        ),
    ],
)
def test_a_bad_row_is_set_aside_and_moves_no_other(
    content: bytes, bad: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    examples = read(tmp_path / "x.csv")
    assert {entry.input: entry.reason for entry in examples.set_aside} == bad
    assert all(entry.bad for entry in examples.set_aside)
    inputs = read_inputs([tmp_path / "x.csv"], "text")
    assert [item.name for item in inputs] == [f"row {n + 1}" for n in range(len(inputs))]
    assert len(inputs) == len(examples) + len(bad)
    for item in inputs:
        if item.name in bad and b"words,\xe9" not in content:  # labels do not matter here
            with pytest.raises(DataError, match=bad[item.name]):
                item.digest()


def test_a_bad_line_of_json_is_set_aside(tmp_path: Path) -> None:
    good = b'{"text": "words", "label": "a"}\n{"text": "others", "label": "b"}\n'
    (tmp_path / "x.jsonl").write_bytes(good + b'{"text": \n' + b'{"text": "\xff"}\n[1]\n' + good)
    examples = read(tmp_path / "x.jsonl")
    assert len(examples) == 4
    shown = {entry.input: entry.reason[:26] for entry in examples.set_aside}
    assert shown == {
        "row 3": "the line is no JSON: Expec",
        "row 4": "the line is not text in UT",
        "row 5": "the line holds a list, not",
    }


def write_parquet(path: Path, rows: int = 50) -> bytearray:
    import pyarrow as pa
    from pyarrow import parquet

    words = pa.DictionaryArray.from_arrays(
        pa.array([0] * rows, pa.int32()), pa.array(["a" * 10**5])
    )
    parquet.write_table(pa.table({"text": words, "label": ["a", "b"] * (rows // 2)}), path)
    return bytearray(path.read_bytes())


def test_parquet_that_unpacks_to_more_than_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_parquet(tmp_path / "x.parquet")
    assert len(read(tmp_path / "x.parquet")) == 50
    monkeypatch.setattr(tables, "SMALL_BYTES", 10**6)
    monkeypatch.setattr(tables, "MOST_PACKED", 2)
    with pytest.raises(DataError, match="once it is unpacked"):
        read(tmp_path / "x.parquet")
    for cut in (10, len(content) // 2, len(content) - 5):
        (tmp_path / "x.parquet").write_bytes(content[:cut])
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path / "x.parquet")


def npy(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def lying(shape: str) -> bytes:
    """The header of an array of this shape, and a hundred bytes."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(100)


PICTURES, NUMBERS = npy(np.zeros((4, 8, 8), np.uint8)), npy(np.arange(4) % 2)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x.npy": lying("(10000000, 1000, 1000)"), "y.npy": NUMBERS}, "holds 100 bytes"),
        ({"x.npy": lying("(-1, 5)"), "y.npy": NUMBERS}, "holds 100 bytes"),
        ({"x.npy": lying("(" * 2000), "y.npy": NUMBERS}, "cannot be read"),
        ({"x.npy": b"no array", "y.npy": NUMBERS}, "cannot be read"),
        ({"x.npy": npy(np.array([{}] * 4)), "y.npy": NUMBERS}, "object arrays, which would run"),
        ({"../../x.npy": PICTURES, "y.npy": NUMBERS}, "no pictures under x"),
        ({"x.txt": b"hello"}, "no pictures under x"),
    ],
)
def test_archives_that_lie(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(npz(tmp_path / "x.npz", members))
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_other_members_of_an_archive_are_passed_over(tmp_path: Path) -> None:
    members = {"x.npy": PICTURES, "y.npy": NUMBERS, "readme.txt": b"hi", "labels": b"x"}
    assert len(read(npz(tmp_path / "x.npz", members))) == 4


def test_an_archive_that_unpacks_to_more_than_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {"x.npy": npy(np.zeros((400, 50, 50), np.uint8)), "y.npy": npy(np.arange(400) % 2)}
    path = npz(tmp_path / "x.npz", members)
    monkeypatch.setattr("graft.data.arrays.SMALL_BYTES", 10**5)
    with pytest.raises(DataError, match="once it is unpacked"):
        read(path)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz", {"x.npy": PICTURES, "y.npy": NUMBERS})
    content = path.read_bytes()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = content.split(mark)
        locked = [p[: place - 4] + bytes([p[place - 4] | 1]) + p[place - 3 :] for p in parts[1:]]
        content = mark.join([parts[0], *locked])
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        read(path)


def test_odd_labels_are_labels(tmp_path: Path) -> None:
    odd = ["../x", ".", "..", "a" * 300, "/etc/passwd", "<b>x</b>", "[bold]", "\u202e", "9" * 5000]
    rows = [
        {"text": f"words {n} {row}", "label": name}
        for n in range(3)
        for row, name in enumerate(odd)
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    examples = read(tmp_path / "x.jsonl")
    assert set(examples.labels) == set(odd)
    assert sorted(["9" * 5000, "b", "10"], key=natural_key)[0] == "10"


def test_texts_in_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "t" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / f"t/{name}/{number}.txt").write_text(f"words {name} {number}")
    os.mkfifo(tmp_path / "t/a/pipe.txt")
    (tmp_path / "t/a/zero.txt").symlink_to("/dev/zero")
    (tmp_path / "t/b/latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "t/b/binary.txt").write_bytes(b"\x81\x8d\x8f\xff")
    (tmp_path / "t/b/empty.txt").write_bytes(b"\xef\xbb\xbf \r\n")
    examples = read(tmp_path / "t")
    assert len(examples) == 7
    assert "1 of 7 text files are not in UTF-8" in examples.notes[0]  # latin.txt
    found = {Path(entry.input).name: entry.reason for entry in examples.set_aside}
    assert set(found) == {"pipe.txt", "zero.txt", "binary.txt", "empty.txt"}
    assert all(entry.bad for entry in examples.set_aside)
    inputs = read_inputs([tmp_path / "t"], "text")
    assert len(inputs) == 10  # the link out is no file of this folder; the others keep their places
