"""Ranking backbones: from Python and from the command line, good names and bad."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graft
from graft.backbones.offline import offline_backbones
from graft.cli.main import _run
from graft.cli.rank import named
from graft.data import Examples, read, split
from graft.errors import BackboneError, UnknownNameError
from graft.selection import Ranking, ranking
from graft.selection.scores import SCORES
from graft.types import Json

TINY: Json = {"weights": "random", "size": 32, "device": "cpu"}
NAMES = ["test_resnet", "test_vit"]
FLAGS = ["--weights", "random", "--size", "32", "--device", "cpu"]


@pytest.fixture(scope="module")
def found(photos: Path) -> Ranking:
    return graft.rank(photos, ["test_resnet", "nosuch", "test_vit", "test_vit"], **TINY)


def test_each_candidate_is_scored_and_a_bad_one_listed(found: Ranking, photos: Path) -> None:
    assert {c.backbone for c in found.candidates} == set(NAMES)
    assert [name for name, _ in found.failed] == ["nosuch"]
    assert "nosuch" in found.failed[0][1]
    assert found.rows == 36 - len(split(read(photos), seed=0).test)
    ranks = [candidate.mean_rank for candidate in found.candidates]
    assert ranks == sorted(ranks)
    assert sum(ranks) == 3.0


def test_the_dictionary_is_json_and_names_everything(found: Ranking) -> None:
    fields = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    for row in fields["candidates"]:
        assert set(row) >= {*SCORES, "mean_rank", "images_per_second", "parameters", "megabytes"}
        assert row["images_per_second"] > 0
        assert row["fine_tuning_seconds"] >= row["probe_seconds"] >= 0
        assert row["knn"]["low"] <= row["knn"]["value"] <= row["knn"]["high"]
    sizes = {row["backbone"]: row["parameters"] for row in fields["candidates"]}
    assert fields["constant"]["backbone"] == max(sizes, key=lambda name: sizes[name])
    assert fields["constant"]["rule"] == "always the largest"


def test_the_rows_are_those_that_fit_would_not_test_on(
    photos: Path, tiny: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def listen(sample: Examples, *rest: object) -> object:
        seen.append([str(picture.name) for picture in sample.pictures])
        raise BackboneError("stop")

    monkeypatch.setattr(ranking, "sample_features", listen)
    with pytest.raises(BackboneError):
        graft.rank(photos, ["test_resnet"], seed=3, **TINY)
    examples = read(photos)
    parts = split(examples, seed=3)
    outside = np.sort(np.concatenate([parts.train, parts.validation]))
    assert seen == [[examples.pictures[row].name for row in outside]]


def test_where_nothing_loads_the_first_reason_is_the_error(photos: Path) -> None:
    with pytest.raises(UnknownNameError, match="nosuch"):
        graft.rank(photos, ["nosuch", "neither"], **TINY)
    with pytest.raises(UnknownNameError, match="No backbone"):
        graft.rank(photos, [], **TINY)


def test_the_second_ranking_reads_the_bank_and_agrees(found: Ranking, photos: Path) -> None:
    again = graft.rank(photos, NAMES, **TINY)
    first = {c.backbone: c.scores.to_dict() for c in found.candidates}
    assert {c.backbone: c.scores.to_dict() for c in again.candidates} == first


def test_without_names_those_that_need_no_network(tmp_path: Path) -> None:
    assert offline_backbones()[0] == "bundled"


def test_the_command_line_prints_a_table_or_json(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["rank", str(photos), "--backbones", "test_resnet", "test_vit", *FLAGS]
    assert _run([*arguments, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert [row["backbone"] for row in fields["candidates"]]
    assert _run([*arguments, "nosuch"]) == 0
    captured = capsys.readouterr()
    assert "test_vit" in captured.out
    assert "largest" in captured.out
    assert "left out: nosuch" in captured.err


def test_names_may_be_listed_in_three_ways() -> None:
    assert named(["a"], ["b", "c"]) == named(["a,b", "c"], None) == ["a", "b", "c"]
    assert named(None, None) is None
    with pytest.raises(UnknownNameError, match="one DATA too many"):
        named(None, ["b"])
