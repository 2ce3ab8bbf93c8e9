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


def test_smoothing_forgets_and_is_not_drawn_to_the_start() -> None:
    assert smooth([3.0] * 5) == pytest.approx([3.0] * 5)
    found = smooth([0.0] * 50 + [1.0] * 100)
    assert found[49] == 0.0
    assert found[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_suggestion_is_the_steepest_fall_or_a_tenth_of_the_lowest_point() -> None:
    rates = np.geomspace(1e-6, 1, 61).tolist()
    place = np.log10(rates)
    # A fall that is steepest at 1e-4, then a plateau, then a rise from 1e-1.
    losses = 2 - np.tanh(3 * (place + 4)) + 5 * np.maximum(0, place + 1)
    assert suggest(rates, losses.tolist()) == pytest.approx(1e-4, rel=0.3)
    # Ever steeper up to the lowest point at 1e-2: a tenth of that.
    losses = np.where(place <= -2, 2 - 10.0 ** (place + 2), 9.0)
    assert suggest(rates, losses.tolist()) == pytest.approx(1e-3, rel=0.1)
    # Nothing but a rise.
    assert suggest(rates, place.tolist()) == pytest.approx(1e-7)


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
    assert 1e-7 <= found["suggestion"] <= 1.0
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"]) <= 30
    assert [path.name for path in tmp_path.iterdir()] == ["lr.html"]
    page = (tmp_path / "lr.html").read_text()
    assert "<svg" in page
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
