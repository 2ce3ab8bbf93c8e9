"""Folds: disjoint, stratified, copies and groups together, every class always trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graft.backbones.load import load_backbone
from graft.bank import bank_folder
from graft.data import read
from graft.progress import Silent
from graft.recipe import Recipe
from graft.runs.preparation import Prepared, prepare
from graft.selection.folds import FOLDS, are_few, with_fold


@pytest.fixture
def prepared(photos: Path) -> Prepared:
    backbone = load_backbone("test_resnet", weights="random", size=32)
    return prepare(Recipe(), read(photos), backbone, bank_folder(), Silent())


def test_every_row_is_scored_once_and_never_trained_on_then(prepared: Prepared) -> None:
    split = prepared.split
    known = np.sort(np.concatenate([split.train, split.validation]))
    scored = []
    for fold in range(FOLDS):
        part, rows = with_fold(prepared, fold, seed=0)
        scored.append(rows)
        used = [*part.split.train, *part.split.validation]
        assert sorted([*used, *rows]) == known.tolist()
        assert len({*used}) == len(used)
        assert part.split.test is split.test
        targets = prepared.examples.targets
        assert set(targets[part.split.train]) == {0, 1, 2}
        assert np.ptp(np.bincount(targets[rows], minlength=3)) <= 1
    assert sorted(np.concatenate(scored).tolist()) == known.tolist()
    assert are_few(prepared)


def test_groups_stay_together_and_rare_classes_stay_in_training(prepared: Prepared) -> None:
    rows = np.sort(np.concatenate([prepared.split.train, prepared.split.validation]))
    groups = np.arange(len(prepared.examples)) // 4
    targets = np.zeros(len(prepared.examples), dtype=np.int64)
    targets[rows[:2]] = 1
    targets[rows[-1]] = 2
    examples = replace(prepared.examples, groups=groups, targets=targets)
    grouped = replace(prepared, examples=examples)
    for fold in range(FOLDS):
        part, scored = with_fold(grouped, fold, seed=0)
        held = {*groups[scored]}
        assert held.isdisjoint(groups[part.split.train])
        assert held.isdisjoint(groups[part.split.validation])
        assert {*targets[scored]} <= {*targets[part.split.train]}
