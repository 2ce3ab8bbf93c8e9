"""The range test: known points on known curves, and the whole way from Python and the shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.cli.main import main
from graft.errors import DataError, UserError
from graft.training.range_test import smooth, suggest
from graft.types import Json


def test_smoothing_neither_lags_nor_minds_single_batches() -> None:
    assert smooth([3.0] * 5) == [3.0] * 5
    step = [1.0] * 20 + [0.0] * 20
    assert smooth(step) == step
    assert smooth([1.0] * 10 + [50.0] + [1.0] * 10) == [1.0] * 21


def test_the_suggestion_is_a_tenth_of_the_last_rate_that_does_no_harm() -> None:
    rates = np.geomspace(1e-6, 1, 61).tolist()
    place = np.log10(rates)
    noise = np.random.default_rng(0).normal(0, 0.05, 61)
    fall = 2 - np.tanh(3 * (place + 4)) + 20 * np.maximum(0, place + 2)  # rises from 1e-2 on
    flat = 0.2 + 20 * np.maximum(0, place + 2)  # as where a probe has learnt all there is
    for losses in (fall, flat, fall + noise, flat + noise):
        assert 4e-4 <= suggest(rates, losses.tolist()) <= 2.5e-3
    assert suggest(rates, place.tolist()) <= 1e-6  # nothing but a rise


def test_from_python_nothing_is_left_behind_but_the_page(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    settings = {key: tiny[key] for key in ("backbone", "weights", "size", "batch_size", "device")}
    runs = [
        graft.lr(str(photos), **settings, strategy="head", steps=30, plot=tmp_path / "lr.html")
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    found = runs[0]
    assert found["phase"] == "head"
    assert 1e-8 <= found["suggestion"] <= 0.1
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"]) <= 30
    assert [path.name for path in tmp_path.iterdir()] == ["lr.html"]
    page = (tmp_path / "lr.html").read_text()
    assert "<svg" in page
    assert ">0.001<" in page  # the rates stand at the axis
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_cannot_be_tested_is_refused(photos: Path, tiny: Json) -> None:
    settings = {key: tiny[key] for key in ("backbone", "weights", "size", "device")}
    with pytest.raises(DataError, match="solved exactly"):
        graft.lr(str(photos), **settings, strategy="linear-probe")
    with pytest.raises(UserError, match="range"):
        graft.lr(str(photos), **settings, lowest=1.0, highest=0.1)
    with pytest.raises(UserError, match="range"):
        graft.lr(str(photos), **settings, steps=3)


def test_the_command_prints_one_object(
    photos: Path, tiny: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"--{key}={tiny[key]}" for key in ("backbone", "weights", "size", "device")]
    with pytest.raises(SystemExit) as stop:
        main(["lr", str(photos), *options, "--strategy=head", "--steps=12", "--json"])
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out)["optimizer"] == "adamw"
