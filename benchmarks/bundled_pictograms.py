"""Pictograms that the bundled backbone never saw, by context folder.

    apt-get install mate-icon-theme
    python -m benchmarks.bundled_pictograms /usr/share/icons/mate/48x48 [--seeds 20]
        [--contenders NAME...]

Linear probe and LP-FT of the bundled backbone beside logistic regression and an SVM on raw pixels
(24 x 24 RGB on white) and beside the same SVM on the backbone's frozen features, half of the
pictures for training, paired over seeds. Links and pictures that are equal byte by byte are left
out.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from benchmarks.few_shot import Bench, compare, scratch_folder, shown
from graft.data import read
from graft.data.thumbnail import thumbnail
from graft.types import FloatArray, IntArray

SIDE = 24


def collect(theme: Path, folder: Path) -> None:
    """Copy every distinct picture of the theme into class folders."""
    seen: set[bytes] = set()
    for path in sorted(theme.rglob("*.png")):
        content = path.read_bytes()
        if content in seen:
            continue
        seen.add(content)
        target = folder / path.relative_to(theme).parts[0]
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)


def raw_pixels(bench: Bench) -> FloatArray:
    """(N, 24 * 24 * 3) in 0 ... 1."""
    small = [
        np.asarray(thumbnail(picture.open(), 256).resize((SIDE, SIDE)))
        for picture in bench.examples.pictures
    ]
    return np.stack(small).reshape(len(small), -1) / 255.0


def halves(targets: IntArray, seed: int) -> tuple[IntArray, IntArray]:
    """Half of each class for training, half for testing."""
    order = np.random.default_rng(seed).permutation(len(targets))
    train = []
    for target in np.unique(targets):
        members = order[targets[order] == target]
        train.append(members[: len(members) // 2])
    chosen = np.sort(np.concatenate(train))
    return chosen, np.setdiff1d(np.arange(len(targets)), chosen)


def main() -> None:
    """Print a table of accuracies and the paired differences."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def scaled_regression() -> object:
        # Unscaled pixels with a strong penalty would be too weak a rival (42.5 against 52.7 %).
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("theme", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--contenders", nargs="+", help="the first is compared; default: all")
    given = parser.parse_args()
    folder = scratch_folder()
    collect(given.theme, folder / "pictures")
    bench = Bench(read(folder / "pictures"), folder)
    raw = raw_pixels(bench)
    contenders = {
        "linear probe": bench.graft("pretrained", "linear-probe", None),
        "raw LR": bench.sklearn(scaled_regression, raw),
        "raw SVM": bench.sklearn(lambda: SVC(gamma="scale", C=10.0), raw),
        "features' SVM": bench.sklearn(lambda: SVC(gamma="scale", C=10.0), bench.features()),
        "LP-FT": bench.graft("pretrained", "lp-ft", None),
    }
    contenders = {name: contenders[name] for name in given.contenders or contenders}
    targets = bench.examples.targets
    found = compare(contenders, lambda seed: halves(targets, seed), given.seeds)
    print(f"{len(targets)} pictures, {len(bench.examples.labels)} classes, {given.seeds} seeds")
    first, *_ = found
    for name, values in found.items():
        print(f"{name:<13} {shown(values)}   {first} minus this: {shown(found[first] - values)}")


if __name__ == "__main__":
    main()
