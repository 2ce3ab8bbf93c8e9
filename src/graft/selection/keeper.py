"""The best model so far, always on the disk as a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from graft.files import in_one_step
from graft.run import Attempt, Finished, conclude
from graft.runs.folder import RESULT, RunFolder
from graft.selection.grid import Choice
from graft.selection.trial import Trial, likely
from graft.types import Json


@dataclass(slots=True)
class Keeper:
    """Writes what is better than all before.

    Attributes:
        folder: Where to.
        describe: What the result says of the search, as it stands.
        best: The trial whose model is on the disk.
        train: Trains a trial again whose network is not at hand, since an earlier process made it.
        stands_in: Whether it only does so until one comes that may win: a probe where the user
            named another strategy.
    """

    folder: RunFolder
    describe: Callable[[], Json]
    train: Callable[[Choice, int | None], Attempt]
    best: Trial | None = None
    stands_in: bool = False

    def offer(self, trial: Trial, *, eligible: bool = True, trusted: bool = False) -> None:
        """Write a trained trial if it is the first, or better than the best on its rows.

        The network of a trial that is not kept is let go.

        Args:
            trial: Judged on the validation part.
            eligible: Whether it may displace another; the first result is always written.
            trusted: Whether it only must not trail beyond doubt; any other must lead by more than
                luck.
        """
        if not trial.trained:
            return
        first = self.best is None or (eligible and self.stands_in)
        if first or (eligible and self.best is not None and better(trial, self.best, trusted)):
            self.put(trial)
            self.stands_in = not eligible
        else:
            trial.attempt, trial.lost = None, False

    def put(self, trial: Trial) -> None:
        """Write a trained trial, whatever is there; what an earlier process wrote may stay."""
        if self.best is not None:
            self.best.attempt = None
        self.best = trial
        if not (trial.lost and (self.folder.path / RESULT).is_file()):
            self.write(test=False)

    def write(self, *, test: bool, extra: Json | None = None) -> Finished:
        """Write recipe, history, model and result of the best; with `test` its test figures."""
        attempt = self.attempt()
        self.folder.write_recipe(attempt.recipe)
        write_rows(self.folder.history, attempt.runner.history.rows)
        return conclude(attempt, self.folder, test=test, extra={**self.describe(), **(extra or {})})

    def attempt(self) -> Attempt:
        """The best, as it was trained."""
        best = self.best
        assert best is not None
        if best.attempt is None:  # only what lost is let go
            assert best.lost
            best.attempt = self.train(best.choice, best.epochs)
        return best.attempt


def better(trial: Trial, other: Trial, trusted: bool) -> bool:
    """Whether a trial displaces another; never one that answers just as it does."""
    if trial.evidence is None or (other.evidence and trial.evidence.equals(other.evidence)):
        return False
    return not likely(other, trial, sure=True) if trusted else likely(trial, other)


def write_rows(path: Path, rows: list[Json]) -> None:
    """Replace the history in one step."""
    in_one_step(path, "".join(json.dumps(row) + "\n" for row in rows))
