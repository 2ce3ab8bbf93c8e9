"""Fine-tuning a translator on another kind of text, without any download.

    python -m benchmarks.translation PAIRS.tsv [--out FOLDER] [--results FILE.json]

A small Marian model with a vocabulary of its own is trained on one kind of lines (headings: those
without a full stop at the end) and fine-tuned on a few hundred of another kind (sentences). On
sentences that neither has seen it stands beside itself before fine-tuning, and beside the same
model trained from scratch on the few hundred alone, which trains for as many steps as help it
(early stopping decides). No test sentence has a near twin among what was trained on: lines that
share 70 % of their words are on one side only.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import graft
from benchmarks.small_marian import write_marian
from graft.model import Model
from graft.runs.folder import is_finished
from graft.types import Json

Pairs = list[tuple[str, str]]
FEW, TEST, OWN = 400, 300, 100
ALIKE = 0.7
"""Shared words of two texts, as a share of all words of both, from which they are near twins."""
MODEL: Json = {"size": 1000, "d_model": 128, "encoder_layers": 2, "decoder_layers": 2}
MODEL |= {f"{stack}_ffn_dim": 256 for stack in ("encoder", "decoder")}
MODEL |= {"dropout": 0.2, "max_position_embeddings": 128, "longest": 64}
COMMON: Json = {"task": "translation", "threads": 1, "beams": 4, "size": 64, "batch_size": 32}
COMMON |= {"label_smoothing": 0.1}
METRICS = ("bleu", "chrf")


class Parts(NamedTuple):
    """Headings to learn from, some held out, few sentences to fine-tune on, and test sentences."""

    headings: Pairs
    own: Pairs
    few: Pairs
    test: Pairs


def read(path: Path) -> Parts:
    """The parts in a fixed random order; no text, and no near twin of a test text, is in two."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    pairs = sorted({tuple(line.split("\t")[:2]) for line in lines if line.count("\t") == 1})
    found: Pairs = [(str(source), str(target)) for source, target in pairs]
    random.Random(0).shuffle(found)
    sentences = [pair for pair in found if pair[0].rstrip().endswith((".", "!", "?", "。"))]
    few = sentences[:FEW]
    known = {text for pair in sentences for text in pair}
    headings = [pair for pair in found if pair not in sentences and not known & set(pair)]
    seen = [words(source) for source, _ in few + headings]
    test = [pair for pair in sentences[FEW:] if not has_twin(words(pair[0]), seen)]
    if len(headings) < FEW or len(test) < OWN:
        raise SystemExit(f"{path}: {len(headings)} headings and {len(test)} test sentences are few")
    return Parts(headings[OWN:], headings[:OWN], few, test[:TEST])


def words(text: str) -> frozenset[str]:
    """The words of a text, without digits.

    >>> sorted(words("This package contains the Qt5 library."))
    ['contains', 'library', 'package', 'qt', 'the', 'this']
    """
    return frozenset(re.findall(r"[^\W\d_]+", text.casefold()))


def has_twin(text: frozenset[str], others: Sequence[frozenset[str]]) -> bool:
    """Whether another text has nearly the same words."""
    return any(len(text & other) >= ALIKE * len(text | other) for other in others)


def write(path: Path, pairs: Pairs) -> str:
    """A table with a header."""
    rows = [f"{source}\t{target}" for source, target in pairs]
    path.write_text("\n".join(["source\ttarget", *rows]) + "\n", encoding="utf-8")
    return str(path)


def trained(name: str, folder: Path, parts: tuple[str, str], **settings: Any) -> Model:
    """A model trained on the first and tested on the second table; an earlier call's, if any."""
    if is_finished(folder / name):
        return graft.load(folder / name)
    train, test = parts
    return graft.fit(train, test=test, out=folder / name, **COMMON, **settings)


def run(path: Path, folder: Path, epochs: int) -> Json:
    """All three models, and the verdict of the fine-tuned one."""
    parts = read(path)
    tables = {name: write(folder / f"{name}.tsv", getattr(parts, name)) for name in Parts._fields}
    lines = [text for pair in parts.headings + parts.few for text in pair]
    begun = str(write_marian(folder / "start", lines, **MODEL))
    base = trained(
        "base",
        folder,
        (tables["headings"], tables["own"]),
        backbone=begun,
        weights="random",
        lr=1e-3,
        epochs=epochs,
        validation=0.05,
    )
    few = (tables["few"], tables["test"])
    tuned = trained(
        "tuned", folder, few, backbone=str(folder / "base" / "model"), lr=5e-4, epochs=20
    )
    scratch = trained("scratch", folder, few, backbone=begun, weights="random", lr=1e-3, epochs=80)
    return {
        "pairs": {name: len(getattr(parts, name)) for name in Parts._fields},
        "base on headings": row(base),
        "before fine-tuning": figures(tuned.result["baseline"]["untuned"]),
        "from scratch on the few": row(scratch),
        "fine-tuned": row(tuned),
        "verdict": tuned.result["transfer"]["message"],
        "signatures": {metric: tuned.result["signatures"][metric] for metric in METRICS},
        "translations": [
            {key: shown[key] for key in ("text", "label", "before", "predicted")}
            for shown in [*tuned.result["best"][:3], *tuned.result["errors"][:3]]
        ],
    }


def figures(found: Json) -> Json:
    """BLEU and chrF with their intervals."""
    return {metric: found[metric] for metric in METRICS}


def row(model: Model) -> Json:
    """The figures of a model on its test part, and how long it trained."""
    result = model.result
    phase = result["plan"]["phases"][-1]
    taken = {"epochs": phase["epochs"], "seconds": round(result["seconds"]["train"])}
    return {**figures(result["metrics"]["test"]), **taken}


def table(found: Json) -> str:
    """The figures as Markdown."""
    lines = ["| on sentences | BLEU | chrF |", "| --- | --- | --- |"]
    for name in ("before fine-tuning", "from scratch on the few", "fine-tuned"):
        shown = [found[name][metric] for metric in METRICS]
        cells = [f"{f['value']:.1f} ({f['low']:.1f} to {f['high']:.1f})" for f in shown]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run, print a table, write the results."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, help="runs stay here; those that are done are kept")
    parser.add_argument("--results", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--epochs", type=int, default=30, help="of the base model")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = run(asked.pairs, folder, asked.epochs)
    if asked.results:
        text = json.dumps(found, indent=2, ensure_ascii=False)
        asked.results.write_text(text + "\n", encoding="utf-8")
    print(table(found))
    print(found["verdict"])


if __name__ == "__main__":
    main()
