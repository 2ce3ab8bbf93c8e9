"""Tables of names: what each builds, what it says of itself, and the setting after its colon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from graft.errors import UnknownNameError, unknown_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """What may follow a name's colon.

    Attributes:
        symbol: What the help calls it, such as `K`.
        meaning: What it is, with its range.
        example: One that is taken.
        build: Text to the value; a ValueError says that the text is not one.
    """

    symbol: str
    meaning: str
    example: str
    build: Callable[[str], T]


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One line of a table.

    Attributes:
        build: The value with its defaults.
        says: What it does and when to use it, in a line.
        setting: What may follow the colon, or None.
    """

    build: Callable[[], T]
    says: str
    setting: Setting[T] | None = None


def build_entry(what: str, spec: str, table: Mapping[str, Entry[T]]) -> T:
    """The value of `NAME` or `NAME:SETTING`.

    Args:
        what: What the table holds, for the messages.
        spec: The text.
        table: The names.

    Raises:
        UnknownNameError: No such name, or a setting that it does not take.
    """
    name, colon, text = spec.partition(":")
    if name not in table:
        near = unknown_name(what, name, table)
        raise UnknownNameError(near.found, allowed=listing(table), next=near.next)
    entry = table[name]
    if not colon:
        return entry.build()
    if entry.setting is None:
        raise UnknownNameError(
            f"The {what} '{spec}' has a setting, and '{name}' takes none", next=f"use '{name}'"
        )
    try:
        return entry.setting.build(text)
    except ValueError as problem:
        raise UnknownNameError(
            f"The {what} '{spec}' has a setting that it does not take",
            allowed=f"{entry.setting.meaning}, as in {entry.setting.example}",
            next=f"use '{name}' or '{entry.setting.example}'",
        ) from problem


def listing(table: Mapping[str, Entry[T]]) -> str:
    """All names, one line each."""
    return "".join(f"\n  {pattern(name, e):21} {e.says}" for name, e in sorted(table.items()))


def pattern(name: str, entry: Entry[T]) -> str:
    """The name with its setting, as in `top-k[:K]`."""
    return f"{name}[:{entry.setting.symbol}]" if entry.setting else name


def whole(text: str, least: int = 1) -> int:
    """A whole number, at least `least`.

    >>> whole("12")
    12

    Raises:
        ValueError: It is not one.
    """
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise ValueError(text)
    return int(text)


def between(low: float, high: float, text: str) -> float:
    """A number above `low` and at most `high`.

    >>> between(0, 1, "0.75")
    0.75

    Raises:
        ValueError: It is not one.
    """
    value = within(low, high, text)
    if value == low:
        raise ValueError(text)
    return value


def within(low: float, high: float, text: str) -> float:
    """A number from `low` to `high`.

    >>> within(0, 1, "0")
    0.0

    Raises:
        ValueError: It is not one.
    """
    value = float(text)
    if not low <= value <= high:
        raise ValueError(text)
    return value
