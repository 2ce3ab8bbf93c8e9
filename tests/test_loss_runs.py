"""Settings of batches and losses that an exact solution lacks: honoured another way, or told."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.api import fit
from graft.errors import DataError, UnknownNameError
from graft.types import Json


def phase_of(photos: Path, tiny: Json, out: Path, **settings: object) -> tuple[Json, list[str]]:
    arguments: Json = {**tiny, "strategy": "linear-probe", "views": 1, "out": out, **settings}
    result = fit(photos, **arguments).result
    return result["plan"]["phases"][0], result["warnings"]


def test_focal_loss_is_learnt_by_gradient_descent_and_the_result_says_so(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    phase, warnings = phase_of(photos, tiny, tmp_path / "run", loss="focal:1.5")
    assert phase["solver"] == "gradient"
    assert "no exact solution" in phase["note"]
    assert any("no exact solution" in line for line in warnings)


def test_an_exact_phase_tells_what_became_of_settings_of_batches(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    phase, warnings = phase_of(photos, tiny, tmp_path / "run", sampling="balanced", mix="manifold")
    assert phase["solver"] == "exact"
    for said in ("every class counts the same", "without manifold"):
        assert said in phase["note"]
        assert any(said in line for line in warnings)


def test_losses_and_samplings_that_have_no_meaning_are_refused(
    photos: Path, tiny: Json, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError, match="hinge"):
        phase_of(photos, tiny, tmp_path / "a", loss="hinge")
    lists = [["a"], ["a", "b"], [], ["b"]] * 9
    paths = sorted(str(path) for path in photos.rglob("*.png"))
    table = {"path": paths, "tags": lists}
    with pytest.raises(DataError, match="Balanced sampling"):
        fit(table, **tiny, input="path", label="tags", sampling="balanced", out=tmp_path / "b")
