"""The model card and the lines that open a model."""

from __future__ import annotations

from pathlib import Path

from graft.export.card import model_card
from graft.export.manifest import Manifest
from graft.export.native import LAYOUTS
from graft.types import PreprocessSpec

SPEC = PreprocessSpec((24, 32), 0.9, "center", "bicubic", (0.5,) * 3, (0.25,) * 3)


def manifest(form: str = "timm", **extras: object) -> Manifest:
    head = {"spec": "linear", "features": 4, "classes": 2}
    backbone = {"name": "resnet18", "architecture": "resnet18", "source": "random"}
    return Manifest(form, ("ant", "bee"), "classification", head, SPEC, backbone, extras)


def test_the_card_names_labels_preprocessing_and_figures() -> None:
    figures = {"test": {"accuracy": {"value": 0.913, "low": 0.88, "high": 0.94}}}
    text = model_card(manifest(metrics=figures), Path("somewhere/model"), LAYOUTS["image"])
    for part in ("0. `ant`", "1. `bee`", "24 x 32", "bicubic", "0.913", "0.88 to 0.94"):
        assert part in text
    assert "somewhere" not in text


def test_a_card_without_figures_has_no_table() -> None:
    assert "interval" not in model_card(manifest(), Path("model"), LAYOUTS["image"])
