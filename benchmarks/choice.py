"""What `graft fit --budget` is worth: its test accuracy and cost beside an exhaustive grid's.

    python -m benchmarks.choice DATA... [--backbones A B] [--budget 10m] [--small] [--json]
    python -m benchmarks.sets FOLDER                # writes small sets

The grid trains every strategy at every frozen depth and rate on every backbone to the end, and is
scored on the test part: its best is an oracle that no honest choice can beat but by luck. The goal:
at most one point below it, at a tenth of its cost. The test part is the same for all, by the seed.
Beside it stand what needs no choice: always the probe, and always LP-FT. Costs are processor time,
the choice's with an empty bank and the grid's with a filled one. `--small` takes two points of the
grid, to try the script.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import graft
from graft.backbones.load import load_backbone
from graft.strategies import build_strategy
from graft.training.rates import phase_rate
from graft.types import Json

FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)


def grid(backbone: str, weights: str, size: int | None, small: bool) -> Iterator[tuple[bool, Json]]:
    """Settings of every run (the probe, then each strategy, depth and rate), and whether the rate
    is the one that needs no choice."""
    yield True, {"backbone": backbone, "strategy": "linear-probe"}
    model = load_backbone(backbone, weights=weights, size=size)
    blocks = [block.name for block in model.blocks]
    depths = sorted({max(1, len(blocks) * part // 4) for part in (1, 2, 3)})
    for strategy in ["lp-ft"] if small else ["lp-ft", "full", *(f"top-k:{k}" for k in depths)]:
        own = phase_rate(build_strategy(strategy).phases(blocks)[-1], model, "adamw")
        for factor in (1.0,) if small else FACTORS:
            settings = {"backbone": backbone, "strategy": strategy, "lr": own * factor}
            yield factor == 1.0, settings


def timed(data: str, settings: Json) -> tuple[float, float, Json]:
    """Test accuracy, processor seconds and result of one call of `graft.fit`."""
    with tempfile.TemporaryDirectory() as folder:
        begun = process_time()
        model = graft.fit(data, out=Path(folder) / "run", **settings)
        seconds = process_time() - begun
    return float(model.result["metrics"]["test"]["accuracy"]["value"]), seconds, model.result


def measure(data: str, given: argparse.Namespace) -> Json:
    """The choice first, with a bank of its own time, then the grid with the filled one."""
    shared: Json = {"weights": given.weights, "size": given.size, "epochs": given.epochs}
    shared |= {"threads": given.threads, "seed": given.seed}
    names = ",".join(given.backbones)
    chosen, cost, result = timed(data, {**shared, "backbone": names, "budget": given.budget})
    runs = []
    for name in given.backbones:
        for own, settings in grid(name, given.weights, given.size, given.small):
            accuracy, seconds, _ = timed(data, {**shared, **settings})
            runs.append({**settings, "own": own, "accuracy": accuracy, "seconds": seconds})
    best = max(runs, key=lambda run: float(run["accuracy"]))
    fixed = {
        name: max(
            (run["accuracy"] for run in runs if run["strategy"] == name and run["own"]),
            default=float("nan"),
        )
        for name in ("linear-probe", "lp-ft")
    }
    total = sum(float(run["seconds"]) for run in runs)
    return {
        "chosen": {**result["search"]["winner"], "accuracy": chosen, "seconds": cost},
        "best": best,
        "fixed": fixed,
        "tried": result["search"]["tried"],
        "points_lost": 100 * (float(best["accuracy"]) - chosen),
        "cost_ratio": cost / total,
        "grid": runs,
    }


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
        f"{len(row['grid'])} runs ({fixed})\n"
        f"  at {row['cost_ratio']:.1%} of their cost ({row['chosen']['seconds']:.0f} s of "
        f"processor time): {names[0]} was chosen, {names[1]} was best"
    )


if __name__ == "__main__":
    main()
