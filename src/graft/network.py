"""Backbone and head as one network, and its division into a prefix and a suffix.

`Network.split(depth)` cuts after `depth` blocks without knowing any architecture. The suffix runs
the native model's own forward pass with the frozen modules *bypassed*: a frozen module's call
returns a placeholder full of NaN at once, except the last such call, which returns the cached
activation. Whatever the cached activation does not determine turns the logits into NaN, so a model
that cannot be cut is found out and never computes something else in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone
from graft.backbones.calls import Call, CallsVary, Handler, evaluation, intercepted, record
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.heads.head import Head
from graft.heads.kept import KeptHead
from graft.heads.no_head import NoHead

TOLERANCE = 1e-4
_DRY_ROWS = (2, 3)  # two batch sizes tell which outputs have one row or more per picture


class CannotSplit(Exception):  # noqa: N818
    """The model cannot be cut at this depth: train it uncached. Never reaches the user."""


class Network(nn.Module):
    """Backbone and head.

    Args:
        backbone: Pictures (B, channels, H, W) to features (B, D).
        head: Features (B, D) to logits (B, C).
    """

    def __init__(self, backbone: Backbone, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Normalised pictures (B, channels, H, W) to logits (B, C)."""
        logits: Tensor = self.head(self.backbone(images))
        return logits

    def split(self, depth: int) -> Split:
        """Cut after `depth` blocks, so that `suffix(prefix(images))` equals `self(images)`.

        Both parts share this network's modules: training the suffix trains the network. The prefix
        computes in evaluation mode and without gradients.

        Args:
            depth: 0 (the suffix is everything) to the number of blocks (it is the head alone).

        Raises:
            CannotSplit: No single activation determines the logits at this depth.
        """
        blocks = len(self.backbone.blocks)
        if not 0 <= depth <= blocks:
            raise ValueError(f"depth is {depth}, the backbone has {blocks} blocks")
        if depth == 0:
            return Split(nn.Identity(), self)
        if depth == blocks:
            return Split(_WholeBackbone(self.backbone), self.head)
        halves = self.backbone.halves(depth)
        if halves is not None:
            parts = Split(halves[0], _UpperSuffix(self, depth, halves[1]))
            verify_split(parts, self, self.backbone.dry_inputs(_DRY_ROWS[0]))
            return parts
        cut = _find_cut(self.backbone, depth)
        _refuse_unfrozen_influence(self.backbone, cut)
        images = self.backbone.dry_inputs(_DRY_ROWS[0])
        parts = Split(_Prefix(self.backbone, cut), _Suffix(self, cut))
        try:
            verify_split(parts, self, images)
        except CannotSplit:
            # Something may write into the placeholders: give them memory of their own.
            parts = Split(parts.prefix, _Suffix(self, replace(cut, dense=True)))
            verify_split(parts, self, images)
        return parts


def feature_halves(backbone: Backbone, depth: int) -> Split:
    """A backbone cut after `depth` blocks, whose suffix gives pooled features (B, D).

    Raises:
        CannotSplit: As `Network.split`.
    """
    return Network(backbone, NoHead(backbone.num_features)).split(depth)


def kept_head(backbone: Backbone) -> Head | None:
    """The backbone's own output layer as a head, where it is kept; None where a new one belongs."""
    if not isinstance(backbone, Seq2SeqBackbone):
        return None
    output = backbone.parts.output
    return KeptHead(output.layer, output.bias, tied=output.tied)


@dataclass(frozen=True, slots=True)
class Split:
    """A network in two parts.

    Attributes:
        prefix: Normalised pictures (B, channels, H, W) to activations; frozen.
        suffix: Activations to logits (B, C); its parameters are those of the unfrozen blocks and
            the head, under the names they have in the network.
    """

    prefix: nn.Module
    suffix: nn.Module


def verify_split(parts: Split, network: Network, images: Tensor) -> float:
    """Run a batch both ways, in evaluation mode.

    Args:
        parts: What `network.split` gave.
        network: The whole network.
        images: (B, channels, H, W), normalised.

    Returns:
        The largest difference of the logits, relative to the largest logit.

    Raises:
        CannotSplit: The suffix does not run, or the difference exceeds 1e-4.
    """
    with evaluation(network), torch.no_grad():
        whole = network(images)
        try:
            joined = parts.suffix(parts.prefix(images))
        except RuntimeError as error:  # shapes that do not meet: there is another data path
            raise CannotSplit(f"the suffix does not run: {error}") from error
    scale = whole.abs().max().clamp(min=torch.finfo(whole.dtype).tiny)
    difference = float((whole - joined).abs().max() / scale)
    if not difference <= TOLERANCE:  # also where it is NaN
        raise CannotSplit(f"cached and uncached logits differ by {difference:.2g}")
    return difference


# The parts.


class _WholeBackbone(nn.Module):
    """The prefix at full depth."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def train(self, mode: bool = True) -> _WholeBackbone:  # noqa: ARG002
        """No effect: a prefix always computes in evaluation mode."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        with evaluation(self.backbone), torch.no_grad():
            features: Tensor = self.backbone(images)
        return features


class _Prefix(nn.Module):
    """Runs the backbone up to the cut and no further."""

    def __init__(self, backbone: Backbone, cut: _Cut) -> None:
        super().__init__()
        self.backbone = backbone
        self._cut = cut

    def train(self, mode: bool = True) -> _Prefix:  # noqa: ARG002
        """No effect: a prefix always computes in evaluation mode."""
        return self

    def forward(self, images: Tensor) -> Tensor:
        with evaluation(self.backbone), torch.no_grad():
            return _up_to_cut(self.backbone, self._cut, images)


class _Unfrozen(nn.Module):
    """What remains of a network above its first blocks."""

    def __init__(self, network: Network, depth: int) -> None:
        super().__init__()
        self.network = network
        self._depth = depth
        frozen = _identities(_tensors(network.backbone, depth))
        self._live = tuple(m for m in network.modules() if _state(m, frozen) != "frozen")

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters that can train, under their names in the network."""
        frozen = _identities(_tensors(self.network.backbone, self._depth))
        found = self.network.named_parameters(prefix, recurse, remove_duplicate)
        return (pair for pair in found if id(pair[1]) not in frozen)

    def train(self, mode: bool = True) -> _Unfrozen:
        """Set the mode of everything but the frozen modules, which stay as they are."""
        self.training = mode
        for module in self._live:
            module.training = mode
        return self


class _UpperSuffix(_Unfrozen):
    """Runs the half that the backbone gave, and the head."""

    def __init__(self, network: Network, depth: int, upper: nn.Module) -> None:
        super().__init__(network, depth)
        self._upper = (upper,)  # in a tuple: its parameters are the network's

    def forward(self, activations: Tensor) -> Tensor:
        logits: Tensor = self.network.head(self._upper[0](activations))
        return logits


class _Suffix(_Unfrozen):
    """Runs the network's own forward pass, the frozen modules bypassed."""

    def __init__(self, network: Network, cut: _Cut) -> None:
        super().__init__(network, cut.depth)
        self._cut = cut

    def forward(self, activations: Tensor) -> Tensor:
        rows = activations.shape[0] // self._cut.last.rows
        handler = _Bypass(self._cut, activations, rows)
        spec = self.network.backbone.spec
        images = handler.placeholder((rows, spec.channels, *spec.size))
        with intercepted(self._cut.modules, handler):
            logits: Tensor = self.network(images)
        if not handler.used:
            raise CannotSplit("the forward pass does not reach the cut")
        return logits


# Where to cut.


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which calls are bypassed, and the last of them, whose output is cached."""

    depth: int
    last: Call
    bypassed: dict[tuple[nn.Module, int], Call]
    inner: dict[int, Counter[nn.Module]]  # calls within each bypassed call, by its `begin`
    dense: bool  # whether placeholders must own their memory (something writes into them)

    @property
    def modules(self) -> set[nn.Module]:
        return {module for module, _ in self.bypassed}


def _find_cut(backbone: Backbone, depth: int) -> _Cut:
    frozen = _identities(_tensors(backbone, depth))
    states = {module: _state(module, frozen) for module in backbone.modules()}
    few, many = (backbone.dry_inputs(rows) for rows in _DRY_ROWS)
    try:
        recorded = record(backbone, few, many)
    except CallsVary as error:
        raise CannotSplit("the forward pass depends on the batch size") from error
    calls = [call for call in recorded if call.rows]
    candidates = _outermost([call for call in calls if states[call.module] == "frozen"])
    if not candidates:
        raise CannotSplit("no frozen module returns one tensor with a row per picture")
    last = max(candidates, key=lambda call: call.order)
    # What has no parameters and ends before the cut serves the prefix alone.
    early = [c for c in calls if c.order <= last.order and states[c.module] != "other"]
    bypassed = {(call.module, call.index): call for call in _outermost(early)}
    inner = {
        outer.begin: Counter(call.module for call in recorded if outer.begin in call.parents)
        for outer in bypassed.values()
    }
    return _Cut(depth, last, bypassed, inner, dense=False)


def _refuse_unfrozen_influence(backbone: Backbone, cut: _Cut) -> None:
    """The cached activation must not depend on what trains; autograd knows whether it does.

    Raises:
        CannotSplit: It does: the model runs an unfrozen layer before a frozen one.
    """
    frozen = _identities(_tensors(backbone, cut.depth))
    before = [(parameter, parameter.requires_grad) for parameter in backbone.parameters()]
    try:
        for parameter, _ in before:
            parameter.requires_grad_(id(parameter) not in frozen)
        with evaluation(backbone), torch.enable_grad():
            activations = _up_to_cut(backbone, cut, backbone.dry_inputs(1))
    finally:
        for parameter, flag in before:
            parameter.requires_grad_(flag)
    if activations.requires_grad:
        raise CannotSplit("an unfrozen layer runs before a frozen one")


def _up_to_cut(backbone: Backbone, cut: _Cut, images: Tensor) -> Tensor:
    try:
        with intercepted([cut.last.module], _Capture(cut.last)):
            backbone(images)
    except _Reached as reached:
        return reached.activations
    raise CannotSplit("the forward pass does not reach the cut")


def _outermost(calls: Iterable[Call]) -> list[Call]:
    chosen = list(calls)
    begins = {call.begin for call in chosen}
    return [call for call in chosen if begins.isdisjoint(call.parents)]


def _tensors(backbone: Backbone, depth: int) -> Iterator[Tensor]:
    """The tensors of the first `depth` blocks."""
    names = set(chain.from_iterable(block.tensors for block in backbone.blocks[:depth]))
    named = chain(backbone.model.named_parameters(), backbone.model.named_buffers())
    return (tensor for name, tensor in named if name in names)


def _identities(tensors: Iterable[Tensor]) -> frozenset[int]:
    return frozenset(id(tensor) for tensor in tensors)


def _state(module: nn.Module, frozen: frozenset[int]) -> str:
    """`frozen`: all its tensors are; `free`: nothing in it can train; `other`: the rest."""
    parameters = _identities(module.parameters())
    if not _identities(module.buffers()) <= frozen or not parameters <= frozen:
        return "other"
    return "frozen" if parameters else "free"


# What intercepted calls return.


class _Reached(Exception):  # noqa: N818
    """Ends the prefix's forward pass at the cut."""

    def __init__(self, activations: Tensor) -> None:
        super().__init__("the cut is reached")
        self.activations = activations


class _Capture(Handler):
    def __init__(self, last: Call) -> None:
        super().__init__()
        self._last = last

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        index = self.next_index(module)
        output = run()
        if index == self._last.index:
            raise _Reached(output)
        return output


class _Bypass(Handler):
    def __init__(self, cut: _Cut, activations: Tensor, rows: int) -> None:
        super().__init__()
        self._cut = cut
        self._activations = activations
        self._rows = rows
        self.used = False

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:
        call = self._cut.bypassed.get((module, self.next_index(module)))
        if call is None:
            return run()
        self._counts.update(self._cut.inner[call.begin])  # a module may be shared by several
        if call is self._cut.last:
            self.used = True
            return self._activations.clone()  # what follows may write into it
        assert call.shape is not None  # only calls that return a tensor are bypassed
        return self.placeholder((self._rows * call.rows, *call.shape[1:]))

    def placeholder(self, shape: tuple[int, ...]) -> Tensor:
        """NaN that takes no memory and no time, unless something writes into it."""
        if self._cut.dense:
            return self._activations.new_full(shape, float("nan"))
        return self._activations.new_full((), float("nan")).expand(shape)
