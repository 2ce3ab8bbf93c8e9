"""Metrics of several labels a row, equal to scikit-learn's.

Shapes: N rows, L labels, R resamples. Probabilities (N, L) lie in 0 ... 1 and need not sum to one;
targets (N, L) are 0 or 1. A label is given to a row from a probability of `THRESHOLD`.
"""

from __future__ import annotations

import numpy as np

from graft.closedform.linear import Float64Array
from graft.errors import DataError
from graft.evaluation.resampling import Figures, bootstrap_of, resamples_for
from graft.evaluation.sums import ratio
from graft.types import FloatArray, IntArray, Interval, Json

THRESHOLD = 0.5
LABEL_METRICS = (
    *("mean_average_precision", "micro_f1", "macro_f1", "subset_accuracy", "hamming_loss"),
    "log_loss",
)
TINY = 1e-12


def check_labels_of_rows(probabilities: FloatArray, targets: FloatArray) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        DataError: No rows, shapes that differ, targets but 0 and 1, or a probability that is not
            finite or outside 0 ... 1.
    """
    if probabilities.ndim != 2 or targets.shape != probabilities.shape:
        raise DataError(
            f"Probabilities of shape {probabilities.shape} and targets of shape {targets.shape}"
            " do not belong together",
            allowed="(N, L) and (N, L)",
        )
    if not len(targets):
        raise DataError(
            "There is not one row to evaluate", next="evaluate on data with at least one example"
        )
    inside = np.isfinite(probabilities) & (probabilities >= 0) & (probabilities <= 1)
    if not inside.all() or not np.isin(targets, (0, 1)).all():
        raise DataError(
            "A probability is not in 0 ... 1, or a target neither 0 nor 1", allowed="labels of rows"
        )


def label_figures(probabilities: FloatArray, targets: FloatArray, weights: Float64Array) -> Figures:
    """`LABEL_METRICS` (R,) for weights (R, N) of the rows."""
    given = (probabilities >= THRESHOLD).astype(np.float64)
    hits, predicted, support = (weights @ cells for cells in (given * targets, given, targets))
    wrong = np.abs(given - targets)
    rows = weights.sum(axis=1)
    clipped = np.clip(probabilities, TINY, 1 - TINY)
    loss = -(targets * np.log(clipped) + (1 - targets) * np.log(1 - clipped)).mean(axis=1)
    return {
        "mean_average_precision": _mean(average_precision(probabilities, targets, weights)),
        "micro_f1": ratio(2 * hits.sum(axis=1), (support + predicted).sum(axis=1)),
        "macro_f1": _mean(ratio(2 * hits, support + predicted)),
        "subset_accuracy": weights @ (wrong.sum(axis=1) == 0) / rows,
        "hamming_loss": weights @ wrong.mean(axis=1) / rows,
        "log_loss": weights @ loss / rows,
    }


def _mean(by_label: Float64Array) -> Float64Array:
    """(R,) mean over the labels for which the figure is defined; NaN where it never is."""
    defined = np.isfinite(by_label)
    return ratio(np.where(defined, by_label, 0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def average_precision(
    probabilities: FloatArray, targets: FloatArray, weights: Float64Array
) -> Float64Array:
    """(R, L) the precision at each threshold, weighted by the rise in recall there.

    `sum_n (R_n - R_{n-1}) P_n` over distinct probabilities, without interpolation; NaN for a label
    that no row bears.
    """
    columns = [
        _average_precision(probabilities[:, n], targets[:, n], weights)
        for n in range(targets.shape[1])
    ]
    return np.stack(columns, axis=1)


def _average_precision(
    scores: FloatArray, borne: FloatArray, weights: Float64Array
) -> Float64Array:
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    sorted_weights = weights[:, order]
    seen = np.cumsum(sorted_weights, axis=1)[:, ends]
    hits = np.cumsum(sorted_weights * borne[order], axis=1)[:, ends]
    rises = np.diff(hits, axis=1, prepend=0)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return ratio((rises * precision).sum(axis=1), hits[:, -1])


def bootstrap_labels(
    probabilities: FloatArray,
    targets: FloatArray,
    *,
    groups: IntArray | None = None,
    seed: int = 0,
) -> dict[str, Interval]:
    """`LABEL_METRICS` with 95 % bootstrap intervals; those that are undefined are left out.

    Raises:
        DataError: As `check_labels_of_rows` says, or groups of another length.
    """
    check_labels_of_rows(probabilities, targets)
    return bootstrap_of(
        lambda weights: label_figures(probabilities, targets, weights),
        len(targets),
        groups,
        resamples=resamples_for(*targets.shape),
        seed=seed,
        numbers={"subset_accuracy": len(targets)},
    )


def per_label(
    probabilities: FloatArray,
    targets: FloatArray,
    labels: tuple[str, ...],
    *,
    groups: IntArray | None = None,
    seed: int = 0,
) -> list[Json]:
    """A row per label: `label`, `support`, and with intervals `precision`, `recall`, `f1` and
    `average_precision`; null where a figure is undefined."""
    given = (probabilities >= THRESHOLD).astype(np.float64)

    def measure(weights: Float64Array) -> Figures:
        hits, predicted, support = (weights @ c for c in (given * targets, given, targets))
        figures = {
            "precision": ratio(hits, predicted),
            "recall": ratio(hits, support),
            "f1": ratio(2 * hits, support + predicted),
            "average_precision": average_precision(probabilities, targets, weights),
        }
        return {f"{n} {name}": v[:, n] for name, v in figures.items() for n in range(len(labels))}

    support, predicted = targets.sum(axis=0), given.sum(axis=0)
    numbers = {f"{n} precision": float(c) for n, c in enumerate(predicted) if c}
    numbers |= {f"{n} recall": float(c) for n, c in enumerate(support) if c}
    found = bootstrap_of(
        measure,
        len(targets),
        groups,
        resamples=resamples_for(*targets.shape),
        seed=seed,
        numbers=numbers,
    )
    names = ("precision", "recall", "f1", "average_precision")
    return [
        {"label": label, "support": int(support[n])}
        | {k: found[f"{n} {k}"].to_dict() if f"{n} {k}" in found else None for k in names}
        for n, label in enumerate(labels)
    ]
