"""Reads CIFAR's Python batches without unpickling: it walks the opcodes and calls nothing.

A pickle is a program for a small stack machine. `pickletools.genops` takes it apart without
running it. The machine here knows the opcodes that build dictionaries, lists, tuples, numbers
and strings, and recognises by name the handful of constructors that NumPy's arrays are
written with; it never looks a name up, so nothing named in the file can be called.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np
import numpy.typing as npt

from graft.errors import DataError

_CORE = r"numpy\.(_core|core)\.(multiarray|numeric)"
_PLAIN_DTYPE = re.compile(r"[uif][1248]|b1|\?")


@dataclass(frozen=True, slots=True)
class _Name:
    """A constructor named in the file; it stays a name."""

    module: str
    attribute: str


@dataclass(slots=True)
class _Dtype:
    """A NumPy type whose byte order arrives in a later opcode."""

    code: str
    order: str = "="

    def numpy(self) -> np.dtype[Any]:
        if not _PLAIN_DTYPE.fullmatch(self.code) or self.order not in ("=", "<", ">", "|"):
            _refuse(f"an array of type {self.code!r}")
        return np.dtype(self.code).newbyteorder(cast(Any, self.order))


@dataclass(slots=True)
class _Array:
    """An array whose content arrives in a later opcode."""

    value: npt.NDArray[Any] | None = None


class _Mark:
    """Where on the stack a collection begins."""


def read_pickled(data: bytes, shown: str) -> object:
    """The dictionary of lists, strings, numbers and arrays that a pickle describes.

    Strings written by Python 2 come back as bytes.

    Args:
        data: The pickle, of any protocol up to 5.
        shown: The file's name, for messages.

    Raises:
        DataError: The pickle asks for anything else, such as a call, or is damaged.

    >>> read_pickled(b"(dS'labels'\\n(lI3\\naI1\\nas.", "batch")
    {b'labels': [3, 1]}
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == "STOP":
                return _plain(machine.pop())
            _step(machine, opcode.name, argument)
    except _RefusedError as error:
        raise DataError(
            f"{shown} is a pickle that asks for {error}",
            allowed="dictionaries, lists, numbers, strings and NumPy arrays; nothing is executed",
            next="use the file only if you trust it, and convert it to .npz yourself",
        ) from error
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise DataError(
            f"{shown} is no whole pickle: {error}", next="download the archive again"
        ) from error
    raise DataError(f"{shown} is a pickle that ends early", next="download the archive again")


def _step(machine: _Machine, opcode: str, argument: Any) -> None:
    if opcode in _ALONE:
        _ALONE[opcode](machine)
    elif opcode in _WITH_ARGUMENT:
        _WITH_ARGUMENT[opcode](machine, argument)
    elif opcode not in _FRAMING:
        _refuse(f"the opcode {opcode}")


class _RefusedError(Exception):
    """The pickle asks for something outside the table."""


def _refuse(what: str) -> NoReturn:
    raise _RefusedError(what)


class _Machine:
    """The stack and the memo of the pickle machine."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """The values above the last mark, which is removed too."""
        start = max(i for i, value in enumerate(self.stack) if isinstance(value, _Mark))
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        if value.value is None:
            _refuse("an array without content")
        return value.value
    if isinstance(value, (_Name, _Dtype)):
        _refuse(f"the value {value}")
    return value


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return {key: _plain(value) for key, value in zip(values[::2], values[1::2], strict=True)}


def _python2_string(machine: _Machine, argument: Any) -> None:
    machine.push(argument.encode("latin-1"))


def _constant(machine: _Machine, argument: Any) -> None:
    machine.push(argument)


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.stack[-1].append(_plain(value))


def _appends(machine: _Machine) -> None:
    values = machine.pop_to_mark()
    machine.stack[-1].extend([_plain(value) for value in values])


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.stack[-1][key] = _plain(value)


def _set_items(machine: _Machine) -> None:
    values = machine.pop_to_mark()
    machine.stack[-1].update(_pairs(values))


def _list(machine: _Machine) -> None:
    machine.push([_plain(value) for value in machine.pop_to_mark()])


def _tuple(machine: _Machine) -> None:
    machine.push(tuple(machine.pop_to_mark()))


def _tuple_of(length: int) -> Callable[[_Machine], None]:
    def build(machine: _Machine) -> None:
        values = [machine.pop() for _ in range(length)]
        machine.push(tuple(reversed(values)))

    return build


def _put(machine: _Machine, argument: Any) -> None:
    machine.memo[int(argument)] = machine.stack[-1]


def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _get(machine: _Machine, argument: Any) -> None:
    machine.push(machine.memo[int(argument)])


def _global(machine: _Machine, argument: Any) -> None:
    machine.push(_known(*argument.split(" ", 1)))


def _stack_global(machine: _Machine) -> None:
    attribute, module = machine.pop(), machine.pop()
    machine.push(_known(str(module), str(attribute)))


def _known(module: str, attribute: str) -> _Name:
    """A name that may stand in the file; all others are refused before they are used."""
    spelling = f"{re.sub(_CORE, 'numpy', module)}.{attribute}"
    if spelling not in _CONSTRUCTORS and spelling != "numpy.ndarray":
        _refuse(f"{module}.{attribute}")
    return _Name(*spelling.rsplit(".", 1))


def _reduce(machine: _Machine) -> None:
    arguments, name = machine.pop(), machine.pop()
    constructor = _CONSTRUCTORS.get(f"{name.module}.{name.attribute}")
    if constructor is None or not isinstance(arguments, tuple):
        _refuse(f"a call of {name.module}.{name.attribute}")
    machine.push(constructor(*arguments))


def _build(machine: _Machine) -> None:
    """Content for an array (version, shape, type, Fortran order, bytes) or order for a type."""
    state = machine.pop()
    target = machine.stack[-1]
    if isinstance(target, _Dtype):
        target.order = _text(state[1])
    elif isinstance(target, _Array):
        _, shape, dtype, fortran, raw = state
        target.value = _filled(raw, dtype, shape, "F" if fortran else "C")
    else:
        _refuse(f"a state for a {type(target).__name__}")


def _filled(raw: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, (bytes, bytearray)):
        _refuse("an array of objects")
    flat = np.frombuffer(bytes(raw), dtype.numpy())
    return flat.reshape(shape, order="F" if _text(order) == "F" else "C")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _encoded(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes into a protocol-2 pickle."""
    if _text(encoding) not in ("latin1", "latin-1") or not isinstance(text, str):
        _refuse(f"text in the encoding {encoding!r}")
    return text.encode("latin-1")


def _empty_array(kind: Any, *_: Any) -> _Array:
    if kind != _Name("numpy", "ndarray"):
        _refuse(f"an array of the class {kind}")
    return _Array()


def _dtype(code: Any, *_: Any) -> _Dtype:
    return _Dtype(_text(code))


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    return _Array(_filled(raw, dtype, shape, order))


def _scalar(dtype: Any, raw: Any) -> Any:
    return _filled(raw, dtype, (), "C").item()


def _empty_bytes() -> bytes:
    return b""


# What REDUCE may stand for: the name in the file, and the function here that answers for it.
_CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "numpy._reconstruct": _empty_array,
    "numpy._frombuffer": _from_buffer,
    "numpy.dtype": _dtype,
    "numpy.scalar": _scalar,
    "_codecs.encode": _encoded,
    "__builtin__.bytes": _empty_bytes,
    "builtins.bytes": _empty_bytes,
}

_FRAMING = frozenset({"PROTO", "FRAME"})

_WITH_ARGUMENT: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _python2_string),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _constant),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _constant),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2"), _constant),
    **dict.fromkeys(("LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _constant),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    "GLOBAL": _global,
}

_ALONE: dict[str, Callable[[_Machine], None]] = {
    "NONE": lambda machine: machine.push(None),
    "NEWTRUE": lambda machine: machine.push(True),
    "NEWFALSE": lambda machine: machine.push(False),
    "MARK": lambda machine: machine.push(_Mark()),
    "EMPTY_DICT": lambda machine: machine.push({}),
    "EMPTY_LIST": lambda machine: machine.push([]),
    "EMPTY_TUPLE": lambda machine: machine.push(()),
    "DICT": lambda machine: machine.push(_pairs(machine.pop_to_mark())),
    "LIST": _list,
    "TUPLE": _tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "MEMOIZE": _memoize,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "BUILD": _build,
}
