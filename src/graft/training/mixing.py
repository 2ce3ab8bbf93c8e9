"""Blends of two rows: mixup, CutMix, and mixup of what the suffix reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from graft.errors import UnknownNameError, unknown_name
from graft.objectives import Objective
from graft.types import Batch, Json

# From inputs, those of the partners, and the share of the first: blends, and the exact share.
Blend = Callable[[Tensor, Tensor, float, np.random.Generator], tuple[Tensor, float]]


def _blend(
    own: Tensor, other: Tensor, share: float, _: np.random.Generator
) -> tuple[Tensor, float]:
    return torch.lerp(other, own, share), share


def _paste(
    own: Tensor, other: Tensor, share: float, random: np.random.Generator
) -> tuple[Tensor, float]:
    """A rectangle of the partner's picture; the share is what is left of the row's own."""
    height, width = own.shape[-2:]
    tall, wide = (round(side * (1 - share) ** 0.5) for side in (height, width))
    top, left = (int(random.integers(side)) for side in (height, width))
    rows = slice(max(0, top - tall // 2), min(height, top - tall // 2 + tall))
    columns = slice(max(0, left - wide // 2), min(width, left - wide // 2 + wide))
    pasted = own.clone()
    pasted[..., rows, columns] = other[..., rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return pasted, 1 - area / (height * width)


@dataclass(frozen=True, slots=True)
class MixKind:
    """A way to blend.

    Attributes:
        blend: Does it.
        alpha: Default of the Beta distribution that shares are drawn from.
        stored: Whether it may blend stored activations. Mixup of pixels is not mixup of
            activations, since a network is not linear: that is a method of its own.
    """

    blend: Blend
    alpha: float
    stored: bool


# mixup: Zhang et al. 2018, equation 2 and section 3.1; CutMix: Yun et al. 2019, equations 1 and 2;
# manifold: Verma et al. 2019, section 2, at one layer, the boundary of the frozen blocks.
MIXES: Mapping[str, MixKind] = MappingProxyType(
    {
        "mixup": MixKind(_blend, 0.2, stored=False),
        "cutmix": MixKind(_paste, 1.0, stored=False),
        "manifold": MixKind(_blend, 2.0, stored=True),
    }
)


@dataclass(frozen=True, slots=True)
class Mix:
    """A choice of `--mix`: a kind and its alpha."""

    name: str
    alpha: float

    @property
    def kind(self) -> MixKind:
        """What the name stands for."""
        return MIXES[self.name]


def parse_mix(spec: str) -> Mix | None:
    """The meaning of `none`, `mixup`, `cutmix` or `manifold`, with an alpha after a colon.

    >>> parse_mix("mixup:0.4")
    Mix(name='mixup', alpha=0.4)
    >>> parse_mix("none")

    Raises:
        UnknownNameError: No such mix, or an alpha that is no positive number.
    """
    name, _, setting = spec.partition(":")
    if spec == "none":
        return None
    if name not in MIXES:
        raise unknown_name("mix", name, ["none", *MIXES])
    try:
        alpha = float(setting) if setting else MIXES[name].alpha
    except ValueError:
        alpha = 0.0
    if not 0 < alpha < float("inf"):
        raise UnknownNameError(
            f"The mix '{spec}' has the alpha '{setting}'",
            allowed="a number above 0",
            next=f"use '{name}:{MIXES[name].alpha}', or '{name}'",
        )
    return Mix(name, alpha)


class _Given(nn.Module):
    """Outputs that are there already."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__()
        self._outputs = outputs

    def forward(self, _inputs: Tensor) -> Tensor:
        return self._outputs


class Mixer:
    """Losses of blended rows, for any objective.

    The loss of a blend is the blend of the two losses. For cross-entropy that is the cross-entropy
    with the blended target, exactly, since it is linear in the target (class weights apart, whose
    mean differs between the two).

    Args:
        mix: The kind.
        seed: Of the shares and partners; one share per batch.
    """

    def __init__(self, mix: Mix, seed: int) -> None:
        self._mix = mix
        self._random = np.random.default_rng([seed, 0x6D6978])

    def losses(self, objective: Objective, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Scalar losses by name, as the objective gives them."""
        partner = torch.from_numpy(self._random.permutation(len(batch))).to(batch.inputs.device)
        drawn = float(self._random.beta(self._mix.alpha, self._mix.alpha))
        inputs = batch.inputs
        blended, share = self._mix.kind.blend(inputs, inputs[partner], drawn, self._random)
        outputs = _Given(model(blended))
        own = objective(outputs, Batch(blended, batch.targets))
        other = objective(outputs, Batch(blended, batch.targets[partner]))
        return {name: share * own[name] + (1 - share) * other[name] for name in own}

    def state(self) -> Json:
        """What a checkpoint keeps of it."""
        return {"random": self._random.bit_generator.state}

    def resume(self, state: Json) -> None:
        """Draw on as from when `state` was taken."""
        self._random.bit_generator.state = state["random"]


def notes_on_exact(mix: str, sampling: str) -> list[str]:
    """What an exact solution makes of settings of batches, which it has none of.

    >>> notes_on_exact("none", "balanced")
    ['rows weighted so that every class counts the same, as balanced batches would']
    """
    notes = []
    if sampling == "balanced":
        notes.append("rows weighted so that every class counts the same, as balanced batches would")
    if chosen := parse_mix(mix):
        notes.append(f"solved exactly, so without {chosen.name}: there are no batches to blend")
    return notes


def build_mixer(
    spec: str, seed: int, stored: bool, texts: bool, phase: str, warnings: list[str]
) -> Mixer | None:
    """What blends the rows of a phase, unless nothing is to be blended, or may be.

    Args:
        spec: The user's choice.
        seed: Of the blends.
        stored: Whether the phase reads stored outputs of frozen blocks.
        texts: Whether its rows are sequences of several lengths.
        phase: Its name, for the warning.
        warnings: Gets a sentence where the choice does not apply.
    """
    mix = parse_mix(spec)
    if mix is None:
        return None
    if not texts and (not stored or mix.kind.stored):
        return Mixer(mix, seed)
    reason = "sequences of several lengths cannot be blended"
    if not texts:
        reason = (
            "it blends pixels, and this phase reads outputs of frozen blocks, whose blending "
            "is '--mix manifold'"
        )
    warnings.append(f"Phase '{phase}' trained without {mix.name}: {reason}.")
    return None
