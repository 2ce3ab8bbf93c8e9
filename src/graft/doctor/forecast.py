"""What a run will take: disk, memory and time, from counts and one measured batch."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from graft.backbones.backbone import Backbone
from graft.backbones.collate import bucket
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.backbones.text import TextBackbone
from graft.doctor.finding import Finding
from graft.doctor.pair_look import PairPatient
from graft.doctor.patient import Patient, TextPatient
from graft.types import Json, PreprocessSpec

BATCH = 16
FLOAT_BYTES = TOKEN_BYTES = 4
ADAM_COPIES = 4
"""Weights, gradients and two moments."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What N rows will take.

    Attributes:
        rows: N.
        rows_per_second: Through the whole backbone, measured on one batch; texts of mean length,
            of texts with translations both and the scores of all words of the vocabulary.
        prefix_seconds: All rows once.
        disk_bytes: In the bank: decoded pictures or tokens, and pooled features; of translations
            the encoder's states, as strategies keep them that train the decoder alone.
        disk_free_bytes: Free where the bank stands.
        memory_bytes: Weights with what the optimizer keeps when all are trained, and features; of
            translations the scores of a batch with their gradients.
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
    if isinstance(backbone, Seq2SeqBackbone):
        return _of_pairs(backbone, patient, bank)
    rows = len(patient.examples)
    batch, row_bytes = _typical(backbone, patient)
    rate = _rate(backbone, batch, backbone)
    features = backbone.num_features * FLOAT_BYTES
    weights = _weight_bytes(backbone)
    return Forecast(
        rows,
        rate,
        rows / rate,
        rows * (row_bytes + features),
        shutil.disk_usage(bank).free,
        ADAM_COPIES * weights + rows * features,
    )


def _of_pairs(backbone: Seq2SeqBackbone, patient: Patient, bank: Path) -> Forecast:
    assert isinstance(patient, PairPatient)
    assert patient.look.tokens is not None
    rows, width = len(patient.examples), backbone.num_features
    kept = np.minimum(patient.look.tokens, np.array(patient.look.longest))
    source, target = (max(2, math.ceil(n)) for n in kept.mean(axis=0).tolist())
    words = torch.zeros(int(backbone.config["vocab_size"]), width)

    def scores(batch: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = backbone(batch)
        return vectors @ words.T

    rate = _rate(backbone, backbone.dry_inputs(BATCH, source + 1 + target), scores)
    disk = rows * (TOKEN_BYTES * (source + target) + FLOAT_BYTES * source * width)
    memory = ADAM_COPIES * _weight_bytes(backbone) + 2 * BATCH * target * FLOAT_BYTES * len(words)
    return Forecast(rows, rate, rows / rate, disk, shutil.disk_usage(bank).free, memory)


def _rate(
    backbone: Backbone, batch: torch.Tensor, run: Callable[[torch.Tensor], torch.Tensor]
) -> float:
    """Rows a second."""
    backbone.eval()
    with torch.inference_mode():
        run(batch[:1])
        begun = perf_counter()
        run(batch)
    return len(batch) / (perf_counter() - begun)


def _weight_bytes(backbone: Backbone) -> int:
    return sum(p.numel() for p in backbone.parameters()) * FLOAT_BYTES


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
