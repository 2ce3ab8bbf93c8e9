"""The blocks of an encoder-decoder: the embeddings, the encoder's layers, the decoder's layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Block
from graft.backbones.blocks import tensor_names
from graft.backbones.seq2seq import Stack

# T5's layers share the position bias of the first; as positions it belongs to the embeddings.
_SHARED = "relative_attention_bias"


def stack_of(module: nn.Module) -> tuple[nn.Module, ...] | None:
    """The layers of an encoder or decoder: its list of modules with the most parameters."""
    lists: list[nn.Module] = [
        m for m in module.modules() if isinstance(m, nn.ModuleList) and len(m)
    ]
    return tuple(max(lists, key=_size).children()) if lists else None


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def stacks(encoder: nn.Module, decoder: nn.Module) -> tuple[Stack, Stack] | None:
    """Encoder and decoder with their layers; None where they have none."""
    first, second = stack_of(encoder), stack_of(decoder)
    if first is None or second is None:
        return None
    outputs: dict[nn.Module, int] = {}

    def note(module: nn.Module, _args: object, found: object) -> None:
        outputs[module] = len(found) if isinstance(found, tuple) else 0

    hooks = [layer.register_forward_hook(note) for layer in (*first, *second)]
    try:
        with torch.no_grad():
            _run(encoder, decoder)
    finally:
        for hook in hooks:
            hook.remove()
    return (
        Stack(encoder, first, tuple(outputs[layer] for layer in first)),
        Stack(decoder, second, tuple(outputs[layer] for layer in second)),
    )


def divide(model: nn.Module, encoder: Stack, decoder: Stack) -> tuple[Block, ...]:
    """Every parameter and buffer in one block.

    The embeddings (block 0) are what the first layer of either stack reads, with all buffers and
    T5's position biases. What comes after the last layer of a stack is in that layer's block.
    """
    titles = {module: name for name, module in model.named_modules()}
    layers = [titles[layer] for layer in (*encoder.layers, *decoder.layers)]
    early = _read_first(model, encoder, decoder)
    ends = {titles[encoder.module]: len(encoder.layers), titles[decoder.module]: len(layers)}
    trainable = {name for name, _ in model.named_parameters()}
    members: list[list[str]] = [[] for _ in range(len(layers) + 1)]
    for name in tensor_names(model):
        inside = next((i for i, at in enumerate(layers, 1) if name.startswith(f"{at}.")), None)
        if _SHARED in name or name in early or name not in trainable:
            members[0].append(name)
        elif inside is not None:
            members[inside].append(name)
        else:
            end = next((end for at, end in ends.items() if name.startswith(f"{at}.")), -1)
            members[end].append(name)
    named = zip(["embeddings", *layers], members, strict=True)
    return tuple(Block(title, tuple(names)) for title, names in named)


def _run(encoder: nn.Module, decoder: nn.Module) -> None:
    ids = torch.arange(2, 8).reshape(2, 3)
    mask = torch.ones_like(ids)
    states = encoder(input_ids=ids, attention_mask=mask)[0]
    decoder(
        input_ids=ids, encoder_hidden_states=states, encoder_attention_mask=mask, use_cache=False
    )


def _read_first(model: nn.Module, encoder: Stack, decoder: Stack) -> set[str]:
    """Names of the parameters that the first layers' inputs depend on; autograd knows."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        caught.append(args[0] if args else named["hidden_states"])

    hooks = [
        stack.layers[0].register_forward_pre_hook(catch, with_kwargs=True)
        for stack in (encoder, decoder)
    ]
    before = {name: p.requires_grad for name, p in model.named_parameters()}
    try:
        model.requires_grad_(True)
        with torch.enable_grad():
            _run(encoder.module, decoder.module)
            named = dict(model.named_parameters())
            total = caught[0].sum() + caught[1].sum()
            found = torch.autograd.grad(total, [*named.values()], allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])
    return {name for name, slope in zip(named, found, strict=True) if slope is not None}
