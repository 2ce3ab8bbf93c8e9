"""What a look at the rows found before anything was trained."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import items, number, records, word
from graft.report.words import ABSENT, whole
from graft.types import Json

SEVERITIES = {"fault": "Fault", "note": "Note"}


def findings(result: Json) -> list[Json]:
    """The section `A look at the data`, where a run took one."""
    if not isinstance(result.get("findings"), list):
        return []
    found = records(result, "findings")
    if not found:
        pieces = [blocks.text("Copies, labels, sizes and what may give a label away: all well.")]
    else:
        columns = ["Check", "Kind", "Count", "What was found", "Such as", "Next step"]
        told = (
            "A fault makes the model or its figures worse; a note is good to know. graft doctor "
            "looks closer."
        )
        pieces = [
            blocks.text(told),
            blocks.table("Findings", columns, [_row(finding) for finding in found]),
        ]
    return [blocks.section("findings", "A look at the data", pieces)]


def _row(finding: Json) -> list[blocks.Cell]:
    severity = word(finding, "severity")
    examples = items(finding, "examples")
    return [
        word(finding, "check", ABSENT),
        SEVERITIES.get(severity, severity or ABSENT),
        whole(number(finding, "count")),
        word(finding, "what", ABSENT),
        str(examples[0]) if examples else ABSENT,
        word(finding, "next", ABSENT),
    ]
