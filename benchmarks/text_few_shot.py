"""Few labelled texts: graft's strategies beside logistic regression on sentence embeddings.

    python -m benchmarks.text_few_shot [--shots 4 16 64] [--seeds 3] [--table TEXTS.csv]
        [--setfit] [--setfit-iterations 20]

Descriptions of packages with their archive section (or any table with the columns text, label and
group); a third of the groups is the test part, the same for all seeds, and the labelled texts of
each class are drawn anew by every seed. The yardstick is scikit-learn's logistic regression at its
defaults on MiniLM's mean-pooled embeddings of unit length, as users of sentence-transformers do it.
With `--setfit` SetFit at its defaults trains in an environment of its own (made by the first such
run); its pairs grow with the square of the texts, unless `--setfit-iterations` says how many like
and unlike ones it draws for each text. Figures are means over seeds with their standard error, and
processor seconds, start-up and test included for SetFit as for graft. Every draw is told on
standard error as soon as it is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import graft
from benchmarks.speed.environments import REPOSITORY, interpreter, set_up
from graft.backbones.text_names import minilm_folder
from graft.demo_text import SAMPLE, few_texts

Scores = tuple[float, float]
"""Accuracy and log loss."""
Figures = tuple[float, float, float]
"""The same, and seconds of processor time."""


def embeddings(table: Path) -> Scores:
    """Logistic regression on embeddings."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    features = graft.features(str(table), input="text", backbone="minilm")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = np.array([row["label"] for row in rows])
    test = np.array([row["split"] == "test" for row in rows])
    model = LogisticRegression(max_iter=1000).fit(features[~test], labels[~test])
    probabilities = model.predict_proba(features[test])
    right = model.classes_[probabilities.argmax(axis=1)] == labels[test]
    return float(right.mean()), float(log_loss(labels[test], probabilities, labels=model.classes_))


def strategy(name: str, validation: float) -> Callable[[Path], Scores]:
    """One command of graft."""

    def run(table: Path) -> Scores:
        model = graft.fit(
            str(table),
            input="text",
            group="group",
            backbone="minilm",
            strategy=name,
            validation=validation,
            out=table.parent / name,
        )
        tested = model.result["metrics"]["test"]
        return tested["accuracy"]["value"], tested["log_loss"]["value"]

    return run


def setfit(table: Path, iterations: int | None = None) -> Figures:
    """SetFit in a process and an environment of its own."""
    command = [str(interpreter("setfit")), "-m", "benchmarks.speed.peers.setfit_texts"]
    command += ["--table", str(table), "--model", str(minilm_folder())]
    command += ["--iterations", str(iterations)] if iterations else []
    done = subprocess.run(command, check=True, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["accuracy"], found["log_loss"], found["processor_seconds"]


def timed(run: Callable[[Path], Scores]) -> Callable[[Path], Figures]:
    """What runs in this process, with its processor time."""

    def measured(table: Path) -> Figures:
        begun = process_time()
        return (*run(table), process_time() - begun)

    return measured


CONTENDERS: Mapping[str, Callable[[Path], Figures]] = {
    "embeddings + LR": timed(embeddings),
    "graft linear-probe": timed(strategy("linear-probe", 0.0)),
    "graft contrastive": timed(strategy("contrastive", 0.0)),
    "graft lp-ft": timed(strategy("lp-ft", 0.2)),
}


SETFIT = "SetFit"


def measured(
    contenders: Mapping[str, Callable[[Path], Figures]],
    rows: list[dict[str, str]],
    shots: int,
    seed: int,
) -> dict[str, Figures]:
    """The figures of every contender on one draw."""
    found = {}
    for name, run in contenders.items():
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "texts.csv"
            with table.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, ["text", "label", "group", "split"])
                writer.writeheader()
                writer.writerows(few_texts(rows, shots, seed))
            found[name] = run(table)
        accuracy, loss, seconds = found[name]
        print(
            f"{shots} a class, draw {seed}, {name}: {accuracy:.3f} {loss:.3f} {seconds:.1f} s",
            file=sys.stderr,
            flush=True,
        )
    return found


def main() -> None:
    """Print a line for each number of labelled texts and contender."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shots", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", type=Path, default=SAMPLE)
    parser.add_argument("--setfit", action="store_true", help="SetFit too")
    parser.add_argument("--setfit-iterations", type=int)
    parser.add_argument("--only", nargs="+", help="these contenders", choices=[*CONTENDERS, SETFIT])
    given = parser.parse_args()
    names = given.only or [*CONTENDERS, *([SETFIT] if given.setfit else [])]
    if SETFIT in names:
        set_up("setfit")
    peer = partial(setfit, iterations=given.setfit_iterations)
    everyone: Mapping[str, Callable[[Path], Figures]] = {**CONTENDERS, SETFIT: peer}
    contenders = {name: everyone[name] for name in names}
    with given.table.open(encoding="utf-8", newline="") as file:
        rows = [
            {key: row[key] for key in ("text", "label", "group")} for row in csv.DictReader(file)
        ]
    for shots in given.shots:
        draws = [measured(contenders, rows, shots, seed) for seed in range(given.seeds)]
        for name in contenders:
            figures = np.array([draw[name] for draw in draws])
            error = figures.std(axis=0, ddof=1 if len(draws) > 1 else 0) / np.sqrt(len(draws))
            accuracy, loss, seconds = figures.mean(axis=0)
            print(
                f"{shots:>3} a class  {name:<20} accuracy {accuracy:.3f} +- {error[0]:.3f}   "
                f"log loss {loss:.3f} +- {error[1]:.3f}   {seconds:6.1f} s of processor time",
                flush=True,
            )


if __name__ == "__main__":
    main()
