"""What `result.json` says of the plan, the versions and the model."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from graft.data import Examples, Split
from graft.network import Network
from graft.plan import Audit, Plan
from graft.training import PhaseRecord
from graft.types import Json

PACKAGES = ("torch", "timm", "numpy", "pillow", "scikit-learn", "scipy")


def versions() -> dict[str, str]:
    """Versions of what a figure may depend on."""
    found = {"graft": _version("graft-learn"), "python": platform.python_version()}
    return found | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def data_part(examples: Examples, split: Split) -> Json:
    """Counts per part and class, and what was set aside."""
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {
        "labels": [*examples.labels],
        "counts": {
            **{name: len(rows) for name, rows in parts.items()},
            "set_aside": len(examples.set_aside),
        },
        "class_counts": {name: examples.class_counts(rows) for name, rows in parts.items()},
        "set_aside": [{"input": item.input, "reason": item.reason} for item in examples.set_aside],
        "data_fingerprint": examples.fingerprint(),
    }


def plan_part(network: Network, records: Sequence[PhaseRecord], plan: Plan, audit: Audit) -> Json:
    """What was planned, what was done, and the proof."""
    trained = {name for record in records for name in record.trained}
    tensors = dict(network.backbone.model.named_parameters())
    blocks: list[Json] = [
        {
            "name": block.name,
            "parameters": sum(tensors[n].numel() for n in block.tensors if n in tensors),
            "trained": block.name in trained,
        }
        for block in network.backbone.blocks
    ]
    depths = [number for number, block in enumerate(blocks) if block["trained"]]
    head = sum(p.numel() for p in network.head.parameters())
    total = sum(b["parameters"] for b in blocks)
    moving = max((record.parameters for record in records), default=head)
    return {
        "frozen_depth": min(depths, default=len(blocks)),
        "plan": {
            "norm": plan.norm,
            "part": plan.part,
            "phases": [record.to_dict() for record in records],
            "blocks": blocks,
        },
        "parameters": {"total": total + head, "trainable": moving},
        "audit": {
            "moved": [*audit.moved],
            "frozen": [*audit.frozen],
            "drift_bytes": audit.drift_bytes,
            "tensors": {
                "moved": audit.tensors_moved,
                "allowed": audit.tensors_allowed,
                "total": audit.tensors,
            },
        },
    }


def timestamp() -> str:
    """Now, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
