"""Which of a model's parameters are norms, biases or adapters: finer than a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

ADAPTER_PREFIX = "lora_"
_NORM_LAYERS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def _all(model: nn.Module) -> Iterable[str]:
    return (name for name, _ in model.named_parameters())


def _norms(model: nn.Module) -> Iterable[str]:
    for prefix, module in model.named_modules():
        if _is_norm(module):
            yield from (name for name, _ in module.named_parameters(prefix, recurse=False))


def _is_norm(module: nn.Module) -> bool:
    # Libraries bring norms of their own that derive from none of PyTorch's: RmsNorm, for one.
    return isinstance(module, _NORM_LAYERS) or "norm" in type(module).__name__.lower()


def _biases(model: nn.Module) -> Iterable[str]:
    """Also where one layer holds several, as `q_bias` and `in_proj_bias`."""
    for name, _ in model.named_parameters():
        last = name.rpartition(".")[2]
        if last == "bias" or last.endswith("_bias"):
            yield name


def _adapters(model: nn.Module) -> Iterable[str]:
    for name, _ in model.named_parameters():
        if any(part.startswith(ADAPTER_PREFIX) for part in name.split(".")):
            yield name


PARTS: Mapping[str, Callable[[nn.Module], Iterable[str]]] = MappingProxyType(
    {"all": _all, "norm": _norms, "bias": _biases, "adapters": _adapters}
)


def parameters_of(model: nn.Module, part: str) -> frozenset[str]:
    """Names of the parameters that belong to a part, a name of `PARTS`.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    >>> sorted(parameters_of(model, "norm"))
    ['1.bias', '1.weight']
    >>> sorted(parameters_of(model, "bias"))
    ['0.bias', '1.bias']
    """
    return frozenset(PARTS[part](model))
