"""The blocks of a text encoder, and the modules after which it can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Block
from graft.backbones.blocks import tensor_names
from graft.backbones.text import Seam, takes_segments


def divide(model: nn.Module) -> tuple[tuple[Block, ...], tuple[Seam, ...]]:
    """Blocks (the embeddings, then each layer) and the modules after which to cut.

    Whatever the first layer's output depends on outside that layer is in block 0, also where all
    layers share it (DeBERTa's relative positions); what comes after the last layer is in the last.
    """
    names = tensor_names(model)
    layers = _layers(model)
    if not layers:
        return (Block("encoder", tuple(names)),), (Seam(""),)
    seams = _seams(model, layers)
    early = _depends_on(model, layers[0])
    members: list[list[str]] = [[] for _ in seams]
    trainable = {name for name, _ in model.named_parameters()}
    for name in names:
        inside = next((i for i, layer in enumerate(layers) if name.startswith(f"{layer}.")), None)
        if inside is not None:
            members[inside + 1].append(name)
        else:
            members[0 if name in early or name not in trainable else -1].append(name)
    titles = ["embeddings", *layers]
    blocks = tuple(Block(*pair) for pair in zip(titles, map(tuple, members), strict=True))
    return blocks, seams


def _layers(model: nn.Module) -> list[str]:
    """Names of the encoder's layers: the list of modules with the most parameters."""
    lists = {n: m for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m)}
    if not lists:
        return []
    name = max(lists, key=lambda n: sum(p.numel() for p in lists[n].parameters()))
    return [f"{name}.{number}" for number in range(len(lists[name]))]


def _tokens(model: nn.Module) -> dict[str, Tensor]:
    ids = torch.arange(1, 9).reshape(2, 4)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if takes_segments(model):
        inputs["token_type_ids"] = torch.zeros_like(ids)
    return inputs


def _seams(model: nn.Module, layers: Sequence[str]) -> tuple[Seam, ...]:
    """The module that the first layer's input comes from, then the layers."""
    outputs: list[tuple[str, Any]] = []
    entered: list[str] = []
    first = model.get_submodule(layers[0])
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: outputs.append((name, out)))
        for name, module in model.named_modules()
    ]

    def enter(_module: nn.Module, args: Any, named: Any) -> None:
        vectors = args[0] if args else named["hidden_states"]
        # Hooks run as calls end: of modules that hand out the same tensor, the outermost is last.
        entered.extend(name for name, out in outputs if out is vectors)

    hooks.append(first.register_forward_pre_hook(enter, with_kwargs=True))
    try:
        with torch.no_grad():
            model(**_tokens(model))
    finally:
        for hook in hooks:
            hook.remove()
    by_name = dict(outputs)
    counts = (len(by_name[n]) if isinstance(by_name[n], tuple) else 0 for n in layers)
    return (Seam(entered[-1]), *(Seam(*pair) for pair in zip(layers, counts, strict=True)))


def _depends_on(model: nn.Module, layer: str) -> set[str]:
    """Names of the parameters that a layer's output depends on; autograd knows."""
    caught: list[Tensor] = []
    hook = model.get_submodule(layer).register_forward_hook(
        lambda _m, _i, out: caught.append(out[0] if isinstance(out, tuple) else out)
    )
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    try:
        model.requires_grad_(True)
        with torch.enable_grad():
            model(**_tokens(model))
            named = dict(model.named_parameters())
            found = torch.autograd.grad(caught[0].sum(), [*named.values()], allow_unused=True)
    finally:
        hook.remove()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])
    return {name for name, slope in zip(named, found, strict=True) if slope is not None}
