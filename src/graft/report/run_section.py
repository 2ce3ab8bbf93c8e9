"""The run itself: where the time went, what it ran on, and what to do next."""

from __future__ import annotations

import shlex

from graft.report import blocks
from graft.report.headline import verdict_kind
from graft.report.reading import number, part, records, word
from graft.report.words import counted, duration, moment, noun, sentence_case, size, whole
from graft.types import Json


def time(result: Json) -> Json:
    """The section `Where the time went`."""
    seconds = part(result, "seconds")
    spent = {name: number(seconds, name) or 0.0 for name in seconds if name != "total"}
    total = number(seconds, "total")
    pieces = [blocks.text(_bank(part(result, "bank"))), *_checkpoints(result)]
    if not seconds or total is None:
        pieces.insert(0, blocks.text("The time was not measured."))
        return blocks.section("time", "Where the time went", pieces)
    spent["everything else"] = max(total - sum(spent.values()), 0.0)
    rows: list[list[blocks.Cell]] = [
        [
            _STEPS.get(name, sentence_case(name)),
            blocks.bar(duration(value), value / total if total else 0.0),
        ]
        for name, value in spent.items()
    ]
    pieces.insert(0, blocks.table(f"{duration(total)} in all", ["Step", "Time"], rows))
    return blocks.section("time", "Where the time went", pieces)


_STEPS = {
    "load": "Reading the data and the backbone",
    "prefix": "Frozen blocks, once per input",
    "train": "Training",
    "evaluate": "Evaluation",
}


def _bank(bank: Json) -> str:
    rows = number(bank, "rows")
    if rows is None:
        return "The bank of frozen outputs was not used."
    hits, computed = number(bank, "hits") or 0, number(bank, "computed") or 0
    return (
        f"The bank of frozen outputs was asked for {counted(rows, 'row')}: {counted(hits, 'row')} "
        f"stood in it, {counted(computed, 'row')} were computed; "
        f"{size(number(bank, 'bytes'))} read."
    )


def _checkpoints(result: Json) -> list[Json]:
    """How many there were, what they cost, and where the run was taken up."""
    counts = part(result, "checkpoints")
    written = number(counts, "written")
    if written is None:
        return []
    cost = duration(number(counts, "seconds"))
    lines = [f"{counted(written, 'checkpoint')} written, in {cost}." if written else ""]
    places = [_place(entry) for entry in records(counts, "taken_up")]
    if places:
        often = counted(len(places), "time")
        lines.append(f"The run was stopped and taken up {often}: {'; '.join(places)}.")
    told = " ".join(line for line in lines if line)
    return [blocks.text(told or "The run was over before a checkpoint was due.")]


def _place(entry: Json) -> str:
    epoch = number(entry, "epoch")
    phase = word(entry, "phase")
    where = f"in phase {phase}" if phase else "after the last phase"
    if epoch is not None:
        where += f", epoch {whole(epoch)}, after step {whole(number(entry, 'step'))}"
    when = moment(word(entry, "at"))
    return f"{where} ({when})" if when else where


def environment(result: Json) -> Json:
    """The section `Environment`."""
    named = (
        ("Seed", "seed"),
        ("Engine", "engine"),
        ("Precision", "precision"),
        ("Data fingerprint", "data_fingerprint"),
        ("Task", "task"),
        ("Written", "created"),
    )
    pairs = [(title, word(result, key)) for title, key in named if word(result, key)]
    seal = word(part(result, "model"), "seal")
    pairs += [("Seal of the model", seal)] if seal else []
    versions = {"graft": word(result, "graft", "not recorded"), **part(result, "versions")}
    pairs += [(name, str(version)) for name, version in versions.items()]
    recipe = part(result, "recipe")
    last = (
        blocks.code("The whole recipe", "yaml", _yaml(recipe), folded=True)
        if recipe
        else blocks.text("The recipe is not part of this result.")
    )
    return blocks.section("environment", "Environment", [blocks.facts(pairs), last])


def _yaml(recipe: Json) -> str:
    import yaml

    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=88)


def usage(result: Json) -> Json:
    """The section `Using the model`: snippets to copy, and the next commands."""
    run = word(result, "run", "RUN")
    example = _EXAMPLES[noun(result)]
    own = f'import graft\n\nmodel = graft.load("{_quoted(run)}")\nmodel.predict(["{example}"])'
    pieces = [blocks.code("With graft", "python", own)]
    native = word(part(result, "model"), "load")
    if native:
        form = word(part(result, "model"), "format", "native")
        pieces.append(blocks.code(f"Without graft (format: {form})", "python", native))
    else:
        pieces.append(blocks.text("This result names no way to open the model without graft."))
    pieces.append(blocks.code("What to try next", "sh", "\n".join(_commands(result, run))))
    return blocks.section("usage", "Using the model", pieces)


_EXAMPLES = {"image": "picture.jpg", "text": "A text.", "pair": "A text."}
_OTHERS = {
    "image": "resnet50",
    "text": "bert-base-uncased",
    "pair": "Helsinki-NLP/opus-mt-en-de --task translation",
}


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _commands(result: Json, run: str) -> list[str]:
    folder = shlex.quote(run)
    source = word(part(result, "data"), "source")
    data = shlex.quote(source) if source else "DATA"
    seed = int(number(result, "seed") or 0) + 1
    again = f"{data} --recipe {shlex.quote(run + '/recipe.yaml')} --seed {seed}"
    example = shlex.quote(_EXAMPLES[noun(result)])
    commands = [
        f"# one row per input\ngraft predict {folder} {example}",
        f"# figures on data that it has never seen\ngraft evaluate {folder} NEW_DATA",
        f"# how much of it is luck\ngraft fit {again}",
    ]
    if verdict_kind(result) != "helps":
        other = f"graft fit {data} --backbone {_OTHERS[noun(result)]}"
        commands.append(f"# another backbone may transfer better\n{other}")
    if number(part(result, "counts"), "set_aside") and noun(result) != "pair":
        commands.append(f"# why inputs were set aside\ngraft doctor {data}")
    return commands
