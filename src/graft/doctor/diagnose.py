"""The examination: every check in the tables, on one data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from graft.backbones.backbone import Backbone
from graft.backbones.seq2seq import Seq2SeqBackbone
from graft.backbones.text import TextBackbone
from graft.data import Examples
from graft.doctor.checks import copies, files, labels, pairs, parts, pictures, telltale_texts, texts
from graft.doctor.finding import Finding
from graft.doctor.inspection import inspect
from graft.doctor.pair_look import PairPatient, count_tokens, pair_patient
from graft.doctor.patient import Patient, PicturePatient, TextPatient
from graft.doctor.similarity import near_pairs
from graft.doctor.text_look import look_at_texts
from graft.doctor.text_similarity import near_texts
from graft.doctor.token_counts import token_counts
from graft.errors import DataError
from graft.progress import Progress
from graft.types import IntArray, PreprocessSpec

Check = Callable[[Patient], list[Finding]]
PictureCheck = Callable[[PicturePatient], list[Finding]]
TextCheck = Callable[[TextPatient], list[Finding]]
PairCheck = Callable[[PairPatient], list[Finding]]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "unreadable": files.unreadable,
        "left-out": files.left_out,
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
        "imbalance": labels.imbalance,
        "small-test": parts.small_test,
    }
)
"""Of pictures and texts alike."""

PICTURE_CHECKS: Mapping[str, PictureCheck] = MappingProxyType(
    {
        "blank": files.blank,
        "tiny-pictures": pictures.tiny,
        "telltale": pictures.telltale,
        "telltale-place": pictures.marked,
        "elongated": pictures.elongated,
        "enlarged": pictures.enlarged,
        "mixed-modes": pictures.mixed_modes,
        "misnamed": files.misnamed,
        "several-frames": files.animated,
    }
)

TEXT_CHECKS: Mapping[str, TextCheck] = MappingProxyType(
    {
        "wordless": texts.wordless,
        "mojibake": texts.mojibake,
        "label-in-text": telltale_texts.labels_inside,
        "telltale-word": telltale_texts.words,
        "telltale-length": telltale_texts.lengths,
        "telltale-language": telltale_texts.languages,
        "telltale-case": telltale_texts.cases,
        "equal-halves": texts.equal_halves,
        "too-long": texts.too_long,
        "markup": texts.markup,
    }
)


PAIR_CHECKS: Mapping[str, PairCheck] = MappingProxyType(
    {
        "left-out": files.left_out,
        "wordless": pairs.wordless,
        "untranslated": pairs.untranslated,
        "misaligned": pairs.shifted,
        "repeated": pairs.repeated,
        "unequal-lengths": pairs.unequal,
        "copies": pairs.copies,
        "sides-across": pairs.sides_across,
        "mojibake": pairs.mojibake,
        "other-language": pairs.other_languages,
        "several-translations": pairs.several,
        "too-long": pairs.too_long,
        "markup": pairs.markup,
    }
)
"""Of texts with translations, to which none of the others apply."""


def look_at(examples: Examples, backbone: Backbone | None, progress: Progress) -> Patient:
    """Open every row and compare them all.

    Args:
        examples: All rows of the source.
        backbone: Whose preprocessing counts; of the same kind as the rows. Pairs need none.
        progress: Told about every row.
    """
    if backbone is None:
        return pair_patient(examples, examples.digests())
    if isinstance(backbone, Seq2SeqBackbone):
        tokens = count_tokens(examples.texts, backbone, progress)
        longest = (backbone.spec.max_source, backbone.spec.max_target)
        return pair_patient(examples, examples.digests(), tokens, longest)
    if isinstance(backbone, TextBackbone):
        tokens = token_counts(examples.texts, backbone, progress)
        return text_patient(examples, examples.digests(), tokens, backbone.spec.max_length)
    if not isinstance(backbone.spec, PreprocessSpec):  # pragma: no cover - there are two kinds
        raise DataError(f"A backbone of {backbone.modality}s cannot be looked at")
    return _picture_patient(examples, backbone.spec, progress)


def _picture_patient(examples: Examples, spec: PreprocessSpec, progress: Progress) -> Patient:
    digests = examples.digests()
    seen = inspect(examples.pictures, progress)
    unreadable = np.array(list(seen.faults), dtype=np.int64)
    rows = np.setdiff1d(first_of_each(digests), unreadable)
    near = tuple(near_pairs(seen.thumbnails, rows))
    return PicturePatient(examples, digests, near, seen.faults, seen, spec)


def text_patient(
    examples: Examples,
    digests: tuple[bytes | None, ...],
    tokens: IntArray,
    longest: int,
    *,
    near: bool = True,
) -> TextPatient:
    """Texts with what is to be known of them.

    Args:
        examples: N texts.
        digests: Of each.
        tokens: (N,) tokens of each.
        longest: Tokens that the backbone reads.
        near: Whether near copies are looked for.
    """
    look = look_at_texts(examples.texts, tokens, longest)
    firsts = first_of_each(digests)
    keys = [look.keys[row] for row in firsts.tolist()]
    pairs = near_texts(keys, [examples.parts[row] for row in firsts.tolist()]) if near else []
    found = tuple((int(firsts[a]), int(firsts[b])) for a, b in pairs)
    return TextPatient(examples, digests, found, {}, look)


def first_of_each(digests: Sequence[bytes | None]) -> IntArray:
    """Of equal rows one stands for all: the others are reported as copies."""
    firsts = {digest: row for row, digest in reversed(list(enumerate(digests))) if digest}
    return np.array(sorted(firsts.values()), dtype=np.int64)


def examine_pairs(patient: PairPatient, checks: Mapping[str, PairCheck]) -> tuple[Finding, ...]:
    """What the checks find of texts and their translations, faults first."""
    found = [finding for check in checks.values() for finding in check(patient)]
    return tuple(sorted(found, key=lambda finding: finding.severity))


def examine(patient: Patient) -> tuple[Finding, ...]:
    """What every check finds, faults first."""
    if isinstance(patient, PairPatient):
        return examine_pairs(patient, PAIR_CHECKS)
    found = [finding for check in CHECKS.values() for finding in check(patient)]
    if isinstance(patient, PicturePatient):
        found += [f for picture_check in PICTURE_CHECKS.values() for f in picture_check(patient)]
    if isinstance(patient, TextPatient):
        found += [f for text_check in TEXT_CHECKS.values() for f in text_check(patient)]
    return tuple(sorted(found, key=lambda finding: finding.severity))
