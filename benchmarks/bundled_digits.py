"""Handwritten digits with 1, 5, 10 and 50 labelled examples a class.

    python -m benchmarks.bundled_digits [--seeds 20] [--shots 1 5 10 50] [--contenders NAME...]

(a) linear probe and (b) LP-FT of the bundled backbone, (c) the same network from random weights,
(d) logistic regression and an SVM on raw pixels; the same 800 test scans throughout.
"""

from __future__ import annotations

import argparse
import functools

from benchmarks.few_shot import Bench, compare, scratch_folder, shown
from graft.data import read
from graft.demo import digits, few_shot_rows
from graft.types import IntArray


def draw(targets: IntArray, shots: int, seed: int) -> tuple[IntArray, IntArray]:
    """Training rows by the seed, the same test rows always."""
    return few_shot_rows(targets, shots, seed)


def main() -> None:
    """Print a table of accuracies."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 10, 50])
    parser.add_argument("--contenders", nargs="+", help="some of them; default: all")
    given = parser.parse_args()
    folder = scratch_folder()
    pictures, targets = digits()
    np.savez(folder / "all.npz", allow_pickle=False, x=pictures, y=targets)
    bench = Bench(read(folder / "all.npz"), folder)
    raw = pictures.reshape(len(pictures), -1) / 255.0
    contenders = {
        "linear probe": bench.graft("pretrained", "linear-probe", None),
        "LP-FT": bench.graft("pretrained", "lp-ft", None),
        "random weights": bench.graft("random", "full", None),
        "raw LR": bench.sklearn(lambda: LogisticRegression(max_iter=2000), raw),
        "raw SVM": bench.sklearn(lambda: SVC(gamma="scale", C=10.0), raw),
    }
    contenders = {name: contenders[name] for name in given.contenders or contenders}
    print(f"accuracy in percent, mean and 95 % interval over {given.seeds} seeds")
    for shots in given.shots:
        found = compare(contenders, functools.partial(draw, targets, shots), given.seeds)
        for name, values in found.items():
            print(f"{shots:>3} a class  {name:<15} {shown(values)}", flush=True)


if __name__ == "__main__":
    main()
