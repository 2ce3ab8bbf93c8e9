"""Compare a pretrained network with raw pixels: `python -m scripts.pretrain.evaluate --model DIR`.

Few handwritten digits, and icons of themes that the network has never seen. Every figure is a mean
over seeds with a 95 % interval (Student's t over the seeds); differences are paired by seed.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn import functional

from scripts.pretrain.finetune import fine_tune
from scripts.pretrain.model import MEAN, STD, create_network, load_network
from scripts.pretrain.pictures import (
    Pictures,
    digit_test,
    read_digits,
    read_icons,
    split_digits,
)
from scripts.pretrain.probes import Linear, fit_lda, fit_ridge

SHOTS = (1, 5, 10, 50)
RAW_SIDE = 32
THEMES = (("mate", 48), ("mate", 32), ("elementary-xfce", 48))
Values = NDArray[np.float64]
Labels = NDArray[np.int64]
Method = Callable[[Labels, Labels], Labels]  # training rows, test rows -> predicted labels


def enlarge(pictures: Pictures, side: int) -> Tensor:
    """Pictures as the network wants them: N x 3 x side x side, normalised."""
    planes = torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2)
    resized = functional.interpolate(
        planes, size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return ((resized.clamp(0, 1) - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def apply(network: nn.Module, pictures: Tensor) -> Values:
    """The network's output for every picture."""
    with torch.inference_mode():
        parts = [network(part) for part in pictures.split(128)]
    return torch.cat(parts).double().numpy()


def probe_method(
    features: Values, labels: Labels, fit: Callable[[Values, Labels, int], Linear] = fit_ridge
) -> Method:
    """A probe on given features."""

    def predict(train: Labels, test: Labels) -> Labels:
        probe = fit(features[train], labels[train], int(labels.max()) + 1)
        return probe.predict(features[test])

    return predict


def raw_methods(pixels: Values, labels: Labels) -> dict[str, Method]:
    """Logistic regression and a support vector machine on raw pixels."""

    def logistic(train: Labels, test: Labels) -> Labels:
        # Without loss: the principal components of few rows hold all that the penalty sees.
        model = make_pipeline(StandardScaler(), PCA(), LogisticRegression(max_iter=300, C=0.1))
        predicted: Labels = model.fit(pixels[train], labels[train]).predict(pixels[test])
        return predicted

    def machine(train: Labels, test: Labels) -> Labels:
        model = SVC(C=10.0, gamma="scale").fit(pixels[train], labels[train])
        predicted: Labels = model.predict(pixels[test])
        return predicted

    return {"logistic regression on pixels": logistic, "SVM on pixels": machine}


def interval(values: Values) -> str:
    """Mean and 95 % interval over seeds."""
    mean = values.mean()
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"


def evaluate_digits(network: nn.Module, side: int, seeds: int, tune: bool) -> None:
    """Print the table of digits: one row per method, one column per number of examples."""
    digits = read_digits()
    labels, test = digits.labels, digit_test(len(digits.labels))
    inputs = enlarge(digits, side)
    features = apply(network, inputs)
    torch.manual_seed(0)
    methods = {
        "probe": probe_method(features, labels),
        "LDA probe": probe_method(features, labels, fit_lda),
        "probe, random weights": probe_method(apply(create_network().eval(), inputs), labels),
        **raw_methods(digits.pixels[..., 0].reshape(len(labels), -1).astype(np.float64), labels),
    }
    right: dict[str, list[list[float]]] = {name: [] for name in methods}
    tuned: list[list[float]] = []
    for shots in SHOTS:
        splits = [split_digits(labels, shots, seed) for seed in range(seeds)]
        for name, method in methods.items():
            right[name].append([float((method(s, test) == labels[test]).mean()) for s in splits])
        if tune:
            tuned.append([])
            for seed, split in enumerate(splits):
                probe = fit_ridge(features[split], labels[split], 10)
                model = fine_tune(network, probe, inputs[split], labels[split], shots, seed)
                predicted = apply(model, inputs[test]).argmax(1)
                tuned[-1].append(float((predicted == labels[test]).mean()))
    if tune:
        right = {"LP-FT": tuned, **right}
    print("| method | " + " | ".join(f"{shots} a class" for shots in SHOTS) + " |")
    print("|---|" + "---|" * len(SHOTS))
    for name, rows in right.items():
        print(f"| {name} | " + " | ".join(interval(np.array(row)) for row in rows) + " |")


def evaluate_icons(network: nn.Module, theme: str, icon_side: int, side: int, seeds: int) -> None:
    """Print the table of one icon theme: accuracy, and what the network gains, by method."""
    icons = read_icons(theme, icon_side)
    inputs = enlarge(icons, side)
    features = apply(network, inputs)
    pixels = enlarge(icons, RAW_SIDE).flatten(1).double().numpy()
    torch.manual_seed(0)
    methods = {
        "probe": probe_method(features, icons.labels),
        "LDA probe": probe_method(features, icons.labels, fit_lda),
        "probe, random weights": probe_method(apply(create_network().eval(), inputs), icons.labels),
        **raw_methods(pixels, icons.labels),
    }
    splitter = StratifiedShuffleSplit(seeds, test_size=0.3, random_state=0)
    splits = list(splitter.split(pixels, icons.labels))
    right = {
        name: np.array([(method(a, b) == icons.labels[b]).mean() for a, b in splits])
        for name, method in methods.items()
    }
    majority = np.bincount(icons.labels).max() / len(icons.labels)
    print(f"\n{theme}, {icon_side} x {icon_side}: {len(icons.labels)} pictures, ")
    print(f"{len(icons.classes)} classes ({', '.join(icons.classes)}), majority {majority:.3f}\n")
    print("| method | accuracy | the probe's gain (paired) |\n|---|---|---|")
    for name, values in right.items():
        gain = "" if name == "probe" else interval(right["probe"] - values)
        print(f"| {name} | {interval(values)} | {gain} |")


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the network")
    parser.add_argument("--side", type=int, help="side of the input; default: the network's")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--without-tuning", action="store_true")
    parser.add_argument("--without-digits", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = load_network(options.model)
    side = options.side or int(network.pretrained_cfg["input_size"][-1])  # type: ignore[index,call-overload,arg-type,unused-ignore]
    if not options.without_digits:
        evaluate_digits(network, side, options.seeds, not options.without_tuning)
    for theme, icon_side in THEMES:
        evaluate_icons(network, theme, icon_side, side, options.seeds)


if __name__ == "__main__":
    main()
