"""What a run will take: disk, memory and time, from counts and one measured batch."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch

from graft.backbones.backbone import Backbone
from graft.backbones.collate import bucket
from graft.backbones.text import TextBackbone
from graft.doctor.finding import Finding
from graft.doctor.patient import Patient, TextPatient
from graft.types import Json, PreprocessSpec

BATCH = 16
FLOAT_BYTES = TOKEN_BYTES = 4
ADAM_COPIES = 4
"""Weights, gradients and two moments."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the features of N rows will take.

    Attributes:
        rows: N.
        rows_per_second: Through the whole backbone, measured on one batch; texts of mean length.
        prefix_seconds: All rows once.
        disk_bytes: Decoded pictures or tokens, and pooled features, in the bank.
        disk_free_bytes: Free where the bank stands.
        memory_bytes: Weights with what the optimizer keeps when all are trained, and features.
    """

    rows: int
    rows_per_second: float
    prefix_seconds: float
    disk_bytes: int
    disk_free_bytes: int
    memory_bytes: int

    def to_dict(self) -> Json:
        """The numbers, rounded."""
        return {
            "rows": self.rows,
            "rows_per_second": round(self.rows_per_second, 1),
            "prefix_seconds": round(self.prefix_seconds, 1),
            "disk_bytes": self.disk_bytes,
            "disk_free_bytes": self.disk_free_bytes,
            "memory_bytes": self.memory_bytes,
        }


def forecast(backbone: Backbone, patient: Patient, bank: Path) -> Forecast:
    """Measure one batch of the backbone and count the rest."""
    rows = len(patient.examples)
    batch, row_bytes = _typical(backbone, patient)
    backbone.eval()
    with torch.inference_mode():
        backbone(batch[:1])
        begun = perf_counter()
        backbone(batch)
    rate = BATCH / (perf_counter() - begun)
    features = backbone.num_features * FLOAT_BYTES
    weights = sum(p.numel() for p in backbone.parameters()) * FLOAT_BYTES
    return Forecast(
        rows,
        rate,
        rows / rate,
        rows * (row_bytes + features),
        shutil.disk_usage(bank).free,
        ADAM_COPIES * weights + rows * features,
    )


def _typical(backbone: Backbone, patient: Patient) -> tuple[torch.Tensor, int]:
    """A batch of rows as they will be, and the bytes that the bank keeps of one."""
    if isinstance(backbone, TextBackbone) and isinstance(patient, TextPatient):
        longest = backbone.spec.max_length
        lengths = [bucket(min(n, longest), longest) for n in patient.look.tokens.tolist()]
        length = math.ceil(sum(lengths) / max(1, len(lengths)))
        return backbone.dry_inputs(BATCH, max(4, length)), TOKEN_BYTES * length
    spec = backbone.spec
    assert isinstance(spec, PreprocessSpec)
    return torch.zeros(BATCH, spec.channels, *spec.size), math.prod((spec.channels, *spec.size))


def disk(expected: Forecast) -> list[Finding]:
    """Too little room for the bank."""
    if expected.disk_bytes <= expected.disk_free_bytes:
        return []
    what = (
        f"The bank needs about {expected.disk_bytes:,} bytes, and {expected.disk_free_bytes:,} "
        "are free"
    )
    advice = "free some space, set GRAFT_CACHE to a folder on another disk, or choose --size"
    return [Finding("disk", "fault", what, 1, advice)]
