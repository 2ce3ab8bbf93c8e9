"""What `graft rank` is worth: the accuracy lost by trusting a score instead of training everything.

    python -m benchmarks.rank DATA... --backbones A B C [--weights random] [--epochs N] [--json]

Every backbone is fine-tuned (LP-FT) on every data set, which gives the truth. For each score, for
the mean rank and for the constant pick "always the largest": the top-1 regret in points of test
accuracy, and Kendall's tau with the truth.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.stats import kendalltau

import graft
from graft.selection import Candidate, Ranking
from graft.types import Json


def figures_of(candidate: Candidate) -> dict[str, float]:
    """What a pick may go by; higher is better."""
    constant = float(candidate.cost.parameters)
    return {**candidate.scores.values(), "mean_rank": -candidate.mean_rank, "largest": constant}


def truth(data: str, names: list[str], settings: Json) -> dict[str, float]:
    """Test accuracy of LP-FT on each backbone."""
    found = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            model = graft.fit(
                data, backbone=name, strategy="lp-ft", out=Path(folder) / "run", **settings
            )
        found[name] = float(model.result["metrics"]["test"]["accuracy"]["value"])
    return found


def regret(ranking: Ranking, accuracy: dict[str, float]) -> dict[str, Json]:
    """Points lost by each pick, and Kendall's tau of each figure with the truth."""
    names = [candidate.backbone for candidate in ranking.candidates]
    known = np.array([accuracy[name] for name in names])
    rows = [figures_of(candidate) for candidate in ranking.candidates]
    found: dict[str, Json] = {}
    for figure in rows[0]:
        values = np.array([row[figure] for row in rows])
        lost = 100 * float(known.max() - known[values.argmax()])
        tau = float(kendalltau(values, known).statistic) if len(names) > 1 else 1.0
        found[figure] = {"points_lost": lost, "tau": None if np.isnan(tau) else tau}
    return found


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--backbones", nargs="+", default=["bundled"])
    parser.add_argument("--weights", default="pretrained")
    parser.add_argument("--size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result: Json = {}
    for data in given.data:
        shared: Json = {"weights": given.weights, "size": given.size}
        begun = perf_counter()
        ranking = graft.rank(data, given.backbones, **shared)
        ranked = perf_counter() - begun
        names = [candidate.backbone for candidate in ranking.candidates]
        begun = perf_counter()
        accuracy = truth(data, names, {**shared, "epochs": given.epochs})
        trained = perf_counter() - begun
        result[data] = {
            "accuracy": accuracy,
            "regret": regret(ranking, accuracy),
            "rank_seconds": ranked,
            "training_seconds": trained,
        }
    if given.json:
        print(json.dumps(result))
        return
    for data, found in result.items():
        ratio = found["rank_seconds"] / found["training_seconds"]
        print(f"{data}: ranking took {ratio:.1%} of the time of training all")
        for figure, row in found["regret"].items():
            tau = "-" if row["tau"] is None else f"{row['tau']:+.2f}"
            print(f"  {figure:<10} {row['points_lost']:5.2f} points lost, tau {tau}")


if __name__ == "__main__":
    main()
