"""The bundled backbone takes its input side from the data; nothing else does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graft.backbones.bundled import LARGE, SMALL, SMALL_NATIVE, input_side
from graft.backbones.load import load_backbone
from graft.data import read
from graft.data.columns import Wanted
from graft.features import feature_table
from graft.recipe import Recipe, read_recipe
from graft.run import run
from graft.runs.input_side import choose_size
from graft.selection.ranking import rank_backbones


def archive(path: Path, side: int, channels: int) -> Path:
    rng = np.random.default_rng(0)
    shape = (24, side, side, 3) if channels == 3 else (24, side, side)
    pictures = rng.integers(0, 256, shape).astype(np.uint8)
    np.savez(path, allow_pickle=False, x=pictures, y=np.arange(24) % 2)
    return path


@pytest.mark.parametrize(
    ("native", "coloured", "side"),
    [
        (8, False, SMALL),
        (8, True, SMALL),
        (SMALL_NATIVE, True, SMALL),
        (48, True, LARGE),
        (105, False, SMALL),
        (640, True, LARGE),
    ],
)
def test_coloured_drawings_get_the_larger_side(native: int, coloured: bool, side: int) -> None:
    assert input_side(native, coloured=coloured) == side
    assert load_backbone("bundled", size=side).spec.size == (side, side)


def test_the_user_and_other_backbones_keep_theirs(tmp_path: Path) -> None:
    examples = read(archive(tmp_path / "drawings.npz", 32, 3))
    assert choose_size("bundled", None, examples) == LARGE
    assert choose_size("bundled", 40, examples) == 40
    assert choose_size("resnet18", None, examples) is None


@pytest.mark.parametrize(("side", "channels", "chosen"), [(8, 1, SMALL), (24, 3, LARGE)])
def test_the_choice_stands_in_the_recipe_and_the_model(
    tmp_path: Path, side: int, channels: int, chosen: int
) -> None:
    data = archive(tmp_path / "data.npz", side, channels)
    finished = run(Recipe(data=str(data), strategy="linear-probe", views=1), out=tmp_path / "run")
    assert read_recipe(tmp_path / "run" / "recipe.yaml", {}).size == chosen
    assert finished.result["preprocess"]["size"] == [chosen, chosen]


def test_features_and_ranks_see_what_a_run_sees(tmp_path: Path) -> None:
    data = archive(tmp_path / "drawings.npz", 24, 3)

    def features(size: int | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        columns: dict[str, str | None] = {"input": None, "label": None}
        table = feature_table(
            data, backbone=None, weights="pretrained", size=size, columns=columns, device="cpu"
        )
        return np.asarray(table.features, dtype=np.float32)

    assert np.array_equal(features(None), features(LARGE))
    assert not np.allclose(features(None), features(SMALL))
    alone, told = (
        rank_backbones(data, ["bundled"], wanted=Wanted(), size=size) for size in (None, LARGE)
    )
    assert alone.best.scores.values() == told.best.scores.values()
