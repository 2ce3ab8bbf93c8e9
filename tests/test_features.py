"""Features: a row per picture in the data's order, on the disk as in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import graft
from graft.backbones.load import load_backbone
from graft.data import decode, normalise, read
from graft.errors import DataError, OutputError
from graft.features import FeatureTable, feature_table

MakePhotos = Callable[..., Path]
BACKBONE = "test_resnet"


def table_of(source: object) -> FeatureTable:
    return feature_table(
        source,
        backbone=BACKBONE,
        weights="random",
        size=32,
        columns={"input": None, "label": None},
        device="cpu",
    )


@pytest.fixture
def spoilt(tmp_path: Path, make_photos: MakePhotos) -> Path:
    """Two classes; the fourth picture is broken and the last a copy of the first."""
    folder = make_photos(tmp_path / "p", {"blue": 3, "red": 3})
    (folder / "red" / "00.png").write_bytes(b"broken")
    (folder / "red" / "02.png").write_bytes((folder / "blue" / "00.png").read_bytes())
    return folder


def test_rows_are_the_backbones_pooled_outputs_in_order(photos: Path) -> None:
    table = table_of(photos)
    backbone = load_backbone(BACKBONE, weights="random", size=32)
    examples = read(photos)
    assert table.inputs == tuple(picture.name for picture in examples.pictures)
    assert table.errors == (None,) * 36
    assert table.features.dtype == np.float32
    for row in (0, 17, 35):
        outcome = decode(row, examples.pictures[row], backbone.spec)
        assert outcome.pixels is not None
        with torch.no_grad():
            pixels = torch.from_numpy(outcome.pixels)[None]
            expected = backbone(normalise(pixels, backbone.spec))[0].numpy()
        assert np.allclose(table.features[row], expected, rtol=1e-4, atol=1e-5)


def test_a_row_that_cannot_be_read_is_nan_with_its_reason(spoilt: Path) -> None:
    table = table_of(spoilt)
    assert np.isnan(table.features).all(axis=1).tolist() == [False] * 3 + [True] + [False] * 2
    assert not np.isnan(table.features[[0, 1, 2, 4, 5]]).any()
    assert [error is None for error in table.errors] == [True] * 3 + [False] + [True] * 2
    assert np.array_equal(table.features[0], table.features[5])


def test_pictures_need_no_labels(photos: Path) -> None:
    table = table_of(photos / "blue")
    assert table.labels == (None,) * 12
    assert np.array_equal(table.features, table_of(photos).features[:12])


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(b"broken")
    with pytest.raises(DataError, match="None of the 1 pictures"):
        table_of(tmp_path / "p")


def test_parquet_holds_the_table(spoilt: Path, tmp_path: Path) -> None:
    table = table_of(spoilt)
    path = table.write(tmp_path / "f.parquet")
    found = pq.read_table(path).to_pydict()
    assert tuple(found["input"]) == table.inputs
    assert tuple(found["label"]) == table.labels
    assert tuple(found["error"]) == table.errors
    assert np.array_equal(
        np.array(found["features"], dtype=np.float32), table.features, equal_nan=True
    )


def test_an_archive_holds_the_table(spoilt: Path, tmp_path: Path) -> None:
    table = table_of(spoilt)
    with np.load(table.write(tmp_path / "f.npz"), allow_pickle=False) as found:
        assert set(found) == {"input", "label", "error", "features"}
        assert tuple(found["input"]) == table.inputs
        assert tuple(label or None for label in found["label"]) == table.labels
        assert tuple(error or None for error in found["error"]) == table.errors
        assert np.array_equal(found["features"], table.features, equal_nan=True)


@pytest.mark.parametrize("name", ["f.csv", "f", "f.npy"])
def test_another_ending_is_refused(name: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        table_of(photos / "blue").write(tmp_path / name)
    assert name in caught.value.found
    assert caught.value.allowed == ".parquet or .npz"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["f.parquet", "f.npz"])
def test_a_file_appears_whole_or_not_at_all(
    name: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(photos / "blue")
    with pytest.raises(OutputError, match="cannot be written"):
        table.write(tmp_path / "no such folder" / name)

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        table.write(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_the_verb_warns_of_rows_that_are_nan(spoilt: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 6 rows"):
        found = graft.features(spoilt, backbone=BACKBONE, weights="random", size=32, device="cpu")
    assert np.array_equal(found, table_of(spoilt).features, equal_nan=True)
