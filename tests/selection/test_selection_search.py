"""The search: first a probe, the best always on disk, the test part once, and a true replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import graft
from graft.cli.main import _run
from graft.errors import UnknownNameError, UserError
from graft.model import Model
from graft.recipe import read_recipe
from graft.run import Attempt, run
from graft.runs.assessment import Assessor
from graft.selection import folds
from graft.selection.trial import Trials
from graft.types import Json

FILES = ("model.safetensors", "config.json", "golden.safetensors")


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / "model" / name).read_bytes() for name in FILES]


def found_by(photos: Path, tiny: Json, out: Path, **settings: object) -> Model:
    arguments: Json = {**tiny, "budget": "10m", "out": out, **settings}
    return graft.fit(photos, **arguments)


@pytest.fixture(scope="module", params=["validation", pytest.param("few", marks=pytest.mark.long)])
def searched(
    request: pytest.FixtureRequest,
    photos: Path,
    tiny: Json,
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    """A search over two backbones, one of which does not exist."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "validation":
            patch.setattr(folds, "FEW_ROWS", 0)
        looks: list[bool] = []
        measure = Assessor.measure

        def listen(self: Assessor, predict: Callable[..., object], *, test: bool = True) -> Json:
            looks.append(test)
            return measure(self, predict, test=test)  # type: ignore[arg-type]

        patch.setattr(Assessor, "measure", listen)
        out = tmp_path_factory.mktemp("search") / "run"
        model = found_by(photos, tiny, out, backbone="nosuch,test_resnet", compare=True)
    assert looks[-1] is True
    assert not any(looks[:-1])  # the test part is looked at once, at the end
    return model


def test_the_result_says_what_was_tried_and_why(searched: Model) -> None:
    search = searched.result["search"]
    assert search["finished"] is True
    assert search["ranking"]["failed"][0]["backbone"] == "nosuch"
    strategies = {trial["strategy"].partition(":")[0] for trial in search["tried"]}
    assert strategies == {"linear-probe", "lp-ft", "top-k", "full"}
    assert all(trial["outcome"] for trial in search["tried"] if trial["score"] is None)
    assert sum(trial["outcome"] == "won" for trial in search["tried"]) == 1
    assert search["winner"]["strategy"] == searched.result["strategy"]
    assert search["winner"]["strategy"] in search["why"]
    assert 0 < search["spent_seconds"] < search["budget_seconds"] == 600
    curve = searched.result["depth_curve"]
    assert len(curve["points"]) == len(searched.result["plan"]["blocks"])


def test_the_run_folder_is_whole_and_the_report_shows_the_search(searched: Model) -> None:
    assert searched.folder is not None
    names = {path.name for path in searched.folder.iterdir()}
    expected = {"recipe.yaml", "result.json", "history.jsonl", "model", "pictures", "report.html"}
    assert names == expected
    assert json.loads((searched.folder / "result.json").read_text()) == searched.result
    page = (searched.folder / "report.html").read_text()
    assert "How the choice was made" in page
    assert "recommended frozen depth" in page
    assert "What pretraining and fine-tuning are worth" in page
    assert graft.load(searched.folder).labels == ("blue", "green", "red")


def test_the_recipe_replays_without_searching(searched: Model, tmp_path: Path) -> None:
    assert searched.folder is not None
    recipe = read_recipe(searched.folder / "recipe.yaml", {})
    again = run(recipe, out=tmp_path / "again")
    assert bytes_of(again.folder) == bytes_of(searched.folder)
    assert again.result["metrics"] == searched.result["metrics"]
    assert "search" not in again.result


def test_the_comparison_is_paired_and_honest(searched: Model) -> None:
    others = {other["name"]: other for other in searched.result["compare"]}
    assert set(others) == {"random_initialisation", "feature_extraction"}
    for other in others.values():
        assert other["message"]
        if not other["same"]:
            assert other["helps"] in (True, False, None)
            assert other["difference"]["low"] <= other["difference"]["high"]
            assert 0 <= other["metrics"]["accuracy"]["value"] <= 1


def test_the_first_result_is_a_run_that_opens(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped right after it: a model stands there, without test figures."""

    def stop(self: object) -> None:
        raise KeyboardInterrupt

    file = import_module("graft.selection.search")  # the verb has the file's name
    monkeypatch.setattr(file.Search, "_further_backbones", stop)
    with pytest.raises(KeyboardInterrupt):
        found_by(photos, tiny, tmp_path / "run")
    model = graft.load(tmp_path / "run")
    assert model.result["strategy"] == "linear-probe"
    assert model.result["search"]["finished"] is False
    assert model.result["metrics"]["test"] == {}
    assert graft.report(tmp_path / "run").is_file()


def test_a_budget_that_is_spent_at_once_still_gives_the_probe(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    model = found_by(photos, tiny, tmp_path / "run", budget="0.01s")
    assert model.result["strategy"] == "linear-probe"
    assert set(model.result["metrics"]["test"])


def test_what_the_user_names_is_kept(photos: Path, tiny: Json, tmp_path: Path) -> None:
    model = found_by(photos, tiny, tmp_path / "run", strategy="lp-ft", lr=0.001)
    assert model.result["strategy"] == "lp-ft"
    tried = model.result["search"]["tried"]
    assert {trial["strategy"] for trial in tried} == {"linear-probe", "lp-ft"}
    assert model.result["recipe"]["lr"] == 0.001


def test_without_a_validation_part_choices_are_judged_on_a_fold(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    settings: Json = {"strategy": "full", "lr": 0.001, "validation": 0.0}
    model = found_by(photos, tiny, tmp_path / "run", **settings)
    assert model.result["strategy"] == "full"
    assert model.result["counts"]["validation"] == 0
    tried = model.result["search"]["tried"]
    assert [(t["strategy"], t["judged_on"], t["outcome"]) for t in tried if t["score"]] == [
        ("full", "a fold", "won on a fold")
    ]


def test_bad_budgets_and_names_are_refused(photos: Path, tiny: Json, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="budget"):
        found_by(photos, tiny, tmp_path / "a", budget="soon")
    with pytest.raises(UnknownNameError, match="nosuch"):
        found_by(photos, tiny, tmp_path / "b", backbone="nosuch,neither")
    assert not (tmp_path / "b").exists()


def test_compare_without_a_search(
    photos: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiny = ["--backbone", "test_resnet", "--weights", "random", "--size", "32", "--device", "cpu"]
    rest = ["--strategy", "linear-probe", "--epochs", "1", "--threads", "1", "--compare"]
    assert _run(["fit", str(photos), *tiny, *rest, "--out", "run", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [other["same"] for other in result["compare"]] == [False, True]
    assert result["compare"][0]["against"] == "random_initialisation"


def test_a_search_that_was_stopped_goes_on_from_its_finished_trials(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "FEW_ROWS", 0)
    options = {"backbone": "test_resnet", "strategy": "top-k:2"}
    whole = found_by(photos, tiny, tmp_path / "whole", **options)
    train, calls = Trials.attempt, list[object]()

    def stop(self: Trials, *arguments: Any) -> Attempt:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(self, *arguments)

    monkeypatch.setattr(Trials, "attempt", stop)
    with pytest.raises(KeyboardInterrupt):
        found_by(photos, tiny, tmp_path / "run", **options)
    again = graft.fit(resume=tmp_path / "run")
    assert again.result["search"]["recalled"] >= 1
    assert again.result["search"]["winner"] == whole.result["search"]["winner"]
    assert bytes_of(tmp_path / "run") == bytes_of(tmp_path / "whole")
    assert not (tmp_path / "run" / "checkpoints").exists()
