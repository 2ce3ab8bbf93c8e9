"""LoRA and DoRA: low-rank updates of frozen weights, merged in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Block
from graft.backbones.blocks import tensor_names
from graft.backbones.calls import evaluation
from graft.backbones.parts import ADAPTER_PREFIX
from graft.errors import UnknownNameError
from graft.export.parity import answers_kept
from graft.network import Network
from graft.plan import Plan
from graft.strategies.base import Attached, Phase, Strategy, probe
from graft.strategies.lora_linear import updated, waits_for_memory

# From this rank on, the scale is alpha / sqrt(r) instead of alpha / r (Kalajdzievski 2023).
RANK_STABILISED_FROM = 32
BASE = "base_layer"


@dataclass(frozen=True, slots=True)
class Lora(Strategy):
    """A linear probe first, then W + (alpha / r) B A with W frozen, for every layer that peft
    can adapt: linear layers and ungrouped convolutions, in any backbone.

    A (Kaiming uniform) and B (zeros) train at 1e-3, about ten times the rate of full fine-tuning;
    alpha is 16, statistics of norms stay. In the end the products are added to the weights: the
    saved model is plain. `dora` trains the magnitude of each output beside its direction:
    W' = m (W + B A) / |W + B A|. Golden inputs are answered before and after the merge, and answers
    that moved are an error. Use them where memory for full fine-tuning lacks, or on large
    transformers with few examples; on small backbones `lp-ft` is faster.

    Source: Hu et al. (2022), "LoRA", section 4.1; Liu et al. (2024), "DoRA", equation 5.
    """

    rank: int = 16
    magnitude: bool = False

    def phases(self, blocks: Sequence[str]) -> tuple[Phase, ...]:
        """An exact probe, then one gradient phase on adapters in all blocks."""
        plan = replace(Plan.top(blocks, len(blocks)), part="adapters")
        name = "dora" if self.magnitude else "lora"
        adapters = Phase(
            name, plan, "gradient", lr=1e-3, keep_start=True, fixed_lr=True, attach=self.attach
        )
        return (probe(blocks), adapters)

    def attach(self, network: Network, seed: int) -> Attached:
        """Wrap every layer that can be adapted; the network computes as before.

        Raises:
            UnknownNameError: The backbone has no such layer.
        """
        from peft import LoraConfig
        from peft.tuners.lora import LoraModel

        backbone = network.backbone
        targets = adaptable(backbone)
        if not targets:
            raise UnknownNameError(
                f"{backbone.name} has no linear or convolutional layer that adapters fit",
                next="use lp-ft",
            )
        config = LoraConfig(
            r=self.rank,
            lora_alpha=16,
            use_rslora=self.rank >= RANK_STABILISED_FROM,
            use_dora=self.magnitude,
            target_modules=targets,
        )
        if not self.magnitude:
            config._register_custom_module({nn.Linear: fused_linear()})
        plain = backbone.blocks
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            tuner = LoraModel(backbone.model, {"default": config}, "default")
        backbone.blocks = adapted_blocks(backbone, plain)

        def merge() -> None:
            check = answers_kept(network, "merging the adapters")
            tuner.merge_and_unload(safe_merge=True)
            backbone.model.__dict__.pop("peft_config", None)  # some releases leave it behind
            backbone.blocks = plain
            check()

        return Attached(merge, tuple(f"{name}.weight" for name in targets))


@cache
def fused_linear() -> type[nn.Module]:
    """peft's adapted linear layer, computed in one operation where that is quicker."""
    from peft.tuners.lora import Linear

    class FusedLinear(Linear):
        """The same layer with a forward and a backward pass of its own."""

        def forward(self, x: Tensor) -> Tensor:
            """Inputs (..., I) to the adapted layer's outputs (..., O)."""
            base: Any = self.base_layer
            if self.merged or self.disable_adapters or not waits_for_memory(x, base.weight):
                found: Tensor = super().forward(x)
                return found
            (name,) = self.active_adapters
            down: Any = self.lora_A[name].weight
            up: Any = self.lora_B[name].weight
            return updated(x, base.weight, base.bias, down, up, self.scaling[name])

    return FusedLinear


def adaptable(backbone: Backbone) -> list[str]:
    """Names of the layers that peft can adapt and that the forward pass really calls.

    Left out are subclasses with a forward pass of their own, grouped, dilated and specially
    padded convolutions, and layers whose weight is read without a call (a q-k-v projection with
    separate biases, the output projection of PyTorch's attention): an adapter there would be
    dead or wrong.
    """
    named = {n: m for n, m in backbone.model.named_modules() if _is_plain(m)}
    called: set[nn.Module] = set()
    hooks = [m.register_forward_hook(lambda m, *_: called.add(m)) for m in named.values()]
    with evaluation(backbone), torch.no_grad():
        backbone(backbone.dry_inputs(1))
    for hook in hooks:
        hook.remove()
    return [name for name, module in named.items() if module in called]


def _is_plain(module: nn.Module) -> bool:
    if type(module) is nn.Conv2d:
        ungrouped = module.groups == 1 and module.dilation == (1, 1)
        return ungrouped and module.padding_mode == "zeros"
    return type(module) is nn.Linear


def adapted_blocks(backbone: Backbone, plain: Sequence[Block]) -> tuple[Block, ...]:
    """The plain model's blocks with the names that the wrapped model's tensors bear, adapters in
    the block of the weight that they adapt."""
    owner = {name: number for number, block in enumerate(plain) for name in block.tensors}
    members: list[list[str]] = [[] for _ in plain]
    for name in tensor_names(backbone.model):
        members[owner[plain_name(name)]].append(name)
    return tuple(Block(b.name, tuple(m)) for b, m in zip(plain, members, strict=True))


def plain_name(name: str) -> str:
    """The plain model's tensor that a wrapped model's tensor is, or belongs to.

    >>> plain_name("fc.base_layer.bias"), plain_name("fc.lora_A.default.weight")
    ('fc.bias', 'fc.weight')
    """
    parts = name.split(".")
    for number, part in enumerate(parts):
        if part.startswith(ADAPTER_PREFIX):
            return ".".join([*parts[:number], "weight"])
    return ".".join(part for part in parts if part != BASE)
