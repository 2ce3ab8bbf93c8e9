"""Models: one answer per input, and figures that scikit-learn would give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

from graft.errors import DataError, ModelError, OutputError
from graft.model import Model, load
from graft.runs.image_parts import BATCH
from graft.types import Json

MakePhotos = Callable[..., Path]


def test_one_row_per_input_in_order_with_the_reason_where_it_failed(
    trained: Model, new_photos: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG broken")
    missing = tmp_path / "missing.png"
    pictures = [new_photos / "red" / "01.png", bad, new_photos / "blue" / "00.png", missing]
    rows = trained.predict(pictures)
    assert [row.input for row in rows] == [str(path) for path in pictures]
    assert [row.error is None for row in rows] == [True, False, True, False]
    assert "exist" in str(rows[3].error)
    for row in rows:
        if row.error is not None:
            assert (row.label, row.probabilities) == (None, None)
        else:
            assert row.probabilities is not None
            assert tuple(row.probabilities) == trained.labels
            assert sum(row.probabilities.values()) == pytest.approx(1, abs=1e-9)
            assert row.label == max(row.probabilities, key=row.probabilities.__getitem__)
    assert [rows[0].label, rows[2].label] == ["red", "blue"]
    assert json.loads(json.dumps(rows[1].to_dict()))["error"] == rows[1].error


def test_a_picture_has_the_same_answer_however_it_comes(trained: Model, new_photos: Path) -> None:
    path = new_photos / "green" / "02.png"
    with Image.open(path) as picture:
        picture.load()
        forms: list[object] = [
            path,
            str(path),
            picture,
            np.asarray(picture),
            [path],
            new_photos / "green",
        ]
        answers = [trained.predict(form) for form in forms]
    assert [len(rows) for rows in answers] == [1, 1, 1, 1, 1, 4]
    first = answers[0][0].probabilities
    for rows in answers:
        row = rows[-1 if len(rows) == 1 else 2]
        assert row.probabilities == pytest.approx(first, abs=1e-6)


def test_answers_do_not_depend_on_the_company(
    trained: Model, tmp_path: Path, make_photos: MakePhotos
) -> None:
    folder = make_photos(tmp_path / "many", {"blue": BATCH + 3, "red": 2})
    (folder / "blue" / "01.png").write_bytes(b"broken")
    together = trained.predict(folder)
    assert len(together) == BATCH + 5
    assert sum(row.error is not None for row in together) == 1
    for at in (0, BATCH - 1, BATCH, len(together) - 1):
        alone = trained.predict(Path(together[at].input))[0]
        assert alone.label == together[at].label
        assert alone.probabilities == pytest.approx(together[at].probabilities, abs=1e-5)


def test_all_unreadable_is_still_one_row_each(trained: Model, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    rows = trained.predict([tmp_path / "a.png", tmp_path / "b.png"])
    assert [row.label for row in rows] == [None, None]


def test_nothing_to_predict_is_an_error(trained: Model, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    nothings: list[object] = [[], tmp_path / "empty"]
    for nothing in nothings:
        with pytest.raises(DataError):
            trained.predict(nothing)


def test_figures_are_scikit_learns_of_the_predictions(trained: Model, photos: Path) -> None:
    found = trained.evaluate(photos)
    rows = trained.predict(photos)
    truth = [Path(row.input).parent.name for row in rows]
    guess = [str(row.label) for row in rows]
    probabilities = np.array([[*(row.probabilities or {}).values()] for row in rows])
    expected = {
        "accuracy": metrics.accuracy_score(truth, guess),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, guess),
        "macro_f1": metrics.f1_score(truth, guess, average="macro"),
        "log_loss": metrics.log_loss(truth, probabilities, labels=[*trained.labels]),
    }
    for name, value in expected.items():
        assert found["metrics"][name]["value"] == pytest.approx(value, abs=1e-6), name
    labels = [*trained.labels]
    assert found["confusion"] == metrics.confusion_matrix(truth, guess, labels=labels).tolist()
    assert found["counts"] == {"test": 36, "set_aside": 0}
    assert set(found) >= {"metrics", "counts", "per_class", "confusion", "reliability", "set_aside"}


def test_where_a_test_part_is_declared_it_alone_counts(
    trained: Model, tmp_path: Path, make_photos: MakePhotos
) -> None:
    make_photos(tmp_path / "p" / "train", {"blue": 3, "red": 3})
    make_photos(tmp_path / "p" / "test", {"blue": 2, "red": 1}, seed=1)
    assert trained.evaluate(tmp_path / "p")["counts"] == {"test": 3, "set_aside": 0}


def test_columns_named_for_the_run_are_found_again(
    trained: Model, tmp_path: Path, new_photos: Path
) -> None:
    recipe = {**trained.result["recipe"], "input": "photo", "label": "what"}
    model = replace(trained, result={**trained.result, "recipe": recipe})
    files = sorted(new_photos.rglob("*.png"))
    rows = [f"{file},{file.parent.name},blue" for file in files]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["photo,what,label", *rows]), encoding="utf-8")
    expected = model.evaluate(new_photos)["metrics"]
    assert model.evaluate(table)["metrics"] == expected
    assert model.evaluate(table, label="label")["metrics"] != expected
    table.write_text("\n".join(["path,label,what_else", *rows]), encoding="utf-8")
    assert model.evaluate(table)["metrics"] == expected  # other tables as before


def test_unreadable_pictures_are_set_aside(
    trained: Model, tmp_path: Path, make_photos: MakePhotos
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 3, "red": 3})
    (folder / "red" / "01.png").write_bytes(b"broken")
    found = trained.evaluate(folder)
    assert found["counts"] == {"test": 5, "set_aside": 1}
    (item,) = found["set_aside"]
    assert item["input"].endswith("01.png")
    assert item["reason"]
    for path in folder.rglob("*.png"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="None of the 6 rows"):
        trained.evaluate(folder)


def test_a_label_that_the_model_does_not_know_is_an_error(
    trained: Model, tmp_path: Path, make_photos: MakePhotos
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 2, "red": 2})
    (folder / "red").rename(folder / "purple")
    with pytest.raises(DataError) as caught:
        trained.evaluate(folder)
    assert "purple" in caught.value.found
    assert "blue, green, red" in caught.value.allowed


# On the disk.


def test_a_run_folder_and_its_model_open_alike(trained: Model, new_photos: Path) -> None:
    assert trained.folder is not None
    expected = trained.predict(new_photos)
    opened = load(trained.folder)
    assert opened.result == trained.result
    assert opened.folder == trained.folder
    for model in (opened, load(str(trained.folder / "model"))):
        assert (model.labels, model.task) == (trained.labels, trained.task)
        for found, wanted in zip(model.predict(new_photos), expected, strict=True):
            assert found.label == wanted.label
            assert found.probabilities == pytest.approx(wanted.probabilities, abs=1e-5)


def test_a_model_is_saved_and_replaced_but_nothing_else_is(
    trained: Model, tmp_path: Path, new_photos: Path
) -> None:
    target = tmp_path / "flowers"
    for _ in range(2):
        assert trained.save(target) == target
    assert load(target).predict(new_photos)[0].label == trained.predict(new_photos)[0].label
    assert [path.name for path in tmp_path.iterdir()] == ["flowers"]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()
    with pytest.raises(OutputError):
        trained.save(tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter"]


def test_what_did_not_finish_is_not_opened(trained: Model, tmp_path: Path) -> None:
    assert trained.folder is not None
    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    (run / "result.json").unlink()
    with pytest.raises(ModelError, match="did not finish"):
        load(run)
    for nothing in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ModelError, match="no run folder"):
            load(nothing)


def change_weight(run: Path) -> None:
    path = run / "model" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-400] ^= 0x7F
    content[-397] ^= 0x42
    path.write_bytes(content)


def change_labels(run: Path) -> None:
    path = run / "model" / "graft.json"
    manifest: Json = json.loads(path.read_text())
    manifest["labels"] = manifest["labels"][::-1]
    path.write_text(json.dumps(manifest))


def change_result(run: Path, **changes: object) -> None:
    path = run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"labels": ["a", "b", "c"]}, "labels"),
        ({"metrics": {}}, "metrics"),
        ({"task": "x"}, "task"),
        ({"model": {"seal": "0" * 64}}, "seal"),
    ],
    ids=["labels", "metrics", "task", "seal"],
)
def test_a_result_of_another_run_is_not_believed(
    trained: Model, tmp_path: Path, changes: Json, named: str
) -> None:
    run = Path(shutil.copytree(str(trained.folder), tmp_path / "run"))
    change_result(run, **changes)
    with pytest.raises(ModelError, match=rf"result\.json and .*model differ in {named}"):
        load(run)
    assert load(run / "model").labels == trained.labels


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"a":' * 50_000, "\0"])
def test_a_result_that_cannot_be_read_is_told(trained: Model, tmp_path: Path, content: str) -> None:
    run = Path(shutil.copytree(str(trained.folder), tmp_path / "run"))
    (run / "result.json").write_text(content)
    with pytest.raises(ModelError, match=r"result\.json"):
        load(run)


@pytest.mark.parametrize(
    "damage",
    [
        change_weight,
        change_labels,
        lambda run: (run / "model" / "model.safetensors").unlink(),
        lambda run: (run / "model" / "model.safetensors").write_bytes(b"\0" * 100),
        lambda run: shutil.rmtree(run / "model"),
    ],
    ids=["weight", "labels", "gone", "zeros", "no model"],
)
def test_a_damaged_model_is_not_opened(
    trained: Model, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    assert trained.folder is not None
    run = tmp_path / "run"
    shutil.copytree(trained.folder, run)
    damage(run)
    with pytest.raises(ModelError):
        load(run)
