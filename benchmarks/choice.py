"""What `graft fit --budget` is worth: its test accuracy and cost beside an exhaustive grid's.

    python -m benchmarks.choice DATA... [--backbones A B] [--budget 10m] [--grids FOLDER] [--json]
    python -m benchmarks.sets FOLDER                # writes small sets

The grid trains every strategy at every frozen depth and rate on every backbone to the end, and is
scored on the test part: its best is an oracle that no honest choice can beat but by luck. The goal:
at most one point below it, at a tenth of its cost. The test part is the same for all, by the seed.
The best of many runs on the rows that it is scored on is also the luckiest, so a second figure
takes the grid's best by one half of the test rows and scores it on the other, over many halvings.
What is truly the best lies between the two.
Beside it stand what needs no choice: always the probe, and always LP-FT. Costs are processor time,
the choice's with an empty bank and the grid's with a filled one. `--grids` keeps every run of the
grid in a file for each data set, and trains only what is not there, so that another search can be
compared with the same grid. `--small` takes two points of the grid, to try the script.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time

import numpy as np

import graft
from graft.backbones.load import load_backbone, modality_of
from graft.data import read
from graft.strategies import build_strategy
from graft.training.rates import phase_rate
from graft.types import Json

FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)
HALVINGS = 200
SHARED = ("weights", "size", "epochs", "threads", "seed", "input", "label")


def grid(
    backbone: str, weights: str, size: int | None, factors: Sequence[float], small: bool
) -> Iterator[tuple[bool, Json]]:
    """Settings of every run (the probe, then each strategy, depth and rate), and whether the rate
    is the one that needs no choice."""
    yield True, {"backbone": backbone, "strategy": "linear-probe"}
    model = load_backbone(backbone, weights=weights, size=size)
    blocks = [block.name for block in model.blocks]
    depths = sorted({max(1, len(blocks) * part // 4) for part in (1, 2, 3)})
    of_texts = ["contrastive"] if modality_of(backbone) == "text" else []
    names = ["lp-ft", "full", *(f"top-k:{k}" for k in depths), *of_texts]
    for strategy in names[:1] if small else names:
        descents = [p for p in build_strategy(strategy).phases(blocks) if p.solver == "gradient"]
        own = phase_rate(descents[-1], model, "adamw")
        for factor in factors:
            settings = {"backbone": backbone, "strategy": strategy, "lr": own * factor}
            yield factor == 1.0, settings


def timed(data: str, settings: Json) -> Json:
    """Accuracy, right rows of the test part, processor seconds and result of one `graft.fit`."""
    with tempfile.TemporaryDirectory() as folder:
        begun = process_time()
        model = graft.fit(data, out=Path(folder) / "run", **settings)
        seconds = process_time() - begun
    accuracy = float(model.result["metrics"]["test"]["accuracy"]["value"])
    right = right_rows(model, data, settings)
    return {"accuracy": accuracy, "right": right, "seconds": seconds, "result": model.result}


def right_rows(model: graft.Model, data: str, settings: Json) -> list[int]:
    """1 or 0 for every row of the declared test part."""
    examples = read(data, input=settings.get("input"), label=settings.get("label"))
    rows = np.flatnonzero([part == "test" for part in examples.parts])
    tested = examples.take(rows).with_tasks(model.tasks)
    answers, _ = model.probabilities(tested)
    return [int(hit) for hit in answers.argmax(axis=1) == tested.targets]


def measure(data: str, given: argparse.Namespace) -> Json:
    """The choice with an empty bank, then what is missing of the grid with the filled one."""
    shared: Json = {name: getattr(given, name) for name in SHARED}
    bank = os.environ.get("GRAFT_CACHE")
    with tempfile.TemporaryDirectory() as empty:
        os.environ["GRAFT_CACHE"] = empty
        names = ",".join(given.backbones)
        chosen = timed(data, {**shared, "backbone": names, "budget": given.budget})
    os.environ.pop("GRAFT_CACHE")
    os.environ |= {"GRAFT_CACHE": bank} if bank else {}
    return compared(chosen, whole_grid(data, given, shared))


def whole_grid(data: str, given: argparse.Namespace, shared: Json) -> list[Json]:
    """Every run of the grid, from the file as far as it is there."""
    file = given.grids / f"{Path(data).stem}.json" if given.grids else None
    known = json.loads(file.read_text()) if file and file.exists() else []
    done = {key_of(run): run for run in known}
    runs = []
    factors = (1.0,) if given.small else given.factors
    for name in given.backbones:
        for own, point in grid(name, given.weights, given.size, factors, given.small):
            settings = {**shared, **point}
            run = done.get(key_of({"settings": settings}))
            if run is None:
                found = timed(data, settings)
                validation = found.pop("result")["metrics"]["validation"]
                run = {"settings": settings, "own": own, **found, "validation": validation}
                known.append(run)
                if file:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(json.dumps(known, indent=1))
            runs.append(run)
    return runs


def key_of(run: Json) -> str:
    """What a run of the grid is known by."""
    return json.dumps(run["settings"], sort_keys=True)


def compared(chosen: Json, runs: list[Json]) -> Json:
    """The choice beside the grid's best, and beside what needs no choice."""
    search = chosen["result"]["search"]
    best = max(runs, key=lambda run: float(run["accuracy"]))
    fixed = {
        name: max(
            (run["accuracy"] for run in runs if run["settings"]["strategy"] == name and run["own"]),
            default=float("nan"),
        )
        for name in ("linear-probe", "lp-ft")
    }
    return {
        "chosen": {
            **search["winner"],
            "accuracy": chosen["accuracy"],
            "seconds": chosen["seconds"],
        },
        "best": {**best["settings"], **best},
        "fixed": fixed,
        "tried": search["tried"],
        "points_lost": 100 * (float(best["accuracy"]) - chosen["accuracy"]),
        "points_lost_on_other_rows": 100 * lost_on_other_rows(chosen["right"], runs),
        "cost_ratio": chosen["seconds"] / sum(float(run["seconds"]) for run in runs),
        "grid": runs,
    }


def lost_on_other_rows(chosen: Sequence[int], runs: list[Json]) -> float:
    """Accuracy that the grid's best by half of the test rows has above the chosen on the rest."""
    right = np.array([run["right"] for run in runs], dtype=np.float64)
    apart = right - np.array(chosen)
    rng, found = np.random.default_rng(0), []
    for _ in range(HALVINGS):
        rows = np.array_split(rng.permutation(right.shape[1]), 2)
        for judging, scored in (rows, rows[::-1]):
            best = right[:, judging].mean(axis=1).argmax()
            found.append(apart[best, scored].mean())
    return float(np.mean(found))


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--backbones", nargs="+", default=["bundled"])
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--input")
    parser.add_argument("--label")
    parser.add_argument("--grids", type=Path)
    parser.add_argument("--factors", nargs="+", type=float, default=FACTORS)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for data in given.data:
        found[data] = measure(data, given)
        if not given.json:
            print(lines(data, found[data]), flush=True)
    if given.json:
        print(json.dumps(found))


def lines(data: str, row: Json) -> str:
    """What came of one data set."""
    fixed = ", ".join(
        f"always {name} {100 * (row['best']['accuracy'] - accuracy):+.2f}"
        for name, accuracy in row["fixed"].items()
    )
    names = [
        f"{row[which]['strategy']} ({row[which]['accuracy']:.1%})" for which in ("chosen", "best")
    ]
    return (
        f"{Path(data).name}: {row['points_lost']:+.2f} points below the best of "
        f"{len(row['grid'])} runs, {row['points_lost_on_other_rows']:+.2f} with the best by other "
        f"rows ({fixed})\n"
        f"  at {row['cost_ratio']:.1%} of their cost ({row['chosen']['seconds']:.0f} s of "
        f"processor time): {names[0]} was chosen, {names[1]} was best"
    )


if __name__ == "__main__":
    main()
