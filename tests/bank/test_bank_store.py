"""The store: what was written whole is read back, and nothing else is."""

from __future__ import annotations

import errno
import json
import multiprocessing
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.bank import store as store_file
from graft.bank.segment import signed
from graft.bank.store import Shelf, open_shelf
from graft.errors import DataError, OutputError, ResourceError
from graft.types import Json

KEY = "a" * 64


def digest(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


def rows(numbers: range | list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Row n is filled with n."""
    return np.stack([np.full((2, 3), n, dtype=np.float32) for n in numbers])


def fill(root: Path, numbers: range | list[int]) -> Shelf:
    shelf = open_shelf(root, KEY)
    numbers = [*numbers]
    shelf.append([digest(n) for n in numbers], rows(numbers), [f"note {n}" for n in numbers])
    return shelf


def everything_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_rows_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, range(5))
    fill(tmp_path, range(5, 8))
    for shelf in (open_shelf(tmp_path, KEY), fill(tmp_path, [8])):
        wanted = [7, 0, 5, 0, 4]
        found = shelf.read([digest(n) for n in wanted])
        assert found.dtype == torch.float32
        assert torch.equal(found, torch.from_numpy(rows(wanted)))
        assert shelf.notes([digest(n) for n in wanted]) == [f"note {n}" for n in wanted]
        assert digest(7) in shelf
        assert digest(99) not in shelf
        assert shelf.row_bytes() == 2 * 3 * 4


def test_no_rows_have_the_shape_of_rows(tmp_path: Path) -> None:
    assert fill(tmp_path, range(2)).read([]).shape == (0, 2, 3)


def test_what_is_not_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        fill(tmp_path, range(2)).read([digest(0), digest(9)])


def test_shelves_do_not_see_each_other(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    assert digest(0) not in open_shelf(tmp_path, "b" * 64)


def test_two_shelves_that_fill_the_same_key_both_serve(tmp_path: Path) -> None:
    first, second = open_shelf(tmp_path, KEY), open_shelf(tmp_path, KEY)
    for shelf in (first, second):
        shelf.append([digest(0), digest(1)], rows(range(2)), ["", ""])
    again = open_shelf(tmp_path, KEY)
    assert len(again.segments) == 2
    for shelf in (first, second, again):
        assert torch.equal(shelf.read([digest(1)]), torch.from_numpy(rows([1])))


def test_a_reader_of_a_shelf_survives_its_removal(tmp_path: Path) -> None:
    shelf = fill(tmp_path, range(3))
    shutil.rmtree(tmp_path)
    assert torch.equal(shelf.read([digest(2)]), torch.from_numpy(rows([2])))


# Damage.


def only_segment(root: Path) -> Path:
    (segment,) = (root / KEY).glob("segment-*")
    return segment


@pytest.mark.parametrize("name", ["values.bin", "keys.bin", "index.json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(60)),
        lambda path: path.write_bytes(b"\x80\x04K\x01."),
        lambda path: path.write_bytes(b"\xff\xfe garbage"),
    ],
    ids=["gone", "empty", "cut", "longer", "zip", "pickle", "garbage"],
)
def test_a_damaged_segment_is_as_if_it_were_not_there(
    tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    fill(tmp_path, range(4))
    damage(only_segment(tmp_path) / name)
    shelf = open_shelf(tmp_path, KEY)
    assert digest(0) not in shelf
    shelf.append([digest(0)], rows([0]), [""])
    assert torch.equal(open_shelf(tmp_path, KEY).read([digest(0)]), torch.from_numpy(rows([0])))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [4, 6]},  # as many bytes, but not the rows of a shelf that holds others
        {"shape": [24]},
        {"shape": [3, 2, 4]},
        {"shape": [-4, -2, 3]},
        {"shape": []},
        {"shape": "423"},
        {"shape": None},
        {"type": "int32"},
        {"type": "object"},
        {"type": "float23"},
        {"keys": ""},
        {"notes": ["", "", ""]},
        {"notes": 4},
    ],
    ids=str,
)
def test_an_index_that_does_not_fit_is_refused(tmp_path: Path, change: Json) -> None:
    fill(tmp_path, range(4))
    path = only_segment(tmp_path) / "index.json"
    path.write_text(json.dumps(signed({**json.loads(path.read_text()), **change})))
    fill(tmp_path, [9])
    path.parent.rename(path.parent.with_name("segment-zz"))  # read after the other
    shelf = open_shelf(tmp_path, KEY)
    assert [n for n in range(10) if digest(n) in shelf] == [9]
    assert len(shelf.segments) == 1


@given(
    at=st.integers(0),
    byte=st.integers(0, 255),
    name=st.sampled_from(["values.bin", "keys.bin", "index.json"]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_changed_byte_is_refused_or_reads_the_same(
    tmp_path: Path, at: int, byte: int, name: str
) -> None:
    shutil.rmtree(tmp_path / KEY, ignore_errors=True)
    fill(tmp_path, range(4))
    path = only_segment(tmp_path) / name
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    shelf = open_shelf(tmp_path, KEY)
    assert len(shelf) in (0, 4)
    for number in range(4):
        if shelf.claim([digest(number)])[0, 0] >= 0:
            assert torch.equal(shelf.read([digest(number)]), torch.from_numpy(rows([number])))


def test_a_foreign_file_in_the_place_of_a_segment_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    (tmp_path / KEY / "segment-foreign").write_text("hello")
    (tmp_path / KEY / "segment-empty").mkdir()
    assert len(open_shelf(tmp_path, KEY).segments) == 1


def test_segments_whose_rows_differ_in_shape_are_not_mixed(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    other = open_shelf(tmp_path / "elsewhere", KEY)
    other.append([digest(5)], np.zeros((1, 1, 3), np.float32), [""])
    only_segment(tmp_path / "elsewhere").rename(tmp_path / KEY / "segment-zz")
    shelf = open_shelf(tmp_path, KEY)
    assert digest(5) not in shelf
    assert digest(1) in shelf


def flip(path: Path, at: int, bit: int = 0) -> None:
    """Change one bit of a file in place."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0, 24 + 5, 3 * 24 + 23])
def test_a_flipped_bit_of_a_value_makes_its_row_missing_and_no_other(
    tmp_path: Path, at: int
) -> None:
    fill(tmp_path, range(4))
    flip(only_segment(tmp_path) / "values.bin", at, bit=at % 8)
    shelf = open_shelf(tmp_path, KEY)
    places = shelf.claim([digest(n) for n in range(4)])
    assert [n for n in range(4) if places[n, 0] < 0] == [at // 24]
    shelf.append([digest(at // 24)], rows([at // 24]), [""])
    for again in (shelf, open_shelf(tmp_path, KEY)):
        found = again.read([digest(n) for n in range(4)])
        assert torch.equal(found, torch.from_numpy(rows(range(4))))


def test_in_a_large_shelf_a_flipped_bit_is_told_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, range(4))
    flip(only_segment(tmp_path) / "values.bin", 30)
    monkeypatch.setattr(store_file, "CHECKED_BYTES", 0)
    shelf = open_shelf(tmp_path, KEY)
    places = shelf.claim([digest(n) for n in range(4)])
    assert torch.equal(shelf.take(places[[0, 2, 3]]), torch.from_numpy(rows([0, 2, 3])))
    with pytest.raises(DataError, match="not what was written") as caught:
        shelf.take(places)
    assert "verify --fix" in caught.value.next


# Types.


def test_half_precision_storage_reads_as_float32_and_its_error_is_known(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    digests = [digest(n) for n in range(5)]
    shelf = open_shelf(tmp_path, KEY, storage="float16")
    shelf.append(digests, values, [""] * 5)
    for again in (shelf, open_shelf(tmp_path, KEY, storage="float16")):
        found = again.read(digests)
        assert found.dtype == torch.float32
        assert torch.equal(found, torch.from_numpy(values).half().float())
        assert again.row_bytes() == 14
        error = again.error()
        assert error["max"] == float((found - torch.from_numpy(values)).abs().max())
        assert 0 < error["relative"] < 2**-11


def test_whole_precision_has_no_error_and_bytes_stay_bytes(tmp_path: Path) -> None:
    shelf = fill(tmp_path, range(3))
    assert shelf.error() == {"max": 0.0, "relative": 0.0}
    pixels = open_shelf(tmp_path, "b" * 64, storage="float16")
    pixels.append([digest(0)], np.full((1, 3, 2, 2), 255, np.uint8), [""])
    assert pixels.read([digest(0)]).dtype == torch.uint8


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    shelf = open_shelf(tmp_path, KEY, storage="float16")
    with pytest.raises(ResourceError, match="reach 7e\\+04") as caught:
        shelf.append([digest(0)], np.array([[7e4]], np.float32), [""])
    assert "--storage float32" in caught.value.next
    assert not open_shelf(tmp_path, KEY).segments


# Interruption.


def stop_at(patch: pytest.MonkeyPatch, place: str, fault: BaseException) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise fault

    if place == "rename":
        patch.setattr(Path, "rename", stop)
    elif place == "open":
        patch.setattr(Path, "open", stop)
    else:
        patch.setattr(Path, "mkdir", stop)


PLACES = ("open", "mkdir", "rename")


@pytest.mark.parametrize("place", PLACES)
def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = fill(tmp_path, range(2))
    before = everything_under(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, place, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(ResourceError, match="The disk is full") as caught:
            shelf.append([digest(5)], rows([5]), [""])
    assert "GRAFT_CACHE" in caught.value.next
    assert digest(5) not in shelf
    assert everything_under(tmp_path) == before


def test_another_fault_of_the_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = fill(tmp_path, range(2))
    before = everything_under(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, "open", OSError(errno.EROFS, "Read-only file system"))
        with pytest.raises(OutputError, match="Read-only file system"):
            shelf.append([digest(5)], rows([5]), [""])
    assert everything_under(tmp_path) == before


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_leaves_nothing_behind(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = fill(tmp_path, range(2))
    before = everything_under(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, place, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            shelf.append([digest(5)], rows([5]), [""])
    assert everything_under(tmp_path) == before


def test_what_a_killed_process_left_is_not_read(tmp_path: Path) -> None:
    fill(tmp_path, range(2))
    segment = only_segment(tmp_path)
    segment.rename(segment.with_name(f".{segment.name}"))
    assert not open_shelf(tmp_path, KEY).segments


def _fill_and_read(root: Path, first: int, results: multiprocessing.Queue[bool]) -> None:
    good = True
    for start in range(first, first + 40, 4):
        shelf = fill(root, range(start, start + 8))
        wanted = [digest(n) for n in range(start, start + 8)]
        good &= torch.equal(
            open_shelf(root, KEY).read(wanted), torch.from_numpy(rows(range(start, start + 8)))
        )
        good &= torch.equal(shelf.read(wanted), torch.from_numpy(rows(range(start, start + 8))))
    results.put(good)


@pytest.mark.long
def test_two_processes_fill_one_shelf(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bool] = context.Queue()
    processes = [
        context.Process(target=_fill_and_read, args=(tmp_path, first, results)) for first in (0, 10)
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert answers == [True, True]
    shelf = open_shelf(tmp_path, KEY)
    numbers = range(54)
    assert torch.equal(shelf.read([digest(n) for n in numbers]), torch.from_numpy(rows(numbers)))
