"""What K stored views of each picture recover of fresh augmentation's gain, and what they cost.

    python -m benchmarks.views [--seeds 20] [--icons /usr/share/icons/mate/48x48]

Handwritten digits with 1, 5, 10 and 50 training scans a class, and pictograms with half of the
pictures for training (`apt-get install mate-icon-theme`), with the frozen bundled backbone. Two
heads: the exact linear probe, where fresh augmentation is the limit of many views; and gradient
descent over `EPOCHS` epochs, where as many views as epochs are fresh augmentation itself. The gain
recovered is (K views - plain) / (fresh - plain), means over seeds. The test pictures are plain.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bundled_pictograms import collect, halves
from benchmarks.few_shot import Bench, compare, scratch_folder, shown
from graft.data import read
from graft.demo import digits, few_shot_rows
from graft.types import FloatArray, IntArray

EPOCHS = 30
FRESH = EPOCHS
STRATEGIES = {"exact": "linear-probe", "gradient": "head"}
Drawing = Callable[[int], tuple[IntArray, IntArray]]


def contenders(bench: Bench, views: list[int], strategy: str) -> dict[str, Callable[..., float]]:
    """One contender for each number of views."""
    return {
        str(count): bench.graft("pretrained", strategy, EPOCHS, count) for count in (*views, FRESH)
    }


def recovered(found: Mapping[str, FloatArray], views: int) -> str:
    """The share of fresh augmentation's gain, in percent; a dash where that is not clear of 0."""
    gain = found[str(FRESH)] - found["1"]
    if gain.mean() <= 1.96 * gain.std(ddof=1) / np.sqrt(len(gain)):
        return "-"
    return f"{100 * (found[str(views)] - found['1']).mean() / gain.mean():.0f} %"


def report(
    title: str, bench: Bench, draw: Drawing, views: list[int], seeds: int, heads: list[str]
) -> None:
    """Print a line for each head and number of views."""
    for head in heads:
        strategy = STRATEGIES[head]
        begun = perf_counter()
        found = compare(contenders(bench, views, strategy), draw, seeds)
        for count in (*views, FRESH):
            gain = shown(found[str(count)] - found["1"]) if count > 1 else ""
            share = recovered(found, count) if 1 < count < FRESH else ""
            name = "fresh" if count == FRESH else str(count)
            line = (
                f"{title:<18} {head:<9} {name:>5}  {shown(found[str(count)])}  {gain:<18} {share}"
            )
            print(line, flush=True)
        print(f"# {perf_counter() - begun:.0f} s", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--shots", type=int, nargs="*", default=[1, 5, 10, 50])
    parser.add_argument("--views", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--heads", nargs="+", choices=[*STRATEGIES], default=[*STRATEGIES])
    parser.add_argument("--icons", type=Path)
    given = parser.parse_args()
    folder = scratch_folder()
    views = sorted({1, *given.views})
    print("accuracy in percent and gain over one view, mean and 95 % interval over seeds")
    pictures, targets = digits()
    np.savez(folder / "all.npz", allow_pickle=False, x=pictures, y=targets)
    bench = Bench(read(folder / "all.npz"), folder)
    for shots in given.shots:
        draw = functools.partial(few_shot_rows, targets, shots)
        report(f"digits, {shots} a class", bench, draw, views, given.seeds, given.heads)
    if given.icons:
        collect(given.icons, folder / "pictures")
        bench = Bench(read(folder / "pictures"), folder)
        draw = functools.partial(halves, bench.examples.targets)
        report(
            f"pictograms, {len(bench.examples) // 2}", bench, draw, views, given.seeds, given.heads
        )


if __name__ == "__main__":
    main()
