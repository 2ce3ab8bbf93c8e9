"""From a head's spec, such as `mlp:512,256`, to the head."""

from __future__ import annotations

from collections.abc import Callable

from graft.errors import DataError, unknown_name
from graft.heads.head import Head
from graft.heads.linear import LinearHead
from graft.heads.mlp import MLPHead


def build_head(
    spec: str, features: int, classes: int, *, dropout: float = 0.0, seed: int = 0
) -> Head:
    """Build a head with seeded weights; torch's global random state is left alone.

    Args:
        spec: `linear`, or `mlp:` with the widths of the hidden layers, comma-separated.
        features: D, the width of the backbone's pooled features.
        classes: C, the number of logits.
        dropout: Dropout probability in training.
        seed: Seed of the initial weights.

    Raises:
        UnknownNameError: The kind before the colon is in no table.
        DataError: The widths are not positive whole numbers, or dropout is outside [0, 1).

    >>> build_head("mlp:64,32", features=128, classes=10).spec
    'mlp:64,32'
    """
    if not 0 <= dropout < 1:
        raise DataError(f"Dropout is {dropout}", allowed="at least 0 and less than 1")
    kind, _, argument = spec.partition(":")
    if kind not in HEADS:
        raise unknown_name("head", kind, HEADS)
    return HEADS[kind](argument, features, classes, dropout, seed)


def _linear(argument: str, features: int, classes: int, dropout: float, seed: int) -> Head:
    if argument:
        raise DataError(f"The head 'linear:{argument}' has widths", allowed="linear")
    return LinearHead(features, classes, dropout=dropout, seed=seed)


def _mlp(argument: str, features: int, classes: int, dropout: float, seed: int) -> Head:
    widths = argument.split(",")
    if not all(width.strip().isdecimal() and int(width) > 0 for width in widths):
        raise DataError(
            f"The head 'mlp:{argument}' has widths that are not positive whole numbers",
            allowed="one or more widths, such as mlp:1024 or mlp:512,256",
        )
    hidden = [int(width) for width in widths]
    return MLPHead(features, classes, hidden=hidden, dropout=dropout, seed=seed)


HEADS: dict[str, Callable[[str, int, int, float, int], Head]] = {"linear": _linear, "mlp": _mlp}
