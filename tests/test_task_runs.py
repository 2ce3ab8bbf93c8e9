"""Runs of other tasks than one class a row, from a table to the saved model, and back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from graft.api import evaluate, fit, load
from graft.cli.main import main
from graft.errors import DataError, UserError
from graft.model import Model
from graft.types import Json

SHAPES = ("bar", "disc")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty drawings with a shape, a size in thousands and edges; some labels are missing."""
    folder = tmp_path_factory.mktemp("drawings")
    random = np.random.default_rng(0)
    rows = []
    for number in range(60):
        shape, size = SHAPES[number % 2], float(random.uniform(4, 14))
        picture = Image.new("RGB", (32, 32), (20, 20, 20))
        draw = ImageDraw.Draw(picture)
        high = size if shape == "disc" else size / 4
        draw.ellipse([16 - size, 16 - high, 16 + size, 16 + high], fill=(200, 90, number))
        edges = [edge for edge in ("left", "top") if random.random() < 0.5]
        if "left" in edges:
            draw.line([1, 0, 1, 32], fill="white", width=3)
        if "top" in edges:
            draw.line([0, 1, 32, 1], fill="white", width=3)
        picture.save(folder / f"{number}.png")
        row = {
            "path": f"{number}.png",
            "shape": shape,
            "size": f"{1000 * size:.2f}",
            "edges": "|".join(edges) or "[]",
            "same": "7.5",
            "mixed": "1.5" if number else "old",
            "empty": "",
        }
        rows.append({**row, "shape2": "" if number % 7 == 3 else shape})
        rows[-1]["size2"] = "" if number % 5 == 2 else row["size"]
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "t.csv"


COLUMNS = ("shape", "size", "edges")


@pytest.fixture(scope="module")
def together(table: Path, tiny: Json, tmp_path_factory: pytest.TempPathFactory) -> Model:
    out = tmp_path_factory.mktemp("together") / "run"
    return fit(table, **tiny, labels=COLUMNS, strategy="linear-probe", out=out)


def weights(model: Model) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    ((weight, _),) = model.network.head.layers()
    return np.asarray(weight.numpy())


def test_with_a_frozen_backbone_tasks_are_what_they_are_alone(
    table: Path, tiny: Json, tmp_path: Path
) -> None:
    # The same rows in the same parts, which strata of other tasks would not give.
    parts = ["test" if n % 5 == 0 else "val" if n % 5 == 1 else "train" for n in range(60)]
    declared = declare(table, tmp_path / "declared.csv", parts)
    alone = [
        weights(fit(declared, **tiny, label=name, strategy="linear-probe", out=tmp_path / name))
        for name in COLUMNS
    ]
    joint = fit(declared, **tiny, labels=COLUMNS, strategy="linear-probe", out=tmp_path / "all")
    np.testing.assert_array_equal(np.concatenate(alone), weights(joint))
    told = joint.result["multi_task"]
    assert told["interact"] is False
    assert "share nothing that trains" in told["message"]


def declare(table: Path, path: Path, parts: list[str]) -> Path:
    with table.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "split"])
        writer.writeheader()
        for row, part in zip(rows, parts, strict=True):
            place = str(table.parent / row["path"])
            writer.writerow({**row, "path": place, "split": part})
    return path


def test_a_run_of_several_tasks_tells_each_by_column(together: Model, table: Path) -> None:
    result = together.result
    assert (result["task"], result["scenario"]) == ("multi-task", "multi-task")
    assert set(result["metrics"]["test"]) == set(COLUMNS)
    assert set(result["baseline"]) == {"constant", "knn", "raw_pixels", "single_task"}
    assert result["recipe"]["task"] == "classification,regression,multi-label"
    assert together.labels == (
        *("shape: bar", "shape: disc", "size"),
        *("edges: left", "edges: top"),
    )
    assert together.folder is not None
    again = load(together.folder)
    (row,) = again.predict([str(table.parent / "0.png")])
    assert set(row.tasks) == set(COLUMNS)
    assert row.tasks["shape"]["label"] in SHAPES
    assert 1000 < row.tasks["size"]["value"] < 20000
    found = evaluate(again, table)
    assert found["counts"]["test"] == 60
    assert set(found["metrics"]["edges"]) >= {"mean_average_precision", "micro_f1"}
    with pytest.raises(DataError, match=r"3 tasks, and the label columns named are: shape\b"):
        evaluate(again, table, label="shape")
    manifest = json.loads((together.folder / "model" / "graft.json").read_text())
    assert [(t["name"], t["outputs"]) for t in manifest["tasks"]] == [
        ("shape", [0, 2]),
        ("size", [2, 3]),
        ("edges", [3, 5]),
    ]
    assert (together.folder / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("balance", ["start", "famo", "none"])
def test_every_strategy_takes_missing_labels_and_moves_the_backbone(
    table: Path, tiny: Json, tmp_path: Path, balance: str
) -> None:
    model = fit(
        table,
        **tiny,
        labels="shape2,size2,edges",
        strategy="full",
        balance=balance,
        out=tmp_path / "run",
    )
    assert model.result["multi_task"]["interact"] is True
    assert np.isfinite(weights(model)).all()
    assert load(tmp_path / "run").tasks == model.tasks


def test_a_quantity_is_answered_in_its_units(table: Path, tiny: Json, tmp_path: Path) -> None:
    for strategy, head in (("linear-probe", "linear"), ("head", "mlp:8")):
        folder = tmp_path / strategy
        model = fit(table, **tiny, label="size", strategy=strategy, head=head, out=folder)
        assert model.result["task"] == "regression"
        paths = [str(table.parent / f"{n}.png") for n in range(3)]
        rows, again = model.predict(paths), load(folder).predict(paths)
        for row, other in zip(rows, again, strict=True):
            assert row.value is not None
            assert 2000 < row.value < 20000
            assert other.value == pytest.approx(row.value, rel=1e-4)
    assert set(model.result["metrics"]["test"]) == {"mae", "rmse", "r2", "spearman"}
    assert set(model.result["baseline"]) == {"mean", "knn", "raw_pixels"}


def test_labels_of_any_number(table: Path, tiny: Json, tmp_path: Path) -> None:
    model = fit(table, **tiny, label="edges", strategy="linear-probe", out=tmp_path / "run")
    assert model.result["task"] == "multi-label"
    assert model.labels == ("left", "top")
    (row,) = model.predict([str(table.parent / "0.png")])
    assert row.labels == [n for n, p in (row.probabilities or {}).items() if p >= 0.5]
    assert evaluate(model, table)["counts"]["test"] == 60


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": "colour"}, "no column named 'colour'"),
        ({"labels": "shape,colour"}, "no column named 'colour'"),
        ({"labels": "shape,shape"}, "named twice"),
        ({"labels": "shape,empty"}, "holds no labels"),
        ({"labels": "shape,"}, "empty column"),
        ({"labels": "shape,size", "label": "shape"}, "are both given"),
        ({"label": "same"}, "7.5 in every row"),
        ({"label": "mixed", "task": "regression"}, "'old' in row 1, which is not a number"),
        ({"label": "shape", "task": "regresion"}, "no task named 'regresion'"),
        ({"labels": "shape,size", "scenario": "standard"}, "learns one label column"),
        ({"label": "size", "label_smoothing": 0.1}, "Label smoothing cannot be used"),
        ({"label": "shape", "balance": "famo"}, "A balance of tasks cannot be used"),
        ({"labels": "shape,size", "balance": "best"}, "no balance of losses named 'best'"),
    ],
)
def test_bad_input_is_one_message(
    table: Path, tiny: Json, tmp_path: Path, settings: Json, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        fit(table, **tiny, **settings, strategy="linear-probe", out=tmp_path / "run")


def test_a_folder_says_one_class_per_picture(photos: Path, tiny: Json, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one class per picture"):
        fit(photos, **tiny, task="multi-label", out=tmp_path / "run")


def test_the_command_line_says_the_same(
    together: Model, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(together.folder)
    for command in (
        ["evaluate", run, str(table), "--json"],
        ["predict", run, "gone.png", "--json"],
    ):
        with pytest.raises(SystemExit) as stop:
            main(command)
        assert not stop.value.code
        found = json.loads(capsys.readouterr().out)
        if command[0] == "evaluate":
            assert set(found["metrics"]) == set(COLUMNS)
        else:
            assert found["rows"][0]["tasks"]["size"] == {"value": None}
    with pytest.raises(SystemExit):
        main(["predict", run, str(table.parent / "1.png")])
    assert "size: " in capsys.readouterr().out
