"""The verbs: one list of settings in the recipe, in Python and on the command line."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

import graft
from graft import api
from graft.cli.main import app
from graft.errors import DataError, UnknownNameError
from graft.model import Model
from graft.recipe import Recipe, make_recipe, read_recipe
from graft.runs.asked import Asked
from graft.types import Json

NOT_IN_THE_RECIPE = {"recipe", "budget", "compare", "out", "progress"}
NOT_IN_THE_RECIPE |= {"resume", "checkpoint_every"}


def test_recipe_python_and_command_line_have_the_same_settings() -> None:
    recipe = set(Recipe.model_fields)
    python = set(inspect.signature(graft.fit).parameters)
    assert python == recipe | NOT_IN_THE_RECIPE
    command = get_command(app).commands["fit"]  # type: ignore[attr-defined]
    line = {parameter.name for parameter in command.params}
    assert line == (recipe | NOT_IN_THE_RECIPE | {"as_json"}) - {"progress"}
    for parameter in command.params:
        if parameter.name != "data":
            name = "json" if parameter.name == "as_json" else parameter.name
            assert parameter.opts == ["--" + name.replace("_", "-")]
            assert parameter.help


def test_every_setting_is_documented_where_it_is_given() -> None:
    for name in inspect.signature(graft.fit).parameters:
        assert f"        {name}: " in str(graft.fit.__doc__), name


def test_every_verb_is_public_and_documented() -> None:
    for name in api.__all__:
        assert name in graft.__all__
        assert getattr(graft, name) is getattr(api, name)
        assert getattr(api, name).__doc__
    for name in graft.__all__:
        assert getattr(graft, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        graft.nonsense  # noqa: B018


@pytest.mark.parametrize("name", ["backbones", "features", "report"])
def test_a_verb_keeps_its_name_when_the_file_of_that_name_is_imported(name: str) -> None:
    module = import_module(f"graft.{name}")
    assert sys.modules[f"graft.{name}"] is module
    assert getattr(graft, name) is getattr(api, name)


def test_the_import_is_cheap() -> None:
    code = (
        "import sys, graft; "
        "print([m for m in ('torch', 'timm', 'sklearn', 'numpy', 'PIL') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_setting_reaches_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    values: Json = {
        "data": "d", "input": "i", "label": "l", "group": "g", "test": "t",
        "engine": "eager", "prefix_batch": 7,
        "task": "classification", "validation": 0.3, "backbone": "b", "weights": "w", "size": 64,
        "head": "mlp:3", "dropout": 0.1, "strategy": "full", "scenario": "standard", "epochs": 3,
        "batch_size": 5, "lr": 0.5, "optimizer": "sgd", "schedule": "constant",
        "weight_decay": 0.5, "label_smoothing": 0.2, "class_weights": "none", "augment": "none",
        "patience": 2, "accumulate": 2, "clip": 0.5, "seed": 9, "device": "cpu", "threads": 1,
        "storage": "float16", "long": "chunks", "pooling": "max", "mix": "mixup",
        "sampling": "balanced", "labels": "a,b", "balance": "none", "regression_loss": "huber",
        "loss": "focal:1", "source_language": "en", "target_language": "de", "prefix": "p",
        "beams": 2, "length_penalty": 0.5, "views": 3, "order": "low,high", "bad_files": 0.5,
        "micro_batch": 4, "precision": "float32",
    }  # fmt: skip
    assert set(values) == set(Recipe.model_fields)
    seen: list[Recipe] = []

    class StopError(Exception):
        pass

    def listen(asked: Asked, **rest: object) -> None:
        seen.append(asked.recipe)
        raise StopError

    monkeypatch.setattr(api, "carry_out", listen)
    with pytest.raises(StopError):
        graft.fit(**values)
    assert seen[0].model_dump() == values
    defaults = Recipe().model_dump()
    for name, value in values.items():
        if name not in ("task", "scenario"):
            assert value != defaults[name], name


def test_a_setting_wins_over_the_recipe_file(
    tmp_path: Path, photos: Path, tiny: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        **tiny,
        "strategy": "linear-probe",
        "schedule": "linear",
        "task": "classification",
        "scenario": "standard",
        "engine": "eager",
        "prefix_batch": 64,
        "views": 2,
        "label_smoothing": 0.0,
        "seed": 5,
        "data": str(photos),
    }
    make_recipe(settings).write(tmp_path / "r.yaml")
    model = graft.fit(recipe=tmp_path / "r.yaml", seed=6, out=tmp_path / "run")
    assert model.result["seed"] == 6
    written = read_recipe(tmp_path / "run" / "recipe.yaml", {})
    assert written.model_dump() == {**make_recipe(settings).model_dump(), "seed": 6}
    assert (tmp_path / "run" / "report.html").is_file()
    assert model.folder == tmp_path / "run"


def test_no_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No data set"):
        graft.fit(out=tmp_path / "run")
    assert [*tmp_path.iterdir()] == []


def test_without_out_a_new_folder_is_made_under_runs(photos: Path, tiny: Json) -> None:
    model = graft.fit(str(photos), **tiny, strategy="linear-probe")
    assert model.folder is not None
    assert model.folder.parent == Path("runs")
    assert model.folder.name.endswith(photos.name)


def test_a_data_set_object_is_taken_as_it_is(photos: Path, tiny: Json, tmp_path: Path) -> None:
    import datasets

    paths = sorted(photos.glob("*/*.png"))
    rows = {"image": [str(path) for path in paths], "label": [path.parent.name for path in paths]}
    data = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    model = graft.fit(data, **tiny, strategy="linear-probe", out=tmp_path / "run")
    assert model.result["counts"]["train"] > 0
    assert model.labels == ("blue", "green", "red")
    assert read_recipe(tmp_path / "run" / "recipe.yaml", {}).data is None


def test_verbs_take_a_model_a_run_or_a_saved_model(
    trained: Model, new_photos: Path, tmp_path: Path
) -> None:
    assert trained.folder is not None
    saved = trained.save(tmp_path / "saved")
    for model in (trained, trained.folder, str(saved)):
        rows = graft.predict(model, [new_photos / "red" / "00.png"])
        assert rows[0].label == "red"
        assert graft.evaluate(model, new_photos)["counts"]["test"] == 12


def test_an_archive_of_arrays_is_learnt_like_its_pictures(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    paths = sorted(photos.glob("*/*.png"))
    x = np.stack([np.asarray(Image.open(path)) for path in paths])
    y = np.array([path.parent.name for path in paths])
    np.savez(tmp_path / "a.npz", x=x, y=y)
    model = graft.fit(tmp_path / "a.npz", **tiny, strategy="linear-probe", out=tmp_path / "run")
    assert model.labels == ("blue", "green", "red")
    assert model.result["metrics"]["test"]["accuracy"]["value"] > 0.8


def test_reports_are_written_again(trained: Model) -> None:
    assert trained.folder is not None
    path = trained.folder / "report.html"
    before = path.read_bytes()
    path.unlink()
    assert graft.report(trained.folder) == path
    assert path.read_bytes() == before


def test_backbones_are_listed_and_an_unknown_one_is_answered_with_its_name(photos: Path) -> None:
    assert graft.backbones()[0] == "bundled"
    assert all(name.startswith("resnet5") for name in graft.backbones("resnet5*"))
    assert "resnet50.a1_in1k" in graft.backbones("resnet50")
    assert graft.backbones("no such thing") == []
    with pytest.raises(UnknownNameError, match="resnet5O"):
        graft.features(photos, backbone="resnet5O", weights="random")
