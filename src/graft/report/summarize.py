"""Result, history and pictures become one plain dict that says all that the report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graft.report.curve_section import curves
from graft.report.data_section import data
from graft.report.depth_section import depth
from graft.report.findings_section import findings
from graft.report.headline import headline, key_figures, verdict, warnings
from graft.report.plan_section import plan
from graft.report.reading import clean, part, word
from graft.report.run_section import environment, time, usage
from graft.report.score_section import errors, metrics
from graft.report.search_section import search
from graft.report.task_section import scores
from graft.report.translation_section import is_translation, sentences
from graft.report.words import moment
from graft.types import Json


def summarize(result: Json, history: Sequence[Json], pictures: Mapping[str, bytes]) -> Json:
    """Everything that the report says, in order, as JSON values.

    Args:
        result: What `result.json` holds; parts may be missing or null.
        history: The rows of `history.jsonl`; empty where the solver was exact.
        pictures: PNG bytes by the name under which the result mentions them
            (`pictures/error-0.png`).

    Returns:
        `title`, `subtitle`, `headline`, `verdict`, `warnings`, `figures` (the key figures) and
        `sections`, each with `name`, `title` and `blocks` as `graft.report.blocks` builds them.

    >>> summarize({"labels": ["cat", "dog"]}, [], {})["verdict"]["title"]
    'Whether transfer helps was not measured'
    """
    result = clean(result)
    rows = clean(list(history))
    return {
        "title": word(part(result, "data"), "source", "a run of graft"),
        "subtitle": moment(word(result, "created")),
        "headline": headline(result),
        "verdict": verdict(result),
        "warnings": warnings(result),
        "figures": key_figures(result),
        "sections": [
            plan(result),
            *search(result),
            *depth(result),
            data(result, pictures),
            *findings(result),
            metrics(result),
            curves(result, rows),
            *scores(result),
            sentences(result) if is_translation(result) else errors(result, pictures),
            time(result),
            environment(result),
            usage(result),
        ],
    }
