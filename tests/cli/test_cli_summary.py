"""What the terminal says of a result."""

from __future__ import annotations

from rich.console import Console

from graft.cli.summary import print_summary
from graft.types import Json


def figures(accuracy: float, low: float) -> Json:
    return {"accuracy": {"value": accuracy, "low": low, "high": 1.0}}


def result(accuracy: float, low: float) -> Json:
    """Two classes, of which the commoner has 60 % of the rows."""
    return {
        "task": "classification",
        "labels": ["a", "b"],
        "counts": {"train": 8, "validation": 2, "test": 10, "set_aside": 0},
        "backbone": "bundled",
        "strategy": "linear-probe",
        "head": "linear",
        "plan": {"blocks": []},
        "audit": {"drift_bytes": 0},
        "metrics": {"test": figures(accuracy, low)},
        "baseline": {"majority": figures(0.6, 0.3), "knn": figures(0.5, 0.2)},
        "transfer": {"message": "Said."},
        "warnings": ["Its own."],
    }


def said(accuracy: float, low: float) -> str:
    console = Console(width=200)
    with console.capture() as caught:
        print_summary(console, result(accuracy, low), None)
    return caught.get()


def test_a_model_that_may_be_no_better_than_the_commonest_class_is_told_so() -> None:
    assert "always answering the most common class" in said(0.7, low=0.55)
    assert "Nearest neighbours" in said(0.5, low=0.4)


def test_of_a_good_model_only_the_runs_own_notes_are_told() -> None:
    notes = [line for line in said(0.9, low=0.8).splitlines() if line.startswith("Note")]
    assert notes == ["Note    Its own."]
