"""The same picture or text twice: within a part, across parts, or under two labels."""

from __future__ import annotations

from collections.abc import Sequence

from graft.doctor.finding import Finding, Severity, first, plural
from graft.doctor.patient import Pair, Patient, TextPatient, equal_pairs

EQUAL = {"picture": "equal byte by byte", "text": "equal letter by letter"}
ALIKE = {
    "picture": "look the same, apart from size, compression or brightness",
    "text": "say the same, but for case, punctuation or a few words",
}


def copies(patient: Patient) -> list[Finding]:
    """Rows that are equal byte by byte, on one side of the declared split."""
    pairs = [pair for pair in equal_pairs(patient.digests) if not _apart(patient, pair)]
    return _finding(patient, "copies", pairs, EQUAL[patient.noun], "keep one of each")


def copies_across(patient: Patient) -> list[Finding]:
    """The same on two sides of a declared split: the held-out figures would be too good."""
    pairs = [pair for pair in _equal_across(patient) if _apart(patient, pair)]
    what = f"{EQUAL[patient.noun]}, on two sides of the split"
    return _finding(patient, "copies-across", pairs, what, "remove them from one side")


def near_copies(patient: Patient) -> list[Finding]:
    """Rows that look the same, on one side of the declared split and not in one group."""
    groups = patient.examples.groups
    pairs = [
        (a, b)
        for a, b in patient.near
        if not _apart(patient, (a, b)) and (groups is None or groups[a] != groups[b])
    ]
    advice = "look at them; keep one of each, or name what they have in common with --group"
    # Texts made from one template are the rule in many good sets; pictures that look alike are not.
    severity: Severity = "note" if patient.noun == "text" else "fault"
    return _finding(patient, "near-copies", pairs, ALIKE[patient.noun], advice, severity)


def near_copies_across(patient: Patient) -> list[Finding]:
    """The same on two sides of a declared split."""
    pairs = [pair for pair in patient.near if _apart(patient, pair)]
    what = f"{ALIKE[patient.noun]}, on two sides of the split"
    return _finding(patient, "near-copies-across", pairs, what, "remove them from one side")


def conflicts(patient: Patient) -> list[Finding]:
    """The same picture or text under two labels."""
    labels = patient.labels()
    found = []
    for check, pairs in {
        "conflicting-labels": equal_pairs(patient.digests),
        "conflicting-labels-of-near-copies": patient.near,
    }.items():
        conflicting = [(a, b) for a, b in pairs if labels[a] != labels[b]]
        if not conflicting:
            continue
        shown = [f"{patient.pair_name((a, b))}: {labels[a]} / {labels[b]}" for a, b in conflicting]
        equal = check == "conflicting-labels"
        how = EQUAL[patient.noun] if equal else "that look the same"
        what = f"{plural(len(conflicting), 'pair')} of {patient.noun}s {how} bear different labels"
        rows = tuple(sorted({row for pair in conflicting for row in pair}))
        severity: Severity = "fault" if equal or _certain(patient, conflicting) else "note"
        advice = "decide which label is right"
        drop = rows if equal else ()
        found.append(Finding(check, severity, what, len(conflicting), advice, first(shown), drop))
    return found


def _certain(patient: Patient, pairs: Sequence[Pair]) -> bool:
    """Whether a pair is more than similar: one other word may well be the label's reason."""
    if not isinstance(patient, TextPatient):
        return True
    keys = patient.look.keys
    return any(keys[a] == keys[b] for a, b in pairs)


def _finding(
    patient: Patient,
    check: str,
    pairs: Sequence[Pair],
    what: str,
    advice: str,
    severity: Severity = "fault",
) -> list[Finding]:
    if not pairs:
        return []
    shown = first([patient.pair_name(pair) for pair in pairs])
    # Of exact copies the later row goes; of look-alikes a person decides.
    drop = tuple(sorted({pair[1] for pair in pairs})) if check.startswith("copies") else ()
    sentence = f"{plural(len(pairs), 'pair')} of {patient.noun}s {what}"
    return [Finding(check, severity, sentence, len(pairs), advice, shown, drop)]


def _apart(patient: Patient, pair: Pair) -> bool:
    """Whether a declared split puts the two on different sides."""
    first_part, second_part = (patient.examples.parts[row] for row in pair)
    return first_part != second_part


def _equal_across(patient: Patient) -> list[Pair]:
    """Equal pairs, each part's first copy with the first copy of every earlier part."""
    keys = [
        None if digest is None else (digest, part)
        for digest, part in zip(patient.digests, patient.examples.parts, strict=True)
    ]
    later = {row for _, row in equal_pairs(keys)}
    firsts = [None if row in later else digest for row, digest in enumerate(patient.digests)]
    return equal_pairs(firsts)
