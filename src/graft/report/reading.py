"""Reading a result that may lack parts: absent, null and not-a-number are all `None` or empty."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from graft.types import Json

# Control characters, lone surrogates (file names that are not UTF-8) and direction overrides:
# none of them can be shown, some make XML invalid, the last make a name read as another.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


def clean(value: Any) -> Any:
    """A JSON value without unshowable characters, NaN or infinities; other types become text.

    >>> clean({"accuracy": float("nan"), "label": "a\\x00b"})
    {'accuracy': None, 'label': 'a�b'}
    """
    if isinstance(value, str):
        return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [clean(item) for item in value]
    return clean(str(value))


def part(fields: Json, *names: str) -> Json:
    """The mapping at a path of names; empty where any step is missing or is not a mapping.

    >>> part({"metrics": {"test": {"accuracy": {}}}}, "metrics", "test")
    {'accuracy': {}}
    >>> part({"metrics": None}, "metrics", "test")
    {}
    """
    here: Any = fields
    for name in names:
        here = here.get(name) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def records(fields: Json, name: str) -> list[Json]:
    """The mappings in the list called `name`; empty where there is none."""
    return [item for item in items(fields, name) if isinstance(item, dict)]


def items(fields: Json, name: str) -> list[Any]:
    """The list called `name`; empty where there is none."""
    value = fields.get(name)
    return value if isinstance(value, list) else []


def number(fields: Json, name: str) -> float | None:
    """The number called `name`, or None."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def word(fields: Json, name: str, default: str = "") -> str:
    """The text called `name`; numbers are written out."""
    value = fields.get(name)
    return default if value is None or value == "" else str(value)
