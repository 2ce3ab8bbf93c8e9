"""Part 3, the unfrozen part: which blocks train, at which rate, in which mode; and the proof.

A plan is a value. `apply` is the only place that freezes anything, `Audit` the only place that
says what moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from graft.backbones.parts import parameters_of
from graft.errors import AuditError, UnknownNameError
from graft.network import Network

NORM_POLICIES = ("frozen", "live", "reestimated")


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block.

    Attributes:
        name: The block's name.
        trains: Whether it trains at all.
        lr_scale: Factor on the learning rate if it does; kept while it does not.
        norm: Statistics of normalisation layers while the block trains: `frozen` keeps the running
            statistics (evaluation mode), `live` updates them, `reestimated` updates them and lets
            the strategy compute them afresh at the end. In a frozen block they never move.
    """

    name: str
    trains: bool
    lr_scale: float = 1.0
    norm: str = "frozen"


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to every block of a backbone. The head always trains.

    Attributes:
        blocks: One entry per block, depth 0 first.
        part: Which parameters of a block that trains do so, a name of
            `graft.backbones.parts.PARTS`: `all`, `norm`, `bias` or `adapters`.
    """

    blocks: tuple[BlockPlan, ...]
    part: str = "all"

    @property
    def frozen_depth(self) -> int:
        """How many leading blocks are frozen.

        >>> Plan.top(["stem", "layer1", "layer2"], 1).frozen_depth
        2
        """
        return next((i for i, block in enumerate(self.blocks) if block.trains), len(self.blocks))

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the blocks that train."""
        return tuple(block.name for block in self.blocks if block.trains)

    @property
    def norm(self) -> str:
        """The policy of the blocks that train, several joined by `and`; `frozen` where none do."""
        found = {block.norm for block in self.blocks if block.trains}
        return " and ".join(sorted(found)) or "frozen"

    @classmethod
    def top(cls, names: Sequence[str], count: int, norm: str = "frozen") -> Plan:
        """The last `count` blocks train, the others are frozen."""
        first = len(names) - count
        return cls(tuple(BlockPlan(name, i >= first, norm=norm) for i, name in enumerate(names)))

    def with_norm(self, policy: str) -> Plan:
        """The same plan with another policy, a name of `NORM_POLICIES`, in every block."""
        return replace(self, blocks=tuple(replace(block, norm=policy) for block in self.blocks))


def fit(plan: Plan, network: Network) -> Plan:
    """The plan with the blocks frozen that hold nothing of its part.

    Adapters appear only when a phase begins, so a plan for adapters stays as it is.

    Raises:
        UnknownNameError: No block that should train holds anything of the part.

    """
    if plan.part == "adapters" or not plan.trained:
        return plan
    trains = {entry.name for entry, members in trained_parameters(plan, network) if members}
    if not trains:
        raise UnknownNameError(
            f"{network.backbone.name} has no parameters of the kind '{plan.part}'",
            allowed="a backbone that has them, or another strategy",
            next="use lp-ft",
        )
    blocks = (replace(b, trains=b.trains and b.name in trains) for b in plan.blocks)
    return replace(plan, blocks=tuple(blocks))


def trained_parameters(
    plan: Plan, network: Network
) -> Iterator[tuple[BlockPlan, dict[str, nn.Parameter]]]:
    """The blocks that train, with the parameters of each that do so, by their backbone names."""
    tensors = dict(network.backbone.model.named_parameters())
    chosen = parameters_of(network.backbone.model, plan.part)
    for block, entry in zip(network.backbone.blocks, plan.blocks, strict=True):
        if entry.trains:
            yield entry, {name: tensors[name] for name in block.tensors if name in chosen}


def movable(plan: Plan, network: Network) -> frozenset[str]:
    """Names of the backbone's tensors that may move under a plan.

    They are the trained parameters and, in blocks that train, the buffers; running statistics
    only where the plan's policy lets them.
    """
    parameters = {name for _, members in trained_parameters(plan, network) for name in members}
    buffers = {name for name, _ in network.backbone.model.named_buffers()}
    fixed = _fixed_statistics(plan, network)
    in_blocks = {
        name
        for block, entry in zip(network.backbone.blocks, plan.blocks, strict=True)
        if entry.trains
        for name in block.tensors
    }
    return frozenset(parameters | ((buffers & in_blocks) - fixed))


def apply(plan: Plan, network: Network) -> None:
    """Let the planned parameters and the head require gradients, and nothing else."""
    network.backbone.requires_grad_(False)
    for _, members in trained_parameters(plan, network):
        for parameter in members.values():
            parameter.requires_grad_(True)
    network.head.requires_grad_(True)


def set_training_mode(plan: Plan, network: Network) -> None:
    """Training mode, except where statistics or dropout of a frozen block would answer to it.

    `model.train()` alone would let BatchNorm under frozen parameters drift. A module is put in
    evaluation mode when all its tensors belong to frozen blocks, when it keeps statistics that its
    block's policy holds fixed, or when it has no tensors (dropout) and follows a frozen layer.
    """
    if plan.frozen_depth == len(plan.blocks):
        network.training = True
        network.head.train()
        network.backbone.eval()
        return
    network.train()
    frozen = _frozen_tensors(plan, network)
    fixed = _fixed_statistics(plan, network)
    for prefix, module in network.backbone.model.named_modules():
        names = _tensor_names(prefix, module)
        all_frozen = bool(names) and all(name in frozen for name in names)
        if all_frozen or not fixed.isdisjoint(_own_statistics(prefix, module)):
            module.eval()
        else:
            _quieten(prefix, module, frozen)


def _quieten(prefix: str, module: nn.Module, frozen: set[str]) -> None:
    """Evaluation mode for children without tensors that follow a frozen sibling.

    Dropout has no tensors, so no block owns it; it acts on what was computed just before it.
    """
    after_frozen = False
    for name, child in module.named_children():
        names = _tensor_names(f"{prefix}.{name}" if prefix else name, child)
        if names:
            after_frozen = all(tensor in frozen for tensor in names)
        elif after_frozen:
            child.eval()


def _frozen_tensors(plan: Plan, network: Network) -> set[str]:
    pairs = zip(network.backbone.blocks, plan.blocks, strict=True)
    return {name for block, entry in pairs if not entry.trains for name in block.tensors}


def _fixed_statistics(plan: Plan, network: Network) -> set[str]:
    """Names of the running statistics that the plan holds fixed."""
    pairs = zip(network.backbone.blocks, plan.blocks, strict=True)
    fixed = {
        name
        for block, entry in pairs
        if not entry.trains or entry.norm == "frozen"
        for name in block.tensors
    }
    return fixed & set(statistics_of(network.backbone.model))


def statistics_of(model: nn.Module) -> list[str]:
    """Names of all running statistics."""
    return [n for prefix, module in model.named_modules() for n in _own_statistics(prefix, module)]


def _own_statistics(prefix: str, module: nn.Module) -> list[str]:
    if getattr(module, "running_mean", None) is None:
        return []
    return [name for name, _ in module.named_buffers(prefix, recurse=False)]


def _tensor_names(prefix: str, module: nn.Module) -> list[str]:
    dot = f"{prefix}." if prefix else ""
    own = [name for name, _ in module.named_parameters()]
    return [dot + name for name in own + [name for name, _ in module.named_buffers()]]


@dataclass(frozen=True, slots=True)
class Audit:
    """What moved.

    Attributes:
        moved: Blocks (and `head`) with at least one changed tensor.
        frozen: Blocks that were frozen throughout.
        drift_bytes: Size of the tensors that moved although nothing let them. Always 0 in a
            finished run: anything else raises.
        tensors_moved: How many of the backbone's tensors changed.
        tensors_allowed: How many were allowed to.
        tensors: How many there are.
    """

    moved: tuple[str, ...]
    frozen: tuple[str, ...]
    drift_bytes: int
    tensors_moved: int
    tensors_allowed: int
    tensors: int


def named_head(network: Network) -> tuple[str, ...]:
    """`head`, which always trains; nothing where it has no parameters of its own."""
    return ("head",) if any(True for _ in network.head.parameters()) else ()


class Auditor:
    """Hashes every parameter and buffer now, and compares later."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._before = self._hashes()

    def compare(self, allowed: Collection[str]) -> Audit:
        """Compare with the start.

        Args:
            allowed: Names of the backbone's tensors that were allowed to move.

        Raises:
            AuditError: Another tensor moved.
        """
        after = self._hashes()
        changed = {name for name, digest in after.items() if digest != self._before[name]}
        blocks = self._network.backbone.blocks
        drift = self._drift(sorted(changed - set(allowed)))
        return Audit(
            moved=(
                *(b.name for b in blocks if not changed.isdisjoint(b.tensors)),
                *named_head(self._network),
            ),
            frozen=tuple(b.name for b in blocks if set(allowed).isdisjoint(b.tensors)),
            drift_bytes=drift,
            tensors_moved=len(changed),
            tensors_allowed=len(set(allowed)),
            tensors=len(after),
        )

    def _drift(self, names: Sequence[str]) -> int:
        tensors = _all_tensors(self._network.backbone.model)
        drift = sum(tensors[name].numel() * tensors[name].element_size() for name in names)
        if drift:
            raise AuditError(
                f"{len(names)} frozen tensors moved ({drift} bytes): {names[0]} ...",
                next="please report this with recipe.yaml",
            )
        return drift

    def _hashes(self) -> dict[str, bytes]:
        tensors = _all_tensors(self._network.backbone.model)
        return {name: tensor_digest(tensor) for name, tensor in tensors.items()}


def _all_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """SHA-256 of a tensor's type, shape and bytes.

    >>> tensor_digest(torch.zeros(2)) == tensor_digest(torch.zeros(2))
    True
    >>> tensor_digest(torch.zeros(2)) == tensor_digest(torch.zeros(3))
    False
    """
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    digest = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    digest.update(flat.view(torch.uint8).numpy().data)
    return digest.digest()
