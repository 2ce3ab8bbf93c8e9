from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from graft.data.pictures import FilePicture
from graft.data.read import read, read_inputs
from graft.errors import DataError, NetworkError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)


def dataset(labels: list[int], column: str = "label") -> Any:
    features = datasets.Features(
        {"img": datasets.Image(), column: datasets.ClassLabel(names=["dog", "cat", "never"])}
    )
    images = [Image.fromarray(PIXELS[n]) for n in range(len(labels))]
    return datasets.Dataset.from_dict({"img": images, column: labels}, features=features)


def test_a_dataset_gives_pictures_and_class_names() -> None:
    examples = read(dataset([0, 1, 0]))
    assert examples.labels == ("dog", "cat")
    assert examples.targets.tolist() == [0, 1, 0]
    for number, picture in enumerate(examples.pictures):
        np.testing.assert_array_equal(np.asarray(picture.open()), PIXELS[number])


def test_hidden_labels_are_set_aside() -> None:
    examples = read(dataset([0, 1, -1]))
    assert [s.input for s in examples.set_aside] == ["row 3"]


def test_splits_are_parts_and_others_are_named() -> None:
    splits = {"train": dataset([0, 1]), "valid": dataset([1]), "extra": dataset([0])}
    examples = read(datasets.DatasetDict(splits))
    assert examples.parts == ("train", "train", "validation")
    assert [s.input for s in examples.set_aside] == ["split extra"]
    assert examples.pictures[2].name == "validation row 1"


def test_without_a_part_among_the_splits_it_is_refused() -> None:
    with pytest.raises(DataError, match="has the splits extra"):
        read(datasets.DatasetDict({"extra": dataset([0])}))


def test_columns_are_named_as_in_a_table() -> None:
    with pytest.raises(DataError, match="usual name for the label") as caught:
        read(dataset([0, 1], "fine_label"))
    assert "fine_label" in caught.value.allowed
    assert read(dataset([0, 1], "fine_label"), label="fine_label").labels == ("dog", "cat")


def test_paths_in_a_dataset_resolve_against_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PIXELS[0]).save(tmp_path / "a.png")
    rows = {"path": ["a.png", "a.png"], "label": ["x", "y"]}
    examples = read(datasets.Dataset.from_dict(rows))
    assert isinstance(examples.pictures[0], FilePicture)
    assert examples.pictures[0].open().size == (4, 5)


def test_a_dataset_is_an_input_without_labels() -> None:
    assert len(read_inputs([dataset([-1, -1])])) == 2
    assert len(read_inputs(dataset([-1, -1]))) == 2


@pytest.mark.parametrize(
    ("raised", "expected", "advice"),
    [
        (ConnectionError("Couldn't reach 'org/set' on the Hub"), NetworkError, "connect to"),
        (OSError("timed out"), NetworkError, "connect to"),
        (FileNotFoundError("Dataset 'org/set' doesn't exist"), DataError, "check the name"),
        (ValueError("Config name is missing."), DataError, "check the name"),
    ],
)
def test_a_failing_download_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    expected: type[NetworkError | DataError],
    advice: str,
) -> None:
    def fail(path: str, name: str | None) -> None:
        assert (path, name) == ("org/set", "small")
        raise raised

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(expected, match="org/set") as caught:
        read("hf:org/set:small")
    assert advice in caught.value.next


def test_a_name_on_the_hub_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = {("org/set", None): datasets.DatasetDict({"train": dataset([0, 1])})}
    monkeypatch.setattr(datasets, "load_dataset", lambda path, name: hub[path, name])
    assert read("hf:org/set").source == "hf:org/set"
