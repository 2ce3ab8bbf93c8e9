"""A run that chooses nothing shows the depth curve where that costs next to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import graft
from graft.selection import plain
from graft.types import Json

PROBE: Json = {"strategy": "linear-probe", "threads": 1, "views": 1, "device": "cpu"}


def test_the_curve_is_of_the_pretrained_backbone_and_stands_in_the_report(
    photos: Path, tmp_path: Path
) -> None:
    result = graft.fit(photos, **PROBE, out=tmp_path / "run").result
    points = result["depth_curve"]["points"]
    assert [p["block"] for p in points] == [b["name"] for b in result["plan"]["blocks"]]
    assert result["depth_curve"]["metric"] == "accuracy"
    assert "recommended frozen depth" in (tmp_path / "run" / "report.html").read_text()


def test_there_is_none_of_random_weights_or_where_it_is_dear(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**tiny, "epochs": 1, "strategy": "linear-probe"}
    assert "depth_curve" not in graft.fit(photos, **settings, out=tmp_path / "a").result
    monkeypatch.setattr(plain, "CHEAP_FLOPS", 1.0)
    assert "depth_curve" not in graft.fit(photos, **PROBE, out=tmp_path / "b").result


def test_training_that_was_dearer_by_far_makes_the_curve_cheap(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "CHEAP_FLOPS", 1.0)
    monkeypatch.setattr(plain, "ENOUGH_ROWS", 20)
    monkeypatch.setattr(plain, "CHEAP_SHARE", 1e-3)
    few = {**PROBE, "strategy": "top-k:1", "epochs": 1}
    assert "depth_curve" not in graft.fit(photos, **few, out=tmp_path / "few").result
    monkeypatch.setattr(plain, "CHEAP_SHARE", 1e3)
    assert "depth_curve" in graft.fit(photos, **few, out=tmp_path / "many").result
