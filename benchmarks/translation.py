"""Fine-tuning a translator on another kind of text, without any download.

    python -m benchmarks.translation PAIRS.tsv [--out FOLDER]

A small Marian model with a vocabulary of its own is trained on one kind of lines (headings: those
without a full stop) and fine-tuned on a few hundred of another kind (sentences). On sentences that
it has never seen it stands beside itself before fine-tuning, and beside the same model trained from
scratch on the few hundred alone, which may train as long as it likes (early stopping decides).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path

import graft
from benchmarks.small_marian import write_marian
from graft.model import Model
from graft.types import Json

Pairs = list[tuple[str, str]]
TEST, FEW = 200, 600
MODEL: Json = {"size": 2000, "d_model": 96, "encoder_layers": 2, "decoder_layers": 2}
MODEL |= {f"{stack}_ffn_dim": 256 for stack in ("encoder", "decoder")}
MODEL |= {"dropout": 0.1, "max_position_embeddings": 128, "longest": 64}
COMMON: Json = {"task": "translation", "threads": 1, "beams": 4, "size": 64, "batch_size": 32}


def read(path: Path) -> tuple[Pairs, Pairs]:
    """Headings, and sentences, in a fixed random order; no text stands on both sides."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    pairs = sorted({tuple(line.split("\t")[:2]) for line in lines if line.count("\t") == 1})
    found: Pairs = [(str(source), str(target)) for source, target in pairs]
    random.Random(0).shuffle(found)
    sentences = [pair for pair in found if pair[0].rstrip().endswith(".")]
    known = {text for pair in sentences for text in pair}
    headings = [pair for pair in found if pair not in sentences and not known & set(pair)]
    return headings, sentences


def write(path: Path, pairs: Pairs) -> str:
    """A table with a header."""
    rows = [f"{source}\t{target}" for source, target in pairs]
    path.write_text("\n".join(["source\ttarget", *rows]) + "\n", encoding="utf-8")
    return str(path)


def figures(name: str, model: Model, seconds: float) -> Json:
    """BLEU and chrF on the test sentences."""
    tested = model.result["metrics"]["test"]
    return {"name": name, "seconds": round(seconds), **{m: tested[m] for m in ("bleu", "chrf")}}


def run(path: Path, folder: Path, epochs: int) -> Json:
    """All three models, and the verdict of the fine-tuned one."""
    headings, sentences = read(path)
    test = write(folder / "test.tsv", sentences[:TEST])
    few = write(folder / "few.tsv", sentences[TEST : TEST + FEW])
    lines = [text for pair in headings + sentences[TEST : TEST + FEW] for text in pair]
    start = str(write_marian(folder / "start", lines, **MODEL))
    base = graft.fit(
        write(folder / "headings.tsv", headings),
        test=test,
        backbone=start,
        weights="random",
        lr=1e-3,
        epochs=epochs,
        out=folder / "base",
        validation=0.05,
        **COMMON,
    )
    tuned = graft.fit(
        few,
        test=test,
        backbone=str(folder / "base" / "model"),
        lr=5e-4,
        epochs=15,
        out=folder / "tuned",
        **COMMON,
    )
    scratch = graft.fit(
        few,
        test=test,
        backbone=start,
        weights="random",
        lr=1e-3,
        epochs=40,
        out=folder / "scratch",
        **COMMON,
    )
    untuned = tuned.result["baseline"]["untuned"]
    rows = [
        {"name": "before fine-tuning", "bleu": untuned["bleu"], "chrf": untuned["chrf"]},
        figures("from scratch on the few", scratch, scratch.result["seconds"]["train"]),
        figures("fine-tuned", tuned, tuned.result["seconds"]["train"]),
    ]
    return {
        "headings": len(headings),
        "few": FEW,
        "base": {**figures("base", base, base.result["seconds"]["train"])},
        "rows": rows,
        "verdict": tuned.result["transfer"]["message"],
        "signature": tuned.result["signatures"]["bleu"],
    }


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--epochs", type=int, default=12, help="of the base model")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = run(asked.pairs, folder, asked.epochs)
    print(json.dumps(found, indent=2))
    print("| sentences of another kind | BLEU | chrF |\n| --- | --- | --- |")
    for row in found["rows"]:
        cells = [
            f"{row[m]['value']:.1f} ({row[m]['low']:.1f} to {row[m]['high']:.1f})"
            for m in ("bleu", "chrf")
        ]
        print(f"| {row['name']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
