"""What a search knows of finished trials after it was stopped."""

from __future__ import annotations

from pathlib import Path

from graft.selection.trial_log import TrialLog, key_of

ROW = {"seconds": 1.5, "outcome": "", "trained": True, "gains": [0.1, 1.0], "loss": 1 / 3}


def test_rows_come_back_bit_by_bit(tmp_path: Path) -> None:
    log = TrialLog(tmp_path / "new" / "trials.jsonl")
    log.add("a", ROW)
    log.add("b", {**ROW, "gains": None})
    found = TrialLog(tmp_path / "new" / "trials.jsonl")
    assert len(found) == 2
    assert found.find("a") == {"key": "a", **ROW}
    assert found.find("c") is None


def test_a_torn_or_changed_line_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    log = TrialLog(path)
    for key in "abc":
        log.add(key, ROW)
    first, second, third = path.read_bytes().splitlines()[1:]
    changed = second.replace(b"1.5", b"9.5")
    path.write_bytes(b"\n".join([first, changed, b"[]", b"\xff", b"[" * 5000, third[:-20]]))
    found = TrialLog(path)
    assert [found.find(key) is not None for key in "abc"] == [True, False, False]
    found.add("c", ROW)
    assert TrialLog(path).find("c") is not None


def test_a_log_without_a_file_keeps_nothing() -> None:
    log = TrialLog()
    log.add("a", ROW)
    assert len(log) == 0


def test_other_data_make_another_trial() -> None:
    keys = {key_of({"data": data}, {"lr": lr}, folds)
            for data in "xy" for lr in (None, 0.1) for folds in ((), (0,))}  # fmt: skip
    assert len(keys) == 8
