"""What was done: the blocks, the phases, the audit."""

from __future__ import annotations

from graft.report import blocks
from graft.report.reading import items, number, part, records, word
from graft.report.words import ABSENT, counted, dimensions, duration, first_few, percent, whole
from graft.types import Json

_KINDS = {
    "norm": "the scales and shifts of normalisation layers",
    "bias": "the biases",
    "adapters": "low-rank adapters, which were then merged into the weights,",
}


def plan(result: Json) -> Json:
    """The section `What was done`."""
    said = " ".join(filter(None, [_sentence(result), _within(result)]))
    pieces = [blocks.text(said), *_strip(result), _phases(result), _facts(result)]
    return blocks.section("plan", "What was done", pieces)


def _sentence(result: Json) -> str:
    network = records(part(result, "plan"), "blocks")
    depth = number(result, "frozen_depth")
    if depth is None:
        return "The result does not say which blocks were frozen."
    of = f" of {counted(len(network), 'block')}" if network else ""
    trained = sum(bool(block.get("trained")) for block in network)
    if 0 < trained < len(network) - depth:
        return f"{whole(trained)}{of} trained with the head; the others stayed frozen."
    if depth == 0:
        return f"Nothing was kept frozen throughout: training reached the first block{of}."
    if network and depth >= len(network):
        return (
            f"All {counted(len(network), 'block')} of the backbone stayed frozen; "
            f"only the new head was trained."
        )
    return (
        f"The first {whole(depth)}{of} stayed frozen; the blocks after them and the head trained."
    )


def _within(result: Json) -> str:
    """Which parameters of a block that trains did so, where not all."""
    kind = _KINDS.get(word(part(result, "plan"), "part"))
    return f"In the blocks that trained, only {kind} did." if kind else ""


def _strip(result: Json) -> list[Json]:
    network = records(part(result, "plan"), "blocks")
    if not network:
        return [blocks.text("The list of blocks is not part of this result.")]
    rows = [
        [word(block, "name", ABSENT), whole(number(block, "parameters")), _state(block)]
        for block in network
    ]
    entries = [
        {
            "name": name,
            "note": f"{name}: {count} parameters, {state}",
            "trained": state == "trained",
        }
        for name, count, state in rows
    ]
    table = blocks.table("Every block", ["Block", "Parameters", "State"], rows, folded=True)
    return [blocks.strip(entries), table]


def _state(block: Json) -> str:
    return "trained" if block.get("trained") else "frozen"


def _phases(result: Json) -> Json:
    phases = records(part(result, "plan"), "phases")
    if not phases:
        return blocks.text("No phases were recorded.")
    columns = ["Phase", "Solver", "Epochs", "Best epoch", "Time", "Trained", "Note"]
    return blocks.table("Phases", columns, [_phase(phase) for phase in phases])


def _phase(phase: Json) -> list[blocks.Cell]:
    trained = [str(name) for name in items(phase, "trained")]
    return [
        word(phase, "name", ABSENT),
        word(phase, "solver", ABSENT),
        word(phase, "epochs", ABSENT),
        word(phase, "best_epoch", ABSENT),
        duration(number(phase, "seconds")),
        first_few(trained, 3) or ABSENT,
        word(phase, "note"),
    ]


def _facts(result: Json) -> Json:
    pairs = [
        ("Normalisation layers", word(part(result, "plan"), "norm", ABSENT)),
        ("Parameters", _parameters(part(result, "parameters"))),
        ("Audit of frozen weights", _audit(part(result, "audit"))),
        ("Preprocessing", _preprocess(part(result, "preprocess"))),
    ]
    return blocks.facts(pairs)


def _parameters(parameters: Json) -> str:
    total, trainable = number(parameters, "total"), number(parameters, "trainable")
    if total is None or trainable is None:
        return "not recorded"
    share = f" ({percent(trainable / total)})" if total else ""
    return f"{whole(trainable)} of {whole(total)} trained{share}"


def _audit(audit: Json) -> str:
    drift = number(audit, "drift_bytes")
    if drift is None:
        return "not made"
    frozen = [str(name) for name in items(audit, "frozen")]
    moved = [str(name) for name in items(audit, "moved")]
    kept = f"{counted(len(frozen), 'frozen block')} ({first_few(frozen)})" if frozen else "nothing"
    where = f"moved: {first_few(moved)}" if moved else "nothing in the backbone moved"
    return f"{counted(drift, 'byte')} drifted; kept: {kept}; {where}"


def _preprocess(fields: Json) -> str:
    if not fields:
        return "not recorded"
    if word(fields, "modality") == "translation":
        return _pairs(fields)
    if word(fields, "modality") == "text":
        return _texts(fields)
    said = [
        f"{dimensions(items(fields, 'size'))} pixels",
        f"{word(fields, 'crop_mode', 'crop')} {word(fields, 'crop_pct')}".strip(),
        word(fields, "interpolation"),
        word(fields, "channel_order"),
        f"mean {_numbers(fields, 'mean')}",
        f"std {_numbers(fields, 'std')}",
    ]
    return ", ".join(item for item in said if item)


def _texts(fields: Json) -> str:
    """How texts are prepared, and how their tokens become one row of features."""
    said = [
        f"at most {whole(number(fields, 'max_length'))} tokens",
        f"longer texts: {word(fields, 'long')}",
        f"pooling: {word(fields, 'pooling')}",
    ]
    return ", ".join(said)


def _pairs(fields: Json) -> str:
    """How texts that are translated are prepared."""
    source, target = (word(fields, f"{side}_language") for side in ("source", "target"))
    said = [
        f"at most {whole(number(fields, 'max_source'))} tokens",
        f"prefix “{word(fields, 'prefix')}”" if word(fields, "prefix") else "no prefix",
        f"from {source} to {target}" if source and target else "",
    ]
    return ", ".join(item for item in said if item)


def _numbers(fields: Json, name: str) -> str:
    values = [value for value in items(fields, name) if isinstance(value, int | float)]
    return " / ".join(f"{value:.3f}" for value in values) or ABSENT
