"""Verbs beside training: looking at data before it, and after the bank. Public in `graft.api`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graft.bank.location import bank_folder
from graft.bank.upkeep import ACTIONS, clear_bank, list_bank, verify_bank
from graft.checkup import Checkup, check_up
from graft.data.columns import Wanted
from graft.errors import unknown_name
from graft.export.onnx_export import Exported
from graft.model import Model, check_export, load
from graft.progress import Progress, Silent
from graft.types import Json


def doctor(
    data: object,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    label: str | None = None,
    labels: Sequence[str] | None = None,
    group: str | None = None,
    test: object = None,
    task: str | None = None,
    backbone: str | None = None,
    weights: str = "pretrained",
    size: int | None = None,
    fix: str | Path | None = None,
    rehearse: bool = True,
    progress: Progress | None = None,
) -> Checkup:
    """Check a data set before anything costs; the data are not changed.

    Opens every picture or text and looks for unreadable and empty ones, copies and near copies
    within and across declared parts, groups on two sides, conflicting labels, tiny classes,
    spellings, sizes and traits that give a class away, and of texts for wrong encodings and what
    the backbone would cut; then forecasts disk, memory and time, and tries a small run.

    Args:
        data: Any source that `fit` takes.
        input: Column of paths, pictures or texts, in tables; two with a comma are pairs of texts.
        label: Column of labels, in tables.
        labels: Several label columns.
        group: Column whose values must not be split over train and test.
        test: Another source as the test part.
        task: The kind of task; found when None.
        backbone: Whose preprocessing and speed count; None takes that of `fit`.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels instead of the checkpoint's own.
        fix: A CSV file that a cleaned list is written to.
        rehearse: Whether a small run is tried in a temporary folder.
        progress: Told how far the work is.

    Raises:
        UserError: The data do not exist, or a name or the machine is at fault.
    """
    wanted = Wanted(input, label, group, True, tuple(labels or ()), task)
    return check_up(
        data,
        wanted,
        test=test,
        backbone=backbone,
        weights=weights,
        size=size,
        fix=None if fix is None else Path(fix),
        rehearse=rehearse,
        progress=progress,
    )


def export(
    model: str | Path | Model, *, to: str = "onnx", out: str | Path | None = None
) -> Exported:
    """Write a model for other runtimes, checked against PyTorch before the file appears.

    Args:
        model: A run folder, a saved model or an open one.
        to: The format, `onnx`.
        out: The file; None takes `model.onnx` in the model's folder.

    Raises:
        UserError: The model, the file or a missing extra is at fault; see `Model.export`.
    """
    check_export(to)  # before the model is opened
    opened = model if isinstance(model, Model) else load(model)
    return opened.export(out, to=to)


def bank(
    action: str = "list",
    *,
    fix: bool = False,
    key: str | None = None,
    older_than: float | None = None,
    everything: bool = False,
    progress: Progress | None = None,
) -> Json:
    """Look after the store of decoded pictures and frozen outputs.

    Args:
        action: `list`, `verify` (compare every stored byte with what was written) or `clear`.
        fix: `verify` removes what is damaged; it is computed anew when next wanted.
        key: `clear` only the shelf whose key begins so.
        older_than: `clear` only what was not used in so many days.
        everything: `clear` all. What a running process uses stays.
        progress: Told how far the work is.

    Returns:
        What was found and done; see `list_bank`, `verify_bank` and `clear_bank` in
        `graft.bank.upkeep`.

    Raises:
        UserError: The action or the key is unknown, or nothing says what is to be cleared.
    """
    if action not in ACTIONS:
        raise unknown_name("action of the bank", action, ACTIONS)
    root = bank_folder()
    if action == "verify":
        return verify_bank(root, fix=fix, progress=progress or Silent())
    if action == "clear":
        return clear_bank(root, key=key, older_than=older_than, everything=everything)
    return list_bank(root)
