"""Choosing for other tasks than one class a row, and for texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.cli.main import _run
from graft.errors import UserError
from graft.selection import folds
from graft.types import Json

Tiny = Callable[..., Path]
COLUMNS = ("colour", "warmth", "tags")
WARMTH = {"blue": 1.0, "green": 2.0, "red": 4.0}
TAGS = {"blue": ["cold"], "green": [], "red": ["cold", "loud"]}


@pytest.fixture(scope="module")
def table(photos: Path) -> Json:
    """Pictures with a class, a quantity and tags that follow from it; some labels are missing."""
    paths = sorted(photos.rglob("*.png"))
    colours = [path.parent.name for path in paths]
    return {
        "path": [str(path) for path in paths],
        "colour": [None if at % 9 == 1 else colour for at, colour in enumerate(colours)],
        "warmth": [None if at % 7 == 2 else WARMTH[c] + at / 100 for at, c in enumerate(colours)],
        "tags": [TAGS[colour] for colour in colours],
    }


@pytest.fixture
def judged_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW_ROWS", 0)


def test_several_columns_are_ranked_by_the_mean_of_their_figures(table: Json) -> None:
    tiny: Json = {"weights": "random", "size": 32, "device": "cpu", "input": "path"}
    found = graft.rank(table, ["test_resnet", "test_vit"], labels=COLUMNS, **tiny).to_dict()
    assert found["metric"] == "mean of accuracy and r2"
    assert found["task"] == "multi-task"
    rows = found["candidates"]
    assert len(rows) == 2
    single = [
        graft.rank(table, [rows[0]["backbone"]], label=name, **tiny).to_dict()["candidates"][0]
        for name in ("warmth", "tags")
    ]
    assert all(row["ridge"]["low"] < row["ridge"]["value"] < 1 for row in [*rows, *single])
    assert found["constant"]["points_lost"]["low"] <= found["constant"]["points_lost"]["high"]


def test_a_search_over_several_columns_ends_with_the_best(
    table: Json, tiny: Json, tmp_path: Path, judged_on_validation: None
) -> None:
    model = graft.fit(
        table, **{**tiny, "epochs": 3}, input="path", labels=COLUMNS, budget="10m",
        strategy="lp-ft", lr=0.001, compare=True, out=tmp_path / "run",
    )  # fmt: skip
    search = model.result["search"]
    assert search["finished"]
    assert search["metric"] in search["why"]
    assert all(trial["score"]["low"] <= trial["score"]["value"] for trial in search["tried"])
    assert model.result["depth_curve"]["metric"] == "mean of accuracy and r2"
    assert set(model.result["metrics"]["test"]) == set(COLUMNS)
    others = {other["name"]: other for other in model.result["compare"]}
    assert set(others) == {"random_initialisation", "feature_extraction", "single_tasks"}
    for other in others.values():
        assert set(other["tasks"]) == set(other["metrics"]) == set(COLUMNS)
        assert all(name in other["message"] for name in COLUMNS)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Mean of accuracy and r2" in page
    assert "warmth: R" in page


@pytest.mark.parametrize("label", ["warmth", pytest.param("tags", marks=pytest.mark.long)])
def test_a_quantity_or_labels_can_be_chosen_for(
    label: str, table: Json, tiny: Json, tmp_path: Path
) -> None:
    model = graft.fit(
        table, **tiny, input="path", label=label, budget="10m", strategy="full", lr=0.001,
        out=tmp_path / "run",
    )  # fmt: skip
    search = model.result["search"]
    assert search["metric"] == "r2"
    assert {trial["judged_on"] for trial in search["tried"]} == {"validation"}
    assert model.result["strategy"] == "full"


def reviews(count: int) -> Json:
    words = [("good", "pos"), ("bad", "neg"), ("great", "pos"), ("awful", "neg")]
    chosen = [words[number % 4] for number in range(count)]
    texts = [f"the {word} film {'of a book ' * (n % 5)}" for n, (word, _) in enumerate(chosen)]
    return {"text": texts, "label": [label for _, label in chosen]}


def test_encoders_of_texts_are_ranked_and_pictures_are_told_apart(
    tiny_encoder: Tiny, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "reviews.jsonl"
    data = reviews(40)
    rows = [dict(zip(data, row, strict=True)) for row in zip(*data.values(), strict=True)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    names = [str(tiny_encoder("bert")), str(tiny_encoder("electra"))]
    assert _run(["rank", str(path), "--backbones", *names, "--pooling", "mean", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["backbone"] for row in found["candidates"]} == {*names}
    with pytest.raises(UserError):
        graft.rank(path, ["bundled"])
    mixed = graft.rank(path, [names[0], "bundled"])
    assert mixed.failed == (("bundled", "It takes pictures, which these are not"),)


def test_a_search_over_texts_needs_no_name_of_a_backbone(
    tiny_encoder: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged_on_validation: None
) -> None:
    asked: list[str] = []

    def offline(modality: str) -> list[str]:
        asked.append(modality)
        return [str(tiny_encoder("bert"))]

    monkeypatch.setattr(import_module("graft.selection.search"), "offline_backbones", offline)
    model = graft.fit(
        reviews(60), budget="10m", epochs=2, strategy="lp-ft", lr=0.001, threads=1,
        out=tmp_path / "run",
    )  # fmt: skip
    assert asked == ["text"]
    assert np.isfinite(model.result["metrics"]["test"]["accuracy"]["value"])
    assert model.result["search"]["winner"]["backbone"] == model.result["backbone"]
