"""What self-rescue is worth: fine-tuning from a rate 30 times too high, beside the tuned rate.

    python -m benchmarks.rescue DATA --pretrained FOLDER [--texts TABLE] [--strategies full lp-ft]

Six families: the bundled backbone, MiniLM (on the texts), and ResNet, MobileNet, ConvNeXt and ViT
as `benchmarks.pretrained` makes them. For each, the tuned rate is the best of a third of, once and
three times the family's own, by test accuracy. Then 30 times that rate: the goal is at least 95 %
of the tuned accuracy in at most 1.2 times the training time (processor time of the phases).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import graft
from benchmarks.pretrained import prepare
from graft.backbones.load import load_backbone
from graft.strategies import build_strategy
from graft.training.rates import phase_rate
from graft.types import Json

FACTORS = (1 / 3, 1.0, 3.0)
TOO_HIGH = 30.0
GOAL, DEARER = 0.95, 1.2


def own_rate(backbone: str, strategy: str, size: int | None) -> float:
    """What the last phase takes when no rate is given."""
    model = load_backbone(backbone, size=size)
    phases = build_strategy(strategy).phases([block.name for block in model.blocks])
    return phase_rate(phases[-1], model, "adamw")


def trained(data: str, settings: Json, lr: float) -> Json:
    """Accuracy, processor seconds and rescues of one run."""
    with tempfile.TemporaryDirectory() as folder:
        begun = process_time()
        result = graft.fit(data, lr=lr, out=Path(folder) / "run", **settings).result
        seconds = process_time() - begun
    phases = result["plan"]["phases"]
    return {
        "lr": lr,
        "accuracy": float(result["metrics"]["test"]["accuracy"]["value"]),
        "seconds": seconds,
        "epochs": sum(phase["epochs"] or 0 for phase in phases),
        "rescues": [line for line in result["warnings"] if "back to step" in line],
    }


def measured(data: str, settings: Json, given: argparse.Namespace) -> Iterator[Json]:
    """One row for each strategy."""
    for strategy in given.strategies:
        own = own_rate(settings["backbone"], strategy, settings.get("size"))
        shared = {**settings, "strategy": strategy, "views": 1, "patience": 1000}
        trained(data, {**shared, "epochs": 1}, own)  # fills the bank and warms up
        tuned = max(
            (trained(data, shared, own * factor) for factor in FACTORS),
            key=lambda run: float(run["accuracy"]),
        )
        rescued = trained(data, shared, TOO_HIGH * tuned["lr"])
        share = rescued["accuracy"] / tuned["accuracy"]
        dearer = rescued["seconds"] / tuned["seconds"]
        reached = share >= GOAL and dearer <= DEARER
        row = {"strategy": strategy, "tuned": tuned, "rescued": rescued}
        yield {**row, "share": share, "dearer": dearer, "reached": reached}


def families(given: argparse.Namespace) -> Iterator[tuple[str, str, Json]]:
    """Name, data and settings of each family."""
    shared: Json = {"epochs": given.epochs, "threads": given.threads}
    yield "bundled", given.data, {**shared, "backbone": "bundled"}
    for name, folder in prepare(given.pretrained, given.steps).items():
        yield name, given.data, {**shared, "backbone": str(folder)}
    if given.texts:
        texts = {"backbone": "minilm", "size": 32, "input": "text", "label": "label"}
        yield "minilm", given.texts, {**shared, **texts, "epochs": given.text_epochs}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--texts")
    parser.add_argument("--strategies", nargs="+", default=["full", "lp-ft"])
    parser.add_argument("--families", nargs="+")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--text-epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, list[Json]] = {}
    for name, data, settings in families(given):
        if given.families and name not in given.families:
            continue
        found[name] = []
        for row in measured(data, settings, given):
            found[name].append(row)
            if not given.json:
                print(line(name, row), flush=True)
    if given.json:
        print(json.dumps(found))


def line(name: str, row: Json) -> str:
    """A family and strategy on one line."""
    tuned, rescued = row["tuned"], row["rescued"]
    told = f"{len(rescued['rescues'])} rescues"
    return (
        f"{name:<10} {row['strategy']:<6} tuned {tuned['lr']:.1e}: {tuned['accuracy']:.1%}   "
        f"30 x: {rescued['accuracy']:.1%} ({row['share']:.1%} of it, {row['dearer']:.2f} times "
        f"the time, {told})   {'reached' if row['reached'] else 'NOT REACHED'}"
    )


if __name__ == "__main__":
    main()
