"""Budgets: what is read, what is left, and that a trial ends when nothing is."""

from __future__ import annotations

import pytest

from graft.errors import UserError
from graft.progress import Silent
from graft.selection.budget import Budget, BudgetSpentError, Watched, parse_budget


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), ("0.5m", 30), (" 2H ", 7200)]
)
def test_budgets_are_read(text: str, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "0s", "10 minutes", "1e3s", "nan"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="10m"):
        parse_budget(text)


def test_a_trial_ends_when_the_time_is_over() -> None:
    ample = Watched(Silent(), Budget(1000))
    ample.start("train", 3)
    ample.advance("train")
    spent = Watched(Silent(), Budget(1e-9))
    spent.start("train", 3)
    with pytest.raises(BudgetSpentError):
        spent.advance("train")


def test_what_is_reserved_is_not_left() -> None:
    budget = Budget(100)
    budget.reserve = 60
    assert 0 < budget.left() <= 40
    assert 0 <= budget.spent() < 40
