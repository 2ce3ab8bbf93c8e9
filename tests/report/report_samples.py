"""Result dicts as a run writes them, for the tests of the report."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from graft.types import Json

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")


def figure(value: float, width: float = 0.02) -> Json:
    return {"value": value, "low": max(value - width, 0.0), "high": min(value + width, 1.0)}


def scores(level: float, width: float = 0.02) -> Json:
    values = (level, level - 0.004, level - 0.006, 1.1 - level, 0.02 + (1 - level) / 10)
    return {name: figure(value, width) for name, value in zip(METRICS, values, strict=True)}


def png(seed: int, side: int = 48) -> bytes:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(out, format="PNG")
    return out.getvalue()


def pictures(count: int, side: int = 48) -> dict[str, bytes]:
    kinds = ("error", "sample")
    return {f"pictures/{kind}-{i}.png": png(i, side) for kind in kinds for i in range(count)}


def history() -> list[Json]:
    rows = []
    for phase, epochs, start in (("head", 4, 1.2), ("fine-tune", 12, 0.6)):
        for epoch in range(1, epochs + 1):
            loss = start * 0.8**epoch
            late = 0.004 * max(epoch - 8, 0)
            rows.append(
                {
                    "phase": phase,
                    "epoch": epoch,
                    "loss": loss,
                    "validation_loss": loss + 0.08 + late * 3,
                    "accuracy": 1 - loss / 3,
                    "validation_accuracy": 0.96 - loss / 2.5 - late,
                    "lr": 1e-3 * 0.9**epoch,
                    "seconds": 1.5,
                }
            )
    return rows


def confusion(classes: int, each: int = 36) -> list[list[int]]:
    rng = np.random.default_rng(classes)
    matrix = np.diag(np.full(classes, each))
    for row in range(classes):
        for column in rng.integers(0, classes, 3):
            moved = int(rng.integers(0, 3))
            matrix[row, row] -= moved
            matrix[row, column] += moved
    return [[int(count) for count in row] for row in matrix]


def reliability() -> list[Json]:
    counts = (0, 0, 1, 3, 6, 9, 14, 22, 41, 264)
    return [
        {
            "low": i / 10,
            "high": (i + 1) / 10,
            "count": count,
            "confidence": i / 10 + 0.055 if count else None,
            "accuracy": min(i / 10 + 0.02 + 0.01 * (i % 3), 1.0) if count else None,
        }
        for i, count in enumerate(counts)
    ]


def plan(depth: int, blocks: int) -> Json:
    names = ["stem", *(f"stages.{i // 3}.{i % 3}" for i in range(blocks - 1))]
    return {
        "norm": "evaluation under frozen blocks",
        "blocks": [
            {"name": name, "parameters": 18_000 + 41_250 * i, "trained": i >= depth}
            for i, name in enumerate(names)
        ],
        "phases": [
            {
                "name": "head",
                "solver": "gradient",
                "epochs": 4,
                "best_epoch": 4,
                "seconds": 6.1,
                "trained": ["head"],
                "note": "linear probe before fine-tuning",
            },
            {
                "name": "fine-tune",
                "solver": "gradient",
                "epochs": 12,
                "best_epoch": 9,
                "seconds": 41.7,
                "trained": [*names[depth:], "head"],
                "note": "",
            },
        ],
    }


def result(classes: int = 10, errors: int = 8) -> Json:
    """Ten classes, fine-tuned in two phases, with pictures: nothing is missing."""
    labels = [f"class-{i}" for i in range(classes)]
    each = {label: 90 + 7 * (i % 5) for i, label in enumerate(labels)}
    split = {
        name: {label: int(count * share) for label, count in each.items()}
        for name, share in (("train", 0.64), ("validation", 0.16), ("test", 0.2))
    }
    built = plan(8, 13)
    return {
        "graft": "0.1.0",
        "created": "2026-11-22T19:58:03+00:00",
        "task": "classification",
        "labels": labels,
        "backbone": "bundled",
        "strategy": "lp-ft",
        "head": "linear",
        "frozen_depth": 8,
        "counts": {**{name: sum(split[name].values()) for name in split}, "set_aside": 2},
        "class_counts": split,
        "set_aside": [
            {"input": "class-3/IMG_0042.jpg", "reason": "truncated: the file ends early"},
            {"input": "class-5/copy.png", "reason": "the same picture as class-4/0007.png"},
        ],
        "data": {
            "source": "photos/flowers",
            "modes": {"RGB": 1_012, "L": 28},
            "sizes": {"min": [64, 48], "median": [640, 480], "max": [4032, 3024]},
        },
        "metrics": {"validation": scores(0.941), "test": scores(0.934)},
        "baseline": {
            "majority": scores(0.113, 0.03),
            "knn": scores(0.872, 0.03),
            "raw_pixels": scores(0.611, 0.04),
        },
        "transfer": {
            "helps": True,
            "against": "raw_pixels",
            "difference": {"value": 0.323, "low": 0.281, "high": 0.366},
            "message": "The pretrained backbone beats the same recipe on raw pixels.",
        },
        "per_class": [
            {
                "label": label,
                "support": 36,
                "precision": figure(0.99 - 0.013 * (i % 9), 0.04),
                "recall": figure(0.98 - 0.017 * (i % 7), 0.05),
                "f1": figure(0.985 - 0.015 * (i % 8), 0.04),
            }
            for i, label in enumerate(labels)
        ],
        "confusion": confusion(classes),
        "reliability": reliability(),
        "errors": [
            {
                "input": f"{labels[i % classes]}/IMG_{1000 + i}.jpg",
                "label": labels[i % classes],
                "predicted": labels[(i + 3) % classes],
                "probability": 0.99997 - 0.031 * i,
                "picture": f"pictures/error-{i}.png",
            }
            for i in range(errors)
        ],
        "samples": [
            {"label": labels[i % classes], "picture": f"pictures/sample-{i}.png"}
            for i in range(min(classes, 10))
        ],
        "plan": built,
        "preprocess": {
            "size": [96, 96],
            "crop_pct": 0.875,
            "crop_mode": "center",
            "interpolation": "bicubic",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
            "channel_order": "RGB",
        },
        "seconds": {"total": 78.4, "load": 6.2, "prefix": 14.9, "train": 47.8, "evaluate": 5.1},
        "parameters": {"total": 3_419_010, "trainable": 1_911_250},
        "audit": {
            "moved": [block["name"] for block in built["blocks"] if block["trained"]],
            "frozen": [block["name"] for block in built["blocks"] if not block["trained"]],
            "drift_bytes": 0,
        },
        "bank": {"rows": 832, "hits": 640, "computed": 192, "bytes": 22_413_312},
        "model": {
            "format": "timm",
            "load": "import timm\n\nmodel = timm.create_model('local-dir:model', pretrained=True)",
        },
        "versions": {"python": "3.13.1", "torch": "2.11.0", "timm": "1.0.31", "numpy": "2.3.0"},
        "seed": 17,
        "engine": "torch-cpu-float32",
        "data_fingerprint": "9f2c4e7a1b" * 6,
        "warnings": ["2 inputs could not be used; see the data section."],
        "recipe": {"data": "photos/flowers", "strategy": "lp-ft", "epochs": 16, "batch_size": 32},
    }


def probe() -> Json:
    """Two classes, an exact linear probe: no history, no errors, no samples; transfer fails."""
    built: dict[str, Any] = result(classes=2, errors=0)
    built |= {
        "strategy": "probe",
        "frozen_depth": 13,
        "samples": [],
        "set_aside": [],
        "warnings": [],
        "counts": {**built["counts"], "set_aside": 0},
        "metrics": {"validation": scores(0.71, 0.06), "test": {**scores(0.7, 0.07), "ece": None}},
        "baseline": {"majority": scores(0.55), "knn": scores(0.73, 0.06)},
        "confusion": [[30, 6], [11, 21]],
    }
    built["transfer"] = {
        "helps": False,
        "against": "raw_pixels",
        "difference": {"value": -0.012, "low": -0.061, "high": 0.034},
        "message": "Raw pixels do as well as the pretrained backbone on these data.",
    }
    for block in built["plan"]["blocks"]:
        block["trained"] = False
    built["plan"]["phases"] = [
        {
            "name": "probe",
            "solver": "exact",
            "epochs": None,
            "best_epoch": None,
            "seconds": 0.31,
            "trained": ["head"],
            "note": "logistic regression, L2 chosen on the validation part",
        }
    ]
    built["audit"] = {"moved": [], "frozen": ["stem"], "drift_bytes": 0}
    return built
