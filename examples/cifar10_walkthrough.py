"""The classic transfer-learning walkthrough, on CIFAR-10.

ResNet50 without its top at 32 x 32 pixels, all layers frozen, global average pooling,
Dense(1024, ReLU), Dense(10), Adam, batch 64, 10 epochs, a fifth of the training rows for
validation, then test accuracy. The frozen network runs once per picture; the ten epochs train on
its stored outputs.

    python examples/cifar10_walkthrough.py cifar-10-batches-bin
    python examples/cifar10_walkthrough.py --weights random     # a generated set, no download

The same as one command line:

    graft fit cifar-10-batches-bin --backbone resnet50 --size 32 --strategy head --head mlp:1024 \
        --optimizer adam --lr 0.001 --schedule constant --weight-decay 0 --batch-size 64 \
        --epochs 10 --patience 10 --class-weights none --validation 0.2
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import graft
from graft.data.synthetic import synthetic_cifar


def train(folder: Path, weights: str, out: Path | None) -> graft.Model:
    """Fit the walkthrough's model on a folder in one of CIFAR's own layouts."""
    return graft.fit(
        folder,
        backbone="resnet50",
        weights=weights,
        size=32,
        strategy="head",
        head="mlp:1024",
        optimizer="adam",
        lr=1e-3,
        schedule="constant",
        weight_decay=0.0,
        batch_size=64,
        epochs=10,
        patience=10,
        class_weights="none",
        validation=0.2,
        out=out,
    )


def main() -> None:
    """Read the command line, train, and print the test accuracy with its interval."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="CIFAR-10 folder; else a generated set"
    )
    parser.add_argument("--weights", default="pretrained", help="pretrained, random or a file")
    parser.add_argument("--out", type=Path, help="run folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.folder is None:
            synthetic_cifar(Path(scratch), rows=500, test_rows=100, seed=0)
        model = train(given.folder or Path(scratch), given.weights, given.out)
    accuracy = model.result["metrics"]["test"]["accuracy"]
    print(f"test accuracy {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]")
    print(f"report: {model.folder}/report.html")


if __name__ == "__main__":
    main()
