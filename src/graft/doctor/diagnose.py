"""The examination: every check in the table, on one data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from graft.data import Examples
from graft.doctor.checks import copies, files, labels, parts, pictures
from graft.doctor.finding import Finding
from graft.doctor.inspection import inspect
from graft.doctor.patient import Patient
from graft.doctor.similarity import near_pairs
from graft.progress import Progress
from graft.types import PreprocessSpec

Check = Callable[[Patient], list[Finding]]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "unreadable": files.unreadable,
        "left-out": files.left_out,
        "blank": files.blank,
        "copies-across": copies.copies_across,
        "near-copies-across": copies.near_copies_across,
        "groups-across": parts.groups_across,
        "conflicting-labels": copies.conflicts,
        "copies": copies.copies,
        "near-copies": copies.near_copies,
        "one-class": labels.one_class,
        "tiny-classes": labels.tiny_classes,
        "spellings": labels.spellings,
        "identifiers": labels.identifiers,
        "missing-classes": parts.missing_classes,
        "one-group": parts.useless_groups,
        "tiny-pictures": pictures.tiny,
        "telltale": pictures.telltale,
        "imbalance": labels.imbalance,
        "small-test": parts.small_test,
        "elongated": pictures.elongated,
        "enlarged": pictures.enlarged,
        "mixed-modes": pictures.mixed_modes,
        "misnamed": files.misnamed,
        "several-frames": files.animated,
    }
)


def look_at(examples: Examples, spec: PreprocessSpec, progress: Progress) -> Patient:
    """Open every picture and compare them all.

    Args:
        examples: All rows of the source.
        spec: The backbone's preprocessing.
        progress: Told about every picture.
    """
    digests = examples.digests()
    seen = inspect(examples.pictures, progress)
    unreadable = np.array(list(seen.faults), dtype=np.int64)
    # Of equal files one stands for all: the others are reported as copies.
    firsts = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest}
    rows = np.setdiff1d(np.array(sorted(firsts.values()), dtype=np.int64), unreadable)
    return Patient(examples, digests, seen, tuple(near_pairs(seen.thumbnails, rows)), spec)


def examine(patient: Patient) -> tuple[Finding, ...]:
    """What every check finds, faults first."""
    found = [finding for check in CHECKS.values() for finding in check(patient)]
    return tuple(sorted(found, key=lambda finding: finding.severity))
