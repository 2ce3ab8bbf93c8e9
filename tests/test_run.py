"""Runs: properties written once, for every strategy and scenario."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import graft.run as run_file
from graft import device as device_file
from graft.backbones.load import load_backbone
from graft.bank.source import Source
from graft.data import read
from graft.errors import DataError, DivergenceError, OutputError, UnknownNameError
from graft.model import load
from graft.network import CannotSplit, Network, Split
from graft.recipe import Recipe, read_recipe
from graft.run import Finished, run
from graft.runs.predictor import probabilities
from graft.scenarios import SCENARIOS
from graft.strategies import STRATEGIES
from graft.types import FloatArray, IntArray, Json, Task

METRICS = {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"}
FIELDS = {
    "graft", "created", "task", "labels", "backbone", "strategy", "head", "frozen_depth",
    "counts", "class_counts", "set_aside", "data", "metrics", "baseline", "transfer",
    "per_class", "confusion", "reliability", "errors", "samples", "plan", "preprocess",
    "seconds", "parameters", "audit", "bank", "model", "versions", "seed", "engine",
    "data_fingerprint", "warnings", "recipe",
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A run with an empty bank, and its recipe run again with the filled one."""

    cold: Finished
    warm: Finished
    test_rows: IntArray
    test_probabilities: FloatArray

    @property
    def result(self) -> Json:
        return self.cold.result


@pytest.fixture(
    scope="module", params=[(name, scenario) for name in STRATEGIES for scenario in SCENARIOS]
)
def pair(
    request: pytest.FixtureRequest,
    photos: Path,
    tiny: Json,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    strategy, scenario = request.param
    root = tmp_path_factory.mktemp("pair")
    calls: list[tuple[IntArray, FloatArray]] = []

    def listening(
        network: Network, source: Source, rows: IntArray, *, tasks: tuple[Task, ...]
    ) -> FloatArray:
        calls.append((rows, probabilities(network, source, rows, tasks=tasks)))
        return calls[-1][1]

    recipe = Recipe(data=str(photos), strategy=strategy, scenario=scenario, **tiny)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_CACHE", str(root / "cache"))
        patch.setattr(run_file, "probabilities", listening)
        cold = run(recipe, out=root / "cold")
        rows, found = calls[-1]
        warm = run(read_recipe(root / "cold" / "recipe.yaml", {}), out=root / "warm")
        yield Pair(cold, warm, rows, found)


def bytes_of(finished: Finished) -> dict[str, bytes]:
    names = ("model.safetensors", "config.json", "golden.safetensors")
    return {name: (finished.folder / "model" / name).read_bytes() for name in names}


def tensors_of(model: torch.nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def test_nothing_drifts_and_every_frozen_tensor_keeps_its_bits(pair: Pair) -> None:
    result = pair.result
    audit, depth = result["audit"], result["frozen_depth"]
    before = load_backbone("test_resnet", weights="random", size=32)
    after = tensors_of(pair.cold.network.backbone.model)
    names = [block.name for block in before.blocks]
    assert audit["drift_bytes"] == 0
    trained = [block["name"] for block in result["plan"]["blocks"] if block["trained"]]
    assert audit["frozen"] == [name for name in names if name not in trained]
    assert depth == min((names.index(name) for name in trained), default=len(names))
    for block in before.blocks:
        same = [torch.equal(tensors_of(before.model)[name], after[name]) for name in block.tensors]
        assert all(same) == (block.name not in audit["moved"]), block.name
    assert set(audit["moved"]) <= {*trained, "head"}
    tensors = audit["tensors"]
    assert tensors["moved"] <= tensors["allowed"] <= tensors["total"] == len(after)
    # Fine-tuning that did not help is undone: then the head alone has moved.
    phases = result["plan"]["phases"]
    kept = {name for phase in phases if phase["best_epoch"] for name in phase["trained"]}
    expected = [*(name for name in names if name in kept), "head"]
    if result["plan"]["part"] == "all" or expected == ["head"]:
        assert audit["moved"] == expected


def test_the_recipe_run_again_with_a_filled_bank_gives_the_same_bytes(pair: Pair) -> None:
    assert bytes_of(pair.warm) == bytes_of(pair.cold)
    for key in ("metrics", "baseline", "confusion", "per_class", "transfer", "data_fingerprint"):
        assert pair.warm.result[key] == pair.cold.result[key], key
    assert pair.cold.result["bank"]["computed"] > 0
    assert pair.warm.result["bank"]["computed"] == 0
    assert pair.warm.result["bank"]["hits"] == pair.warm.result["bank"]["rows"] > 0
    recipes = [(f.folder / "recipe.yaml").read_text() for f in (pair.cold, pair.warm)]
    assert recipes[0] == recipes[1]


def test_the_saved_model_answers_as_the_run_did(pair: Pair, photos: Path) -> None:
    model = load(pair.cold.folder)
    found, reasons = model.probabilities(read(photos).take(pair.test_rows))
    assert reasons == {}
    assert np.abs(found - pair.test_probabilities).max() < 1e-5
    assert model.result == pair.result
    assert model.labels == ("blue", "green", "red")


def test_counts_add_up(pair: Pair) -> None:
    result = pair.result
    counts = result["counts"]
    assert sum(counts[part] for part in ("train", "validation", "test")) == 36
    assert counts["set_aside"] == len(result["set_aside"]) == 0
    for part, by_class in result["class_counts"].items():
        assert sum(by_class.values()) == counts[part]
    assert np.sum(result["confusion"]) == counts["test"] == len(pair.test_rows)
    assert sum(row["support"] for row in result["per_class"]) == counts["test"]
    assert sum(row["count"] for row in result["reliability"]) == counts["test"]
    blocks = result["plan"]["blocks"]
    head = sum(p.numel() for p in pair.cold.network.head.parameters())
    trained = sum(block["parameters"] for block in blocks if block["trained"])
    found, part = result["parameters"], result["plan"]["part"]
    assert found["total"] == sum(p.numel() for p in pair.cold.network.parameters())
    assert found["trainable"] == max(phase["parameters"] for phase in result["plan"]["phases"])
    assert (found["trainable"] == trained + head) == (part == "all")
    assert sum(block["parameters"] for block in blocks) + head == result["parameters"]["total"]


def test_the_result_on_the_disk_is_whole(pair: Pair) -> None:
    text = (pair.cold.folder / "result.json").read_text(encoding="utf-8")

    def refuse(word: str) -> object:
        raise AssertionError(word)

    result = json.loads(text, parse_constant=refuse)
    assert result == pair.result
    assert set(result) >= FIELDS
    for part in ("validation", "test"):
        assert set(result["metrics"][part]) == METRICS
        for name, figure in result["metrics"][part].items():
            assert set(figure) == {"value", "low", "high"}
            assert figure["low"] <= figure["value"] <= figure["high"], name
    assert {"majority", "knn", "raw_pixels"} <= set(result["baseline"])
    assert {"total", "load", "prefix", "train", "evaluate"} == set(result["seconds"])
    parts = [value for name, value in result["seconds"].items() if name != "total"]
    assert all(value >= 0 for value in parts)
    assert sum(parts) <= result["seconds"]["total"] + 0.01
    assert result["engine"] == "torch-eager-cpu-float32"
    assert {"graft", "python", "torch", "timm"} <= set(result["versions"])
    assert len(result["data_fingerprint"]) == 64
    assert result["warnings"] == []


def test_the_folder_holds_what_is_promised(pair: Pair) -> None:
    names = {path.name for path in pair.cold.folder.iterdir()}
    assert names == {"recipe.yaml", "result.json", "history.jsonl", "model", "pictures"}
    pictures = [item["picture"] for item in pair.result["samples"] + pair.result["errors"]]
    for picture in pictures:
        assert (pair.cold.folder / picture).is_file()
    assert {item["label"] for item in pair.result["samples"]} == {"blue", "green", "red"}


def test_the_history_has_a_row_per_epoch_of_every_gradient_phase(pair: Pair) -> None:
    lines = (pair.cold.folder / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    expected = [
        (phase["name"], epoch)
        for phase in pair.result["plan"]["phases"]
        if phase["solver"] == "gradient"
        for epoch in range(1, phase["epochs"] + 1)
    ]
    assert [(row["phase"], row["epoch"]) for row in rows] == expected
    for row in rows:
        assert set(row) >= {"loss", "lr", "seconds"}
        # Pairs train without a head, whose answers validation could look at.
        if row["phase"] != "contrast":
            assert set(row) >= {"validation_loss", "validation_accuracy"}
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))


def test_the_recipe_is_resolved(pair: Pair, tiny: Json) -> None:
    recipe = read_recipe(pair.cold.folder / "recipe.yaml", {})
    assert recipe.strategy == pair.result["strategy"]
    assert recipe.device == "cpu"
    assert recipe.threads == 1
    assert recipe.model_dump() == pair.result["recipe"]


# What varies beside the strategy.


def settings_of(tiny: Json, **changes: object) -> Recipe:
    return Recipe(**{**tiny, "strategy": "lp-ft", **changes})


@pytest.mark.parametrize("strategy", ["lp-ft", "full"])
def test_three_banks_one_answer_with_dropout_and_hidden_layers(
    strategy: str, photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cold, cold elsewhere, warm: what is drawn at random never depends on the bank."""
    recipe = settings_of(tiny, strategy=strategy, head="mlp:8", dropout=0.4, epochs=2)
    found = []
    for number, place in enumerate(("one", "two", "two")):
        monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / place))
        finished = run(recipe, data=photos, out=tmp_path / f"run{number}")
        found.append((finished.folder / "model" / "head.safetensors").read_bytes())
        found[-1] += (finished.folder / "model" / "model.safetensors").read_bytes()
        assert finished.result["model"]["format"] == "backbone+head"
    assert found[0] == found[1] == found[2]


def test_another_seed_is_another_run(photos: Path, tiny: Json, tmp_path: Path) -> None:
    found = [
        run(settings_of(tiny, seed=seed, epochs=1), data=photos, out=tmp_path / f"{seed}")
        for seed in (0, 1)
    ]
    assert bytes_of(found[0]) != bytes_of(found[1])


def test_bfloat16_trains_and_leaves_an_ordinary_model(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_file, "has_bfloat16", lambda device: True)  # or emulates it
    settings = {**tiny, "data": str(photos), "strategy": "top-k:2", "epochs": 1}
    plain = run(Recipe(**settings), out=tmp_path / "plain")
    recipe = Recipe(**settings, precision="bfloat16")
    found, again = (run(recipe, out=tmp_path / name) for name in ("one", "two"))
    assert found.result["precision"] == "bfloat16"
    assert read_recipe(tmp_path / "one" / "recipe.yaml", {}).precision == "bfloat16"
    assert bytes_of(found) == bytes_of(again) != bytes_of(plain)
    weights = found.network.state_dict().values()
    assert {t.dtype for t in weights if t.is_floating_point()} == {torch.float32}
    load(tmp_path / "one")  # which scores its golden answers again


def test_without_validation_the_last_epoch_counts(photos: Path, tiny: Json, tmp_path: Path) -> None:
    finished = run(settings_of(tiny, validation=0.0), data=photos, out=tmp_path / "run")
    assert finished.result["counts"]["validation"] == 0
    assert finished.result["metrics"]["validation"] == {}
    assert finished.result["plan"]["phases"][-1]["best_epoch"] == 2
    assert any("no validation rows" in line for line in finished.result["warnings"])
    rows = (finished.folder / "history.jsonl").read_text().splitlines()
    assert not any("validation_loss" in json.loads(row) for row in rows)


def test_imbalanced_classes_are_learnt_too(
    tiny: Json, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 30, "green": 4, "red": 3})
    recipe = settings_of(tiny, strategy="linear-probe", size=16)
    result = run(recipe, data=folder, out=tmp_path / "run").result
    assert result["metrics"]["test"]["balanced_accuracy"]["value"] > 0.9
    assert result["class_counts"]["test"].keys() == {"blue", "green", "red"}


def test_a_model_that_cannot_be_split_trains_all_the_same_and_says_so(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = Network.split

    def refuse(self: Network, depth: int) -> Split:
        if depth < len(self.backbone.blocks):
            raise CannotSplit("not today")
        return split(self, depth)

    monkeypatch.setattr(Network, "split", refuse)
    result = run(settings_of(tiny, strategy="top-k:2"), data=photos, out=tmp_path / "run").result
    assert result["audit"]["drift_bytes"] == 0
    assert result["frozen_depth"] == 3
    assert any("not today" in warning for warning in result["warnings"])


def test_without_a_strategy_one_is_chosen_and_written_down(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    finished = run(settings_of(tiny, strategy=None, epochs=1), data=photos, out=tmp_path / "run")
    assert finished.result["strategy"] == "lp-ft"
    assert read_recipe(finished.folder / "recipe.yaml", {}).strategy == "lp-ft"


def test_unreadable_pictures_are_counted_and_named(
    tiny: Json, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 8, "red": 8})
    (folder / "red" / "05.png").write_bytes(b"not a picture")
    recipe = settings_of(tiny, strategy="linear-probe")
    result = run(recipe, data=folder, out=tmp_path / "run").result
    assert result["counts"]["set_aside"] == 1
    (item,) = result["set_aside"]
    assert item["input"].endswith("05.png")
    assert item["reason"]


# What fails, fails early and leaves nothing.


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "segmentation"},
        {"optimizer": "lion"},
        {"schedule": "step"},
        {"class_weights": "equal"},
        {"augment": "heavy"},
        {"scenario": "few"},
        {"head": "liner"},
        {"device": "gpu"},
        {"strategy": "freeze"},
        {"strategy": "top-k:6"},
        {"strategy": "top-k:0"},
        {"backbone": "test_resnett"},
    ],
    ids=str,
)
def test_an_unknown_name_leaves_nothing(
    changes: Json, photos: Path, tiny: Json, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        run(settings_of(tiny, **changes), data=photos, out=tmp_path / "run")
    assert str(*changes.values()) in caught.value.found
    assert [*tmp_path.iterdir()] == []


def test_bad_data_leaves_nothing(
    tiny: Json, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 5})
    for source in (folder / "blue", folder, tmp_path / "nothing"):
        with pytest.raises(DataError):
            run(settings_of(tiny), data=str(source), out=tmp_path / "run")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["p"]


def test_a_bank_that_cannot_be_written_is_told(
    photos: Path, tiny: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="bank"):
        run(settings_of(tiny), data=photos, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("validation", [0.0, 0.2])
@pytest.mark.parametrize("batch_size", [8, 64])
def test_a_divergence_is_told_and_the_run_is_not_finished(
    validation: float, batch_size: int, photos: Path, tiny: Json, tmp_path: Path
) -> None:
    recipe = settings_of(
        tiny, strategy="full", lr=1e30, epochs=1, validation=validation, batch_size=batch_size
    )
    with pytest.raises(DivergenceError, match=r"finite|nan|inf") as caught:
        run(recipe, data=photos, out=tmp_path / "run")
    assert "--lr" in caught.value.next
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.long
@pytest.mark.parametrize("backbone", ["test_vit", "test_efficientnet", "test_convnext"])
@pytest.mark.parametrize("head", ["linear", "mlp:8"])
@pytest.mark.parametrize("strategy", [*STRATEGIES, "top-k:3"])
def test_every_pair_works(
    strategy: str, head: str, backbone: str, photos: Path, tiny: Json, tmp_path: Path
) -> None:
    recipe = settings_of(tiny, strategy=strategy, head=head, backbone=backbone)
    found = [run(recipe, data=photos, out=tmp_path / f"{n}") for n in range(2)]
    assert bytes_of(found[0]) == bytes_of(found[1])
    assert found[0].result["metrics"] == found[1].result["metrics"]
    assert found[0].result["audit"]["drift_bytes"] == 0
