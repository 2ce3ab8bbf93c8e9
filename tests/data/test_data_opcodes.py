from __future__ import annotations

import os
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.data.opcodes import read_pickled
from graft.errors import DataError

BATCH: dict[Any, Any] = {
    b"batch_label": b"training batch 1 of 5",
    b"labels": [6, 9, 300, 70_000, -1],
    b"data": np.arange(4 * 3072, dtype=np.uint8).reshape(4, 3072),
    b"filenames": [b"leptodactylus_pentadactylus_s_000004.png", b""],
    "text": "\u00e9",
    "nothing": None,
    "flags": (True, False),
    "real": 1.5,
    "pair": (1, 2, [3]),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reads_what_numpy_writes_in_every_protocol(protocol: int) -> None:
    read = read_pickled(pickle.dumps(BATCH, protocol=protocol), "batch")
    assert isinstance(read, dict)
    assert read.keys() == BATCH.keys()
    np.testing.assert_array_equal(read[b"data"], BATCH[b"data"])
    assert read[b"data"].dtype == np.uint8
    assert {k: v for k, v in read.items() if k != b"data"} == {
        k: v for k, v in BATCH.items() if k != b"data"
    }


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([True, False]),
        np.zeros((0, 3), dtype=np.uint8),
        np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
    ],
    ids=["big-endian", "fortran", "bool", "empty", "strided"],
)
def test_arrays_come_back_with_order_and_type(array: Any, protocol: int) -> None:
    read = read_pickled(pickle.dumps(array, protocol=protocol), "array")
    assert isinstance(read, np.ndarray)
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_scalars_become_numbers(protocol: int) -> None:
    read = read_pickled(pickle.dumps([np.int64(-3), np.uint8(200)], protocol=protocol), "labels")
    assert read == [-3, 200]


def python2_string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def python2_batch(pixels: bytes, rows: int) -> bytes:
    """The opcodes of the archive itself: Python 2.7, NumPy 1.6, protocol 2."""
    dtype = (
        b"cnumpy\ndtype\nq\x04" + python2_string(b"u1") + b"K\x00K\x01\x87Rq\x05"
        b"(K\x03" + python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85"
        + python2_string(b"b")
        + b"\x87Rq\x06(K\x01"
        + (b"K" + bytes([rows]) + b"M\x00\x0c\x86" + dtype + b"\x89")
        + (b"T" + struct.pack("<i", len(pixels)) + pixels + b"tb")
    )
    labels = b"](" + b"".join(b"K" + bytes([row]) for row in range(rows)) + b"e"
    return (
        b"\x80\x02}q\x01("
        + (python2_string(b"data") + array)
        + (python2_string(b"labels") + labels)
        + b"u."
    )


def test_reads_the_opcodes_of_python_2() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    data = python2_batch(pixels.tobytes(), 2)
    assert {op.name for op, _, _ in pickletools.genops(data)} >= {"SHORT_BINSTRING", "BINSTRING"}
    read = read_pickled(data, "data_batch_1")
    assert isinstance(read, dict)
    assert read[b"labels"] == [0, 1]
    np.testing.assert_array_equal(read[b"data"], pixels)


class Malicious:
    """Creates a file if it is unpickled."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "executed"
    for call, *arguments in ((os.system, f"touch {mark}"), (eval, f"open({str(mark)!r}, 'w')")):
        data = pickle.dumps({"data": Malicious(call, *arguments)}, protocol=protocol)
        with pytest.raises(DataError, match="asks for"):
            read_pickled(data, "batch")
        assert not mark.exists()


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()], dtype=object),
        np.array(["a"]),
        np.zeros(1, dtype=[("a", "u1")]),
        {1, 2},
        1j,
        Path("x"),
        np.uint8,
    ],
    ids=["objects", "strings", "record", "set", "complex", "path", "class"],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(DataError):
        read_pickled(pickle.dumps({"data": value}), "batch")


def test_a_name_alone_is_refused() -> None:
    with pytest.raises(DataError, match=r"posix\.system"):
        read_pickled(b"cposix\nsystem\n.", "batch")
    with pytest.raises(DataError, match="value"):
        read_pickled(b"cnumpy\nndarray\n.", "batch")


def test_no_cut_and_no_flipped_byte_gets_further_than_a_data_error() -> None:
    data = pickle.dumps({b"data": np.zeros((2, 4), np.uint8), b"labels": [1, 2]}, protocol=2)
    random = np.random.default_rng(0)
    damaged = [data[:end] for end in range(len(data))]
    for _ in range(500):
        copy = bytearray(data)
        copy[random.integers(len(copy))] = random.integers(256)
        damaged.append(bytes(copy))
    refused = 0
    for content in damaged:
        try:
            read_pickled(content, "batch")
        except DataError:
            refused += 1
    assert refused > len(data)


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused() -> None:
    whole = pickle.dumps(np.zeros((200, 3), np.uint8), protocol=4)
    with pytest.raises(DataError, match="no whole pickle"):
        read_pickled(whole.replace(b"K\xc8K\x03", b"K\xc9K\x03"), "batch")
