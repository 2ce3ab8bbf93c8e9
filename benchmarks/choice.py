"""What `graft fit --budget` is worth: its test accuracy and cost beside an exhaustive grid's.

    python -m benchmarks.choice DATA... [--backbones A B] [--budget 10m] [--small] [--json]

The grid trains every strategy at every frozen depth and rate on every backbone to the end, and is
scored on the test part: its best is an oracle that no honest choice can beat but by luck. The goal:
at most one point below it, at a tenth of its cost. The test part is the same for all, by the seed.
`--small` takes two points of the grid, to try the script.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import graft
from graft.backbones.load import load_backbone
from graft.strategies import build_strategy
from graft.training.rates import phase_rate
from graft.types import Json

FACTORS = (1 / 9, 1 / 3, 1.0, 3.0, 9.0)


def grid(backbone: str, weights: str, size: int | None, small: bool) -> Iterator[Json]:
    """Settings of every run: the probe, then each strategy, depth and rate."""
    yield {"backbone": backbone, "strategy": "linear-probe"}
    model = load_backbone(backbone, weights=weights, size=size)
    blocks = [block.name for block in model.blocks]
    depths = sorted({max(1, len(blocks) * part // 4) for part in (1, 2, 3)})
    for strategy in ["lp-ft"] if small else ["lp-ft", "full", *(f"top-k:{k}" for k in depths)]:
        own = phase_rate(build_strategy(strategy).phases(blocks)[-1], model, "adamw")
        for factor in (1.0,) if small else FACTORS:
            yield {"backbone": backbone, "strategy": strategy, "lr": own * factor}


def timed(data: str, settings: Json) -> tuple[float, float, Json]:
    """Test accuracy, seconds and result of one call of `graft.fit`."""
    with tempfile.TemporaryDirectory() as folder:
        begun = perf_counter()
        model = graft.fit(data, out=Path(folder) / "run", **settings)
        seconds = perf_counter() - begun
    return float(model.result["metrics"]["test"]["accuracy"]["value"]), seconds, model.result


def measure(data: str, given: argparse.Namespace) -> Json:
    """The choice first, with a bank of its own time, then the grid with the filled one."""
    shared: Json = {"weights": given.weights, "size": given.size, "epochs": given.epochs}
    names = ",".join(given.backbones)
    chosen, cost, result = timed(data, {**shared, "backbone": names, "budget": given.budget})
    runs = []
    for name in given.backbones:
        for settings in grid(name, given.weights, given.size, given.small):
            accuracy, seconds, _ = timed(data, {**shared, **settings})
            runs.append({**settings, "accuracy": accuracy, "seconds": seconds})
    best = max(runs, key=lambda run: float(run["accuracy"]))
    total = sum(float(run["seconds"]) for run in runs)
    return {
        "chosen": {**result["search"]["winner"], "accuracy": chosen, "seconds": cost},
        "best": best,
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
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {data: measure(data, given) for data in given.data}
    if given.json:
        print(json.dumps(found))
        return
    for data, row in found.items():
        lost, ratio = row["points_lost"], row["cost_ratio"]
        print(f"{data}: {lost:+.2f} points below the best of {len(row['grid'])} runs")
        names = [row[which]["strategy"] for which in ("chosen", "best")]
        print(f"  at {ratio:.1%} of their cost: {names[0]} was chosen, {names[1]} was best")


if __name__ == "__main__":
    main()
