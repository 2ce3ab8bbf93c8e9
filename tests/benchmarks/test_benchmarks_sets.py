"""The sets that choices are measured on: disjoint parts, and the same on every call."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.choice import compared, lines, lost_on_other_rows
from benchmarks.sets import DIGIT_SHOTS, DIGIT_TEST, write_digits, write_pictograms


def test_digits_have_their_shots_and_one_test_part(tmp_path: Path) -> None:
    paths = write_digits(tmp_path)
    tests = []
    for shots, path in zip(DIGIT_SHOTS, paths, strict=True):
        found = np.load(path)
        assert np.bincount(found["y"]).tolist() == [shots] * 10
        assert found["x"].shape == (10 * shots, 32, 32)
        tests.append(found["x_test"])
        rows = {row.tobytes() for row in found["x"]}
        shared = rows & {row.tobytes() for row in found["x_test"]}
        assert len(shared) <= 2  # scans that are equal by themselves
    assert all(len(test) == DIGIT_TEST and (test == tests[0]).all() for test in tests)


def test_half_of_a_themes_distinct_pictures_is_tested_on(tmp_path: Path) -> None:
    theme = tmp_path / "theme" / "48x48"
    for kind, count in {"actions": 7, "apps": 4}.items():
        (theme / kind).mkdir(parents=True)
        for number in range(count):
            (theme / kind / f"{number}.png").write_bytes(f"{kind} {number}".encode())
    (theme / "apps" / "copy.png").write_bytes(b"apps 1")
    (tmp_path / "sets").mkdir()
    folder = write_pictograms(tmp_path / "sets", theme)
    assert folder.name == "pictograms-theme"
    found = {
        part: {kind.name: len([*kind.iterdir()]) for kind in (folder / part).iterdir()}
        for part in ("train", "test")
    }
    assert found == {"train": {"actions": 4, "apps": 2}, "test": {"actions": 3, "apps": 2}}


def test_the_choice_stands_beside_the_best_of_the_grid() -> None:
    runs = [
        {
            "settings": {"strategy": strategy, "lr": rate},
            "own": own,
            "accuracy": accuracy,
            "right": [1, 0],
            "seconds": 10.0,
        }
        for strategy, rate, own, accuracy in (
            ("linear-probe", None, True, 0.8),
            ("lp-ft", 1e-4, True, 0.85),
            ("full", 1e-2, False, 0.9),
        )
    ]
    result = {"search": {"winner": {"strategy": "lp-ft"}, "tried": []}}
    chosen = {"accuracy": 0.87, "right": [1, 0], "seconds": 6.0, "result": result}
    found = compared(chosen, runs)
    assert round(found["points_lost"], 6) == 3
    assert found["cost_ratio"] == 0.2
    assert found["fixed"] == {"linear-probe": 0.8, "lp-ft": 0.85}
    assert "3.00 points below the best of 3 runs" in lines("SET", found)


def test_luck_on_the_rows_that_choose_is_not_taken_for_worth() -> None:
    """Sixteen runs that guess: the best by its own rows is ahead, by other rows it is not."""
    guesses = np.random.default_rng(0).integers(0, 2, size=(17, 100))
    runs = [{"right": row.tolist()} for row in guesses[1:]]
    ahead = float(max(row.mean() for row in guesses[1:]) - guesses[0].mean())
    assert lost_on_other_rows(guesses[0].tolist(), runs) < ahead - 0.05
    better = [{"right": [1] * 100}, *runs]
    sure = lost_on_other_rows(guesses[0].tolist(), better)
    assert abs(sure - (1 - guesses[0].mean())) < 1e-9
