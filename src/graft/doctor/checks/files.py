"""Inputs that cannot be used at all, and pictures that hold nothing."""

from __future__ import annotations

from graft.doctor.finding import Finding, first, plural
from graft.doctor.patient import Patient, PicturePatient
from graft.doctor.similarity import blank_rows

EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}


def unreadable(patient: Patient) -> list[Finding]:
    """Inputs that cannot be opened: missing, empty, truncated, damaged, too large."""
    faults = patient.faults
    if not faults:
        return []
    examples = [f"{patient.name(row)}: {reason}" for row, reason in faults.items()]
    what = f"{plural(len(faults), patient.noun)} cannot be opened"
    advice = "repair or remove them; a run sets them aside and lists them"
    return [Finding("unreadable", "fault", what, len(faults), advice, first(examples), (*faults,))]


def left_out(patient: Patient) -> list[Finding]:
    """Inputs that are no rows: files that are no pictures, empty class folders, missing labels."""
    entries = patient.examples.set_aside
    if not entries:
        return []
    examples = [f"{entry.input}: {entry.reason}" for entry in entries]
    what = f"{plural(len(entries), 'input')} cannot be used as an example"
    advice = "remove them or give them what they lack; a run leaves them out"
    return [Finding("left-out", "fault", what, len(entries), advice, first(examples))]


def blank(patient: PicturePatient) -> list[Finding]:
    """Pictures of one colour all over."""
    faults = patient.faults
    rows = [row for row in blank_rows(patient.seen.thumbnails).tolist() if row not in faults]
    if not rows:
        return []
    what = f"{plural(len(rows), 'picture')} of one colour all over"
    names = [patient.name(row) for row in rows]
    advice = "look whether something went wrong when they were made"
    return [Finding("blank", "fault", what, len(rows), advice, first(names), (*rows,))]


def misnamed(patient: PicturePatient) -> list[Finding]:
    """Files whose extension says another format than their content."""
    found = []
    for row, kind in enumerate(patient.seen.formats):
        name = patient.name(row).lower()
        dot = name.rfind(".")
        extension = name[dot:] if dot >= 0 else ""
        known = any(extension in endings for endings in EXTENSIONS.values())
        if known and extension not in EXTENSIONS.get(kind, (extension,)):
            found.append(f"{patient.name(row)} is {kind}")
    if not found:
        return []
    what = f"{plural(len(found), 'file')} of another format than the extension says"
    return [Finding("misnamed", "note", what, len(found), "nothing: content decides", first(found))]


def animated(patient: PicturePatient) -> list[Finding]:
    """Files of several frames or pages."""
    names = [patient.name(row) for row, several in enumerate(patient.seen.several) if several]
    if not names:
        return []
    what = f"{plural(len(names), 'file')} of several frames or pages, of which the first is used"
    advice = "save the frames as files of their own if they matter"
    return [Finding("several-frames", "note", what, len(names), advice, first(names))]
