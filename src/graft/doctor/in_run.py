"""The checks that a run makes before anything costs, on what it has opened and split already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from graft.bank.inputs import Opened
from graft.bank.pixels import Pixels
from graft.bank.tokens import Tokens
from graft.data import Examples, Split
from graft.data.examples import TRANSLATION
from graft.data.images import PictureFacts
from graft.doctor.checks import copies, files, labels, pairs, parts, pictures, telltale_texts, texts
from graft.doctor.diagnose import (
    Check,
    PairCheck,
    PictureCheck,
    TextCheck,
    examine_pairs,
    first_of_each,
    text_patient,
)
from graft.doctor.finding import Finding, plural
from graft.doctor.inspection import SIDE, Inspection
from graft.doctor.pair_look import pair_patient
from graft.doctor.patient import Patient, PicturePatient, TextPatient, equal_pairs
from graft.doctor.similarity import near_pairs
from graft.errors import DataError
from graft.types import ByteArray

MOST_PICTURES, MOST_TEXTS = 5000, 20_000
"""Rows among which near copies are looked for: with more of them it is `graft doctor`'s work."""
AT_A_TIME = 256
SERIOUS_SHARE = 0.05
"""Of held-out rows that look like training rows, from which on it is a fault."""
POINTLESS_CONFLICTS = 0.5
IDENTIFIER_SHARE = 0.9

# Equal rows and groups on two sides of the split are told by the run itself.
CHECKS: tuple[Check, ...] = (
    copies.conflicts,
    copies.copies,
    labels.tiny_classes,
    labels.spellings,
    labels.identifiers,
    labels.imbalance,
    parts.useless_groups,
)
PICTURE_CHECKS: tuple[PictureCheck, ...] = (
    files.blank,
    pictures.tiny,
    pictures.telltale,
    pictures.marked,
)
PAIR_CHECKS: Mapping[str, PairCheck] = MappingProxyType(
    # What is left out, copied or too long is told by the run itself.
    {
        "wordless": pairs.wordless,
        "untranslated": pairs.untranslated,
        "misaligned": pairs.shifted,
        "repeated": pairs.repeated,
        "unequal-lengths": pairs.unequal,
        "mojibake": pairs.mojibake,
        "other-language": pairs.other_languages,
    }
)
TEXT_CHECKS: tuple[TextCheck, ...] = (
    texts.wordless,
    texts.mojibake,
    texts.equal_halves,
    telltale_texts.labels_inside,
    telltale_texts.words,
    telltale_texts.lengths,
    telltale_texts.languages,
    telltale_texts.cases,
)


def refuse_pointless(examples: Examples, digests: tuple[bytes, ...]) -> None:
    """Stop where a run would cost and say nothing.

    Args:
        examples: The N readable rows.
        digests: Of each.

    Raises:
        DataError: All rows are the same, most contradict each other, or labels name rows.
    """
    if examples.modality == TRANSLATION:
        return
    patient = Patient(examples, digests, (), {})
    for test in (_all_equal, _contradictory, _labels_name_rows):
        problem = test(patient)
        if problem is not None:
            raise problem


def look_before(
    examples: Examples, split: Split, opened: Opened, digests: tuple[bytes, ...]
) -> tuple[Finding, ...]:
    """What is wrong with rows that were opened and split, faults first.

    Args:
        examples: The N readable rows.
        split: Their parts.
        opened: What depth 0 reads of them.
        digests: Of each row.
    """
    names = np.full(len(examples), "train", dtype=object)
    names[split.validation], names[split.test] = "validation", "test"
    parted = replace(examples, parts=tuple(names.tolist()))
    if examples.modality == TRANSLATION:
        return examine_pairs(pair_patient(parted, digests), PAIR_CHECKS)
    patient = _patient(parted, opened, digests)
    found = [finding for check in CHECKS for finding in check(patient)]
    if isinstance(patient, PicturePatient):
        found += [finding for check in PICTURE_CHECKS for finding in check(patient)]
    if isinstance(patient, TextPatient):
        found += [finding for check in TEXT_CHECKS for finding in check(patient)]
    found += _look_alikes(patient)
    return tuple(sorted(found, key=lambda finding: finding.severity))


def sentence(finding: Finding) -> str:
    """A finding on one line, for a list of warnings."""
    shown = f" ({finding.examples[0]})" if finding.examples else ""
    return f"{finding.what}{shown}; next: {finding.next}."


def _patient(examples: Examples, opened: Opened, digests: tuple[bytes, ...]) -> Patient:
    if isinstance(opened, Tokens):
        looked = len(examples) <= MOST_TEXTS
        return text_patient(
            examples, digests, opened.counts(digests), opened.spec.max_length, near=looked
        )
    assert isinstance(opened, Pixels)
    small = np.zeros((0, SIDE, SIDE, 3), np.uint8)
    near: list[tuple[int, int]] = []
    if len(examples) <= MOST_PICTURES:
        small = _thumbnails(opened, digests)
        near = near_pairs(small, first_of_each(digests))
    seen = Inspection(
        facts=tuple(_facts(note) for note in opened.notes(digests)),
        formats=("",) * len(examples),
        several=(False,) * len(examples),
        thumbnails=small,
        faults={},
    )
    return PicturePatient(examples, digests, tuple(near), {}, seen, opened.spec)


def _facts(note: str) -> PictureFacts:
    mode, _, size = note.partition(" ")
    width, _, height = size.partition("x")
    return PictureFacts(mode, int(width), int(height))


def _thumbnails(opened: Pixels, digests: Sequence[bytes]) -> ByteArray:
    """(N, SIDE, SIDE, 3) of the pictures as the backbone will see them."""
    small = np.zeros((len(digests), SIDE, SIDE, 3), np.uint8)
    for at in range(0, len(digests), AT_A_TIME):
        pixels = opened.read(digests[at : at + AT_A_TIME]).numpy()
        small[at : at + AT_A_TIME] = _shrunk(pixels)
    return small


def _shrunk(pixels: ByteArray) -> ByteArray:
    """(N, SIDE, SIDE, 3): each cell the mean of up to 4 x 4 pixels, evenly spread over it."""
    rows, columns = (_places(side) for side in pixels.shape[2:])
    spread = pixels[:, :, rows][:, :, :, columns]
    count, channels = spread.shape[:2]
    cells = spread.reshape(count, channels, SIDE, len(rows) // SIDE, SIDE, len(columns) // SIDE)
    means = cells.mean(axis=(3, 5), dtype=np.float32).round().astype(np.uint8)
    return np.broadcast_to(means.transpose(0, 2, 3, 1), (count, SIDE, SIDE, 3))


def _places(side: int) -> list[int]:
    wanted = SIDE * max(1, min(4, side // SIDE))
    return [int((number + 0.5) * side / wanted) for number in range(wanted)]


def _look_alikes(patient: Patient) -> list[Finding]:
    """Near copies on two sides of the split, serious where they are many."""
    found = copies.near_copies_across(patient)
    if not found:
        return []
    held = [row for pair in patient.near for row in pair if patient.examples.parts[row] == "test"]
    tests = sum(part == "test" for part in patient.examples.parts)
    serious = len(set(held)) > SERIOUS_SHARE * max(1, tests)
    advice = "name what they have in common with --group, or keep one of each"
    return [replace(found[0], severity="fault" if serious else "note", next=advice)]


def _all_equal(patient: Patient) -> DataError | None:
    rows = len(patient.examples)
    if rows < 3 or len(set(patient.digests)) > 1:
        return None
    return DataError(
        f"All {rows:,} {patient.noun}s of {patient.examples.source} are equal",
        allowed=f"{patient.noun}s that differ",
        next="name another column with --input, or look at the files",
    )


def _contradictory(patient: Patient) -> DataError | None:
    pairs, marks = equal_pairs(patient.digests), patient.labels()
    torn = {row for a, b in pairs if marks[a] != marks[b] for row in (a, b)}
    rows = len(patient.examples)
    if not patient.has_classes() or rows < 10 or len(torn) < POINTLESS_CONFLICTS * rows:
        return None
    first = patient.pair_name(next((a, b) for a, b in pairs if marks[a] != marks[b]))
    return DataError(
        f"{len(torn):,} of the {rows:,} rows of {patient.examples.source} are equal to a row with "
        f"another label, such as {first}",
        allowed="one label for one content",
        next="name other columns with --input and --label, or say --task multi-label for lists",
    )


def _labels_name_rows(patient: Patient) -> DataError | None:
    if not patient.has_classes():
        return None
    counts = Counter(patient.labels())
    rows = len(patient.examples)
    if rows < 2 * labels.FEWEST or len(counts) < IDENTIFIER_SHARE * rows:
        return None
    column = patient.examples.label_column
    where = f"column '{column}'" if column else patient.examples.source
    names = plural(len(counts), "different label")
    return DataError(
        f"{names} in {rows:,} rows: {where} names rows, not classes",
        allowed="several rows of each class",
        next="name another column with --label",
    )
