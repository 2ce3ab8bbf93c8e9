"""A model's blocks, depth 0 first: every parameter and buffer in exactly one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor, nn

from graft.backbones.backbone import Block
from graft.backbones.timm_models import grouping


def tensor_names(model: nn.Module) -> list[str]:
    """Names of all parameters and buffers, saved or not, in the order of definition.

    A tensor that bears several names is listed once, under its first.
    """
    first = {id(tensor): name for name, tensor in reversed([*_named_tensors(model)])}
    return list(dict.fromkeys(first[id(tensor)] for _, tensor in _named_tensors(model)))


def _named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in model.named_modules():
        yield from module.named_parameters(prefix, recurse=False)
        yield from module.named_buffers(prefix, recurse=False)


def blocks_of(model: nn.Module) -> tuple[Block, ...]:
    """Divide a model without classifier into blocks.

    The division is timm's `group_matcher(coarse=False)`; layers after the last group belong to the
    final block. A model without a group matcher is divided by its children, in their order.
    Tensors that hold no parameter (an attention mask, say) form no block of their own: they join
    the block before, or the stem.

    Args:
        model: The native model, its classifier removed.
    """
    names = tensor_names(model)
    groups = grouping(model, names) or _children(names)
    trainable = {name for name, _ in model.named_parameters()}
    merged = _merge_without_parameters(groups, trainable)
    return tuple(Block(*pair) for pair in zip(_names(merged), map(tuple, merged), strict=True))


def _children(names: Iterable[str]) -> list[list[str]]:
    """Group by the first part of the name; the root's own tensors join the first group."""
    groups: dict[str, list[str]] = {}
    own = []
    for name in names:
        if "." in name:
            groups.setdefault(name.partition(".")[0], []).append(name)
        else:
            own.append(name)
    ordered = list(groups.values()) or [[]]
    return [own + ordered[0], *ordered[1:]]


def _merge_without_parameters(
    groups: Iterable[Sequence[str]], trainable: set[str]
) -> list[list[str]]:
    merged: list[list[str]] = []
    waiting: list[str] = []  # buffers before the first group that has a parameter
    for group in groups:
        if trainable.isdisjoint(group):
            (merged[-1] if merged else waiting).extend(group)
        else:
            merged.append([*waiting, *group])
            waiting = []
    return merged


def _names(groups: Sequence[Sequence[str]]) -> list[str]:
    """Readable and distinct: `stem`, then the module that the block's tensors share."""
    shared = ["stem", *(_shared_module(group) for group in groups[1:])]
    times = Counter[str]()
    distinct = []
    for name in shared:
        times[name] += 1
        distinct.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return distinct


def _shared_module(group: Sequence[str]) -> str:
    """The deepest module around the first tensor that holds more than half of its siblings."""
    parts = group[0].split(".")[:-1]
    if not parts:
        return group[0]
    siblings = [name for name in group if name.startswith(f"{parts[0]}.")]
    shared = parts[0]
    for part in parts[1:]:
        inside = sum(name.startswith(f"{shared}.{part}.") for name in siblings)
        if 2 * inside <= len(siblings):
            break
        shared = f"{shared}.{part}"
    return shared
