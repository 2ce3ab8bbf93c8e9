"""Construction without first values: drawing them takes as long as the rest, and a file follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn
from torch.overrides import TorchFunctionMode

# What initialisation does to a tensor in place, besides the functions of torch.nn.init.
_DRAWING = {"normal_", "uniform_", "erfinv_", "mul_", "add_", "clamp_"}


class Undrawn(TorchFunctionMode):
    """While it is entered, new parameters keep whatever their memory holds.

    Only for models whose parameters are all loaded afterwards. Buffers are computed as ever.

    >>> with Undrawn():
    ...     layer = nn.Linear(2, 3)
    >>> layer.weight.shape
    torch.Size([3, 2])
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        """Leave a parameter as it is; carry out everything else."""
        named = kwargs or {}
        target = args[0] if args else named.get("tensor")
        if isinstance(target, nn.Parameter) and _draws(func):
            return target
        return func(*args, **named)


def _draws(func: Callable[..., object]) -> bool:
    # Getters of attributes come here as well, and have neither.
    module, name = getattr(func, "__module__", None), getattr(func, "__name__", None)
    return module == "torch.nn.init" or name in _DRAWING
