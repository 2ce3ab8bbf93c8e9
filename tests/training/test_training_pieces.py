"""Where memory runs out in training, fewer rows are computed at a time, and the mean stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import graft
from graft.errors import ResourceError
from graft.objectives import Classification
from graft.training.pieces import Pieces
from graft.types import Batch, Json

SETTINGS: Json = {"strategy": "top-k:2", "validation": 0.0, "patience": 99}


def batch_of(rows: int) -> Batch:
    return Batch(torch.arange(rows, dtype=torch.float32), torch.arange(rows))


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 33])
@pytest.mark.parametrize("most", [None, 1, 2, 3, 16])
def test_pieces_hold_every_row_once_and_never_one_alone(rows: int, most: int | None) -> None:
    pieces = [*Pieces(most).of(batch_of(rows))]
    assert torch.equal(torch.cat([p.targets for p in pieces]), torch.arange(rows))
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(rows, 2)
    assert max(sizes) <= max(3, most or rows)


def test_a_number_is_halved_and_told_and_in_the_end_refused() -> None:
    told: list[int] = []
    pieces = Pieces(tell=told.append)
    pieces.lower(33)
    pieces.lower(16)
    assert (pieces.most, told) == (8, [16, 8])
    with pytest.raises(ResourceError, match="3 rows"):
        pieces.lower(3)


@pytest.fixture
def fit(photos: Path, tiny: Json, tmp_path: Path) -> Callable[..., tuple[Json, bytes]]:
    def fitted(name: str, **settings: object) -> tuple[Json, bytes]:
        model = graft.fit(str(photos), **{**tiny, **SETTINGS, **settings}, out=tmp_path / name)
        assert model.folder is not None
        return model.result, (model.folder / "model" / "model.safetensors").read_bytes()

    return fitted


def only(most: int, patch: pytest.MonkeyPatch) -> None:
    """Losses with gradients of more rows than this do not fit."""
    forward = Classification.forward

    def tight(
        self: Classification, model: torch.nn.Module, batch: Batch
    ) -> dict[str, torch.Tensor]:
        if torch.is_grad_enabled() and len(batch) > most:
            raise MemoryError
        return forward(self, model, batch)

    patch.setattr(Classification, "forward", tight)


def test_a_run_goes_on_in_pieces_to_nearly_the_same_weights(
    fit: Callable[..., tuple[Json, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = fit("whole")
    only(3, monkeypatch)
    result, model = fit("tight")
    losses = [
        [row["loss"] for row in rows_of(tmp_path / name / "history.jsonl")]
        for name in ("whole", "tight")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    told = [line for line in result["warnings"] if "Memory ran out" in line]
    assert [line.split()[6] for line in told] == ["4", "2"]
    assert result["recipe"]["micro_batch"] == 2
    assert whole["recipe"]["micro_batch"] is None
    assert "micro_batch: 2" in (tmp_path / "tight" / "recipe.yaml").read_text()
    # It ran out in the first step, so the recipe gives the same bytes.
    monkeypatch.undo()
    monkeypatch.setenv("GRAFT_CACHE", str(tmp_path / "cache"))
    again, same = fit("again", micro_batch=2)
    assert same == model
    assert not any("Memory" in line for line in again["warnings"])


def rows_of(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_where_not_even_two_rows_fit_the_way_on_is_told(
    fit: Callable[..., tuple[Json, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(1, monkeypatch)
    with pytest.raises(ResourceError, match=r"[23] rows at a time") as caught:
        fit("run")
    assert "--resume" in caught.value.next
