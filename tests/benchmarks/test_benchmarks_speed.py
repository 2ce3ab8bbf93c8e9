"""The speed benchmarks' arithmetic, parsing and tables; nothing is timed here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.__main__ import DEFAULTS, QUICK, only, parser, settings_for
from benchmarks.speed.bfloat16 import with_bfloat16
from benchmarks.speed.environments import IMPORTS, PACKAGES
from benchmarks.speed.measure import BenchError, Timing, run_timed
from benchmarks.speed.peers.common import read_cifar
from benchmarks.speed.photos import photo, write_photos
from benchmarks.speed.prepared import cifar
from benchmarks.speed.report import document, markdown, write
from benchmarks.speed.runner import row_of
from benchmarks.speed.summary import Figure, Row, Term, estimated_seconds, measure, medians
from benchmarks.speed.workloads import WORKLOADS, Settings, Variant, Workload
from graft.data.synthetic import synthetic_pictures
from graft.types import Json

FASTER = Figure("peer / graft", Term("seconds", ("peer",)), Term("seconds", ("graft",)), 4.0)


def row(variant: str, repeat: int, disturbed: bool = False, **values: float) -> Row:
    return Row(variant, repeat, values, 0.5 if disturbed else 0.0, disturbed, "")


def rounds(*pairs: tuple[float, float]) -> list[Row]:
    return [
        row(name, number, seconds=seconds)
        for number, pair in enumerate(pairs)
        for name, seconds in zip(("peer", "graft"), pair, strict=True)
    ]


def test_ratios_are_taken_within_rounds() -> None:
    found = measure(FASTER, rounds((10, 2), (30, 5), (90, 9)))
    assert found is not None
    assert (found.value, found.low, found.high, found.rounds) == (6.0, 5.0, 10.0, 3)
    assert found.reached
    assert not found.disturbed


def test_a_disturbed_round_counts_only_where_there_is_no_other() -> None:
    calm = rounds((10, 2))
    noisy = [row("peer", 1, disturbed=True, seconds=99), row("graft", 1, seconds=1)]
    mixed, alone = measure(FASTER, calm + noisy), measure(FASTER, noisy)
    assert mixed is not None
    assert alone is not None
    assert (mixed.value, mixed.rounds, mixed.disturbed) == (5.0, 1, False)
    assert (alone.value, alone.rounds, alone.disturbed) == (99.0, 1, True)


def test_a_round_that_lacks_one_side_does_not_count() -> None:
    assert measure(FASTER, [row("peer", 0, seconds=1.0)]) is None
    assert measure(FASTER, [row("peer", 0, seconds=1.0), row("graft", 1, seconds=1.0)]) is None


def test_best_of_several_and_upper_limits() -> None:
    most = Figure(
        "graft / best engine",
        Term("rate", ("graft",)),
        Term("rate", ("slow", "fast"), "most"),
        0.85,
    )
    rows = [row("graft", 0, rate=9.0), row("slow", 0, rate=5.0), row("fast", 0, rate=10.0)]
    found = measure(most, rows)
    assert found is not None
    assert found.value == pytest.approx(0.9)
    limit = Figure("memory", Term("anonymous_gb", ("graft",)), None, 3, at_least=False)
    over = measure(limit, [row("graft", 0, anonymous_gb=3.5)])
    assert over is not None
    assert not over.reached


@pytest.mark.parametrize(
    ("epochs", "wanted", "expected"),
    [([], 10, 20.0), ([4.0], 3, 28.0), ([9.0, 4.0, 6.0], 5, 30.0), ([4.0, 4.0], 2, 20.0)],
)
def test_missing_epochs_are_estimated(epochs: list[float], wanted: int, expected: float) -> None:
    assert estimated_seconds(20.0, epochs, wanted) == expected


def test_medians_leave_disturbed_runs_out() -> None:
    rows = [row("a", 0, seconds=1.0), row("a", 1, seconds=3.0), row("a", 2, True, seconds=99.0)]
    assert medians(rows) == {"a": {"seconds": 2.0}}


def timing(printed: Json, started: float = 0.0) -> Timing:
    return Timing(12.0, 20.0, 0.3, 10**9, 2 * 10**9, started, printed)


def test_a_peer_cut_short_is_scaled_and_says_so(tmp_path: Path) -> None:
    printed = {"seconds": 10.0, "accuracy": 0.5, "epochs": [5.0, 2.0], "did": "fit"}
    found = row_of(Variant("peer", "keras", (), epochs=4), 0, timing(printed), tmp_path)
    assert found.values["seconds"] == 14.0
    assert found.values["measured_seconds"] == 10.0
    assert "accuracy" not in found.values
    assert found.note == "fit; 4 epochs estimated from 2"
    assert found.disturbed
    assert found.values["anonymous_gb"] == 2.0


def test_grafts_clock_stops_at_the_result(tmp_path: Path) -> None:
    result = {
        "seconds": {"total": 3.0, "prefix": 1.0},
        "metrics": {"test": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}},
        "bank": {"hits": 0, "computed": 7},
        "engine": "torch",
    }
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    written = path.stat().st_mtime
    found = row_of(Variant("graft", "graft", ()), 0, timing({}, written - 4), tmp_path)
    assert found.values["seconds"] == pytest.approx(4)
    assert found.values["graft_prefix"] == 1.0
    assert "7 computed" in found.note


def test_a_command_is_timed_and_its_line_read(tmp_path: Path) -> None:
    script = "x = bytearray(60_000_000); import time; time.sleep(0.5); print('{\"rate\": 3}')"
    found = run_timed(
        [sys.executable, "-c", script],
        environment={},
        folder=tmp_path,
        timeout=60,
        watch_memory=True,
    )
    assert found.printed == {"rate": 3}
    assert found.wall > 0.5
    assert found.peak_anonymous is not None
    assert found.peak_anonymous > 60_000_000


@pytest.mark.parametrize(
    ("script", "timeout"), [("raise SystemExit('no data')", 60.0), ("while True: pass", 0.5)]
)
def test_a_failing_or_endless_command_is_an_error(
    script: str, timeout: float, tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match="ended with"):
        run_timed([sys.executable, "-c", script], environment={}, folder=tmp_path, timeout=timeout)


def test_sizes_are_the_workloads_own_unless_given(tmp_path: Path) -> None:
    given = parser().parse_args(["walkthrough", "--images", "50000", "--epochs", "2"])
    settings = settings_for("walkthrough", given)
    assert (settings.images, settings.tests, settings.epochs, settings.peer_epochs) == (
        50000,
        DEFAULTS["walkthrough"].tests,
        2,
        2,
    )
    assert set(DEFAULTS) == set(QUICK) == set(WORKLOADS)
    assert set(IMPORTS) == {"graft", *PACKAGES}


WORKLOAD = Workload(
    "demo",
    "A demonstration",
    ((Variant("graft", "graft", ()),), (Variant("peer", "keras", ()),)),
    (FASTER, Figure("never run", Term("rate", ("x",)), None, 1)),
)


def test_bfloat16_stands_beside_float32() -> None:
    cold = Variant("graft, cold", "graft", ("fit",), cold=True)
    again, loop = Variant("graft, again", "graft", ()), Variant("PyTorch loop", "graft", ("loop",))
    keras = Variant("Keras", "keras", ())
    by = {name: Term("seconds", (name,)) for name in ("graft, cold", "PyTorch loop", "Keras")}
    figures = (
        Figure("loop", by["PyTorch loop"], by["graft, cold"], 2),
        Figure("Keras", by["Keras"], by["graft, cold"], 3),
        Figure("loop alone", by["PyTorch loop"], None, 3),
    )
    found = with_bfloat16(Workload("w", "", ((cold, again), (loop,), (keras,)), figures))
    extra = [group[0] for group in found.groups[3:]]
    assert [variant.name for variant in extra] == [
        "graft, cold, bfloat16",
        "PyTorch loop, bfloat16",
    ]
    assert extra[0].cold
    assert extra[0].command == ("fit", "--precision", "bfloat16")
    sides = [
        (figure.text, figure.over.variants, figure.under.variants)
        for figure in found.figures[3:]
        if figure.under
    ]
    ours = ("graft, cold, bfloat16",)
    assert sides == [
        ("loop, bfloat16", ("PyTorch loop, bfloat16",), ours),
        ("Keras, bfloat16", ("Keras",), ours),
    ]


def test_only_keeps_whole_groups() -> None:
    assert [group[0].name for group in only(WORKLOAD, "PEER").groups] == ["peer"]
    assert len(only(WORKLOAD, "").groups) == 2


def test_the_report_has_ratios_first(tmp_path: Path) -> None:
    machine: Json = {
        "date": "2026-01-01 00:00 UTC",
        "processor": "a processor",
        "cores": 2,
        "flags": ["avx2"],
        "memory_gib": 24.0,
        "system": "Linux",
        "versions": {"graft": {"torch": "2.15.0"}},
    }
    settings = Settings(10, 5, 2, 1, 1, 2, tmp_path)
    rows = [*rounds((10, 2)), row("peer", 1, disturbed=True, seconds=30)]
    found = document(WORKLOAD, settings, machine, rows)
    text = markdown(found)
    assert "| peer / graft | at least 4 | **5** | 5 to 5 |" in text
    assert "| never run | at least 1 | not measured |" in text
    assert "1 of 2 disturbed" in text
    assert text.index("peer / graft") < text.index("| peer |")
    path = write(found, tmp_path)
    assert path.read_text() == text
    assert json.loads((tmp_path / "demo.json").read_text())["medians"]["peer"]["seconds"] == 10
    assert (tmp_path / "demo.png").stat().st_size > 0


def test_peers_read_the_pictures_that_were_written(tmp_path: Path) -> None:
    data = read_cifar(cifar(tmp_path, 50, 20))
    pictures, targets = synthetic_pictures(50, seed=0)
    assert np.array_equal(data.pictures, pictures)
    assert np.array_equal(data.targets, targets)
    assert len(data.test_pictures) == len(data.test_targets) == 20


def test_photos_are_as_heavy_as_a_cameras(tmp_path: Path) -> None:
    write_photos(tmp_path, 3, seed=0)
    paths = sorted(tmp_path.rglob("*.jpg"))
    assert [path.parent.name for path in paths] == ["class0", "class1", "class2"]
    assert 30_000 < np.mean([path.stat().st_size for path in paths]) < 80_000
    first, again = (photo(1, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (480, 640, 3)
    assert np.array_equal(first, again)
