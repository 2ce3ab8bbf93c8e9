"""The sets that choices are measured on: disjoint parts, and the same on every call."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.sets import DIGIT_SHOTS, DIGIT_TEST, chosen_rows, write_digits


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


def test_rows_are_chosen_the_same_way_every_time() -> None:
    assert chosen_rows(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert chosen_rows(100, 10).tolist() == chosen_rows(100, 10).tolist()
    assert len(set(chosen_rows(100, 10).tolist())) == 10
