"""Part 3, the unfrozen part: which blocks train, at which rate, in which mode; and the proof.

A plan is a value. `apply` is the only place that freezes anything, `Audit` the only place that
says what moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from graft.errors import AuditError
from graft.network import Network

NORM_POLICIES = ("frozen", "live")


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block: whether it trains, and the factor on the learning rate if it does."""

    name: str
    trains: bool
    lr_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to every block of a backbone. The head always trains.

    Attributes:
        blocks: One entry per block, depth 0 first.
        norm: Statistics of normalisation layers in blocks that train: `frozen` keeps the running
            statistics (evaluation mode), `live` updates them. Under frozen blocks they never move.
    """

    blocks: tuple[BlockPlan, ...]
    norm: str = "frozen"

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

    @classmethod
    def top(cls, names: Sequence[str], count: int, norm: str = "frozen") -> Plan:
        """The last `count` blocks train, the others are frozen."""
        first = len(names) - count
        return cls(tuple(BlockPlan(name, i >= first) for i, name in enumerate(names)), norm)


def apply(plan: Plan, network: Network) -> None:
    """Let the planned blocks and the head require gradients, and nothing else."""
    tensors = dict(network.backbone.model.named_parameters())
    for block, entry in zip(network.backbone.blocks, plan.blocks, strict=True):
        for name in block.tensors:
            if name in tensors:
                tensors[name].requires_grad_(entry.trains)
    network.head.requires_grad_(True)


def set_training_mode(plan: Plan, network: Network) -> None:
    """Training mode, except where statistics or dropout of a frozen block would answer to it.

    `model.train()` alone would let BatchNorm under frozen parameters drift. A module is put in
    evaluation mode when all its tensors belong to frozen blocks, or when it is a normalisation
    layer and the plan's policy is `frozen`.
    """
    network.train()
    frozen = _frozen_tensors(plan, network)
    for prefix, module in network.backbone.model.named_modules():
        names = _tensor_names(prefix, module)
        all_frozen = bool(names) and all(name in frozen for name in names)
        if all_frozen or (plan.norm == "frozen" and _keeps_statistics(module)):
            module.eval()
    if plan.frozen_depth == len(plan.blocks):
        network.backbone.eval()


def _frozen_tensors(plan: Plan, network: Network) -> set[str]:
    pairs = zip(network.backbone.blocks, plan.blocks, strict=True)
    return {name for block, entry in pairs if not entry.trains for name in block.tensors}


def _tensor_names(prefix: str, module: nn.Module) -> list[str]:
    dot = f"{prefix}." if prefix else ""
    own = [name for name, _ in module.named_parameters()]
    return [dot + name for name in own + [name for name, _ in module.named_buffers()]]


def _keeps_statistics(module: nn.Module) -> bool:
    return getattr(module, "running_mean", None) is not None


@dataclass(frozen=True, slots=True)
class Audit:
    """What moved.

    Attributes:
        moved: Blocks (and `head`) with at least one changed tensor.
        frozen: Blocks that were frozen throughout.
        drift_bytes: Size of the tensors that moved although their block was frozen. Always 0 in a
            finished run: anything else raises.
    """

    moved: tuple[str, ...]
    frozen: tuple[str, ...]
    drift_bytes: int


class Auditor:
    """Hashes every parameter and buffer now, and compares later."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._before = self._hashes()

    def compare(self, trained: Sequence[str]) -> Audit:
        """Compare with the start; `trained` names the blocks that were allowed to move.

        Raises:
            AuditError: A tensor of a frozen block moved.
        """
        after = self._hashes()
        tensors = _all_tensors(self._network.backbone.model)
        moved: list[str] = []
        drifted: list[str] = []
        for block in self._network.backbone.blocks:
            changed = [name for name in block.tensors if after[name] != self._before[name]]
            if changed:
                moved.append(block.name)
            if block.name not in trained:
                drifted += changed
        drift = sum(tensors[name].numel() * tensors[name].element_size() for name in drifted)
        if drift:
            raise AuditError(
                f"{len(drifted)} tensors of frozen blocks moved ({drift} bytes): {drifted[0]} ...",
                next="please report this with recipe.yaml",
            )
        names = [block.name for block in self._network.backbone.blocks]
        frozen = tuple(name for name in names if name not in trained)
        return Audit((*moved, "head"), frozen, drift)

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
