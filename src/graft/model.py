"""The public `Model`: what `fit` returns and `load` opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from graft.data import Decoded, Examples, decode_all, normalise, read, read_inputs
from graft.errors import DataError
from graft.evaluation import evaluate
from graft.export.native import LoadedModel, load_model, save_model
from graft.network import Network
from graft.runs.folder import read_result
from graft.runs.predictor import softmax
from graft.types import FloatArray, Json

BATCH = 64
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of `predict`.

    Attributes:
        input: The input as it was given.
        label: The most probable label, or None where the input could not be read.
        probabilities: Label to probability, in the model's order; None with the label.
        error: Why the input could not be read, or None.
    """

    input: str
    label: str | None
    probabilities: dict[str, float] | None
    error: str | None = None

    def to_dict(self) -> Json:
        """The row that `--json` prints."""
        return {
            "input": self.input,
            "label": self.label,
            "probabilities": self.probabilities,
            "error": self.error,
        }


@dataclass(slots=True)
class Model:
    """A trained network with everything it needs to answer.

    Attributes:
        network: Backbone and head, in evaluation mode.
        labels: Class names, in the order of the logits.
        task: What it was trained for.
        result: What `result.json` says; empty for a model saved without its run.
        folder: The run or model folder, if it has one.
    """

    network: Network
    labels: tuple[str, ...]
    task: str = "classification"
    result: Json = field(default_factory=dict)
    folder: Path | None = None

    def predict(self, inputs: object) -> list[Prediction]:
        """One row per input, in their order.

        Args:
            inputs: A path, a picture (PIL image or uint8 array), or a list of them; a folder or a
                table stands for the pictures in it.

        Raises:
            DataError: There is nothing to predict.
        """
        pictures = read_inputs(_as_sequence(inputs))
        if not pictures:
            raise DataError(
                "There is nothing to predict",
                allowed="pictures, folders of pictures, tables",
                next="give at least one",
            )
        rows: list[Prediction] = []
        decoded = decode_all(pictures, self.network.backbone.spec)
        for group in in_groups(zip(pictures, decoded, strict=True)):
            names = [picture.name for picture, _ in group]
            rows += self._predict_batch(names, [outcome for _, outcome in group])
        return rows

    def evaluate(
        self,
        data: object,
        *,
        input: str | None = None,  # noqa: A002 - the command line's name
        label: str | None = None,
        group: str | None = None,
    ) -> Json:
        """Figures with intervals on a labelled data set.

        Args:
            data: Any source that `fit` takes. Where it declares a test part, only that counts.
            input: Column of paths or pictures.
            label: Column of labels.
            group: Column whose values are resampled as wholes.

        Returns:
            `metrics` (name to value, low, high), `counts`, `per_class`, `confusion`,
            `reliability` and `set_aside`.

        Raises:
            DataError: The source cannot be read, or holds a label that the model does not know.
        """
        examples = _test_part(read(data, input=input, label=label, group=group, min_classes=1))
        examples = examples.with_labels(self.labels)
        probabilities, reasons = self.probabilities(examples)
        readable = examples.without(reasons)
        if not len(readable):
            raise DataError(
                f"None of the {len(examples)} pictures of {examples.source} can be read",
                allowed="at least one readable, labelled picture",
                next="look at the files",
            )
        kept = np.array([row not in reasons for row in range(len(examples))])
        evaluation = evaluate(
            probabilities[kept], readable.targets, self.labels, groups=readable.groups
        )
        set_aside = [{"input": s.input, "reason": s.reason} for s in readable.set_aside]
        counts = {"test": len(readable), "set_aside": len(set_aside)}
        return {**evaluation.to_dict(), "counts": counts, "set_aside": set_aside}

    def probabilities(self, examples: Examples) -> tuple[FloatArray, dict[int, str]]:
        """(N, C) probabilities, NaN for unreadable rows, and row number to reason for those."""
        result = np.full((len(examples), len(self.labels)), np.nan)
        reasons: dict[int, str] = {}
        for group in in_groups(decode_all(examples.pictures, self.network.backbone.spec)):
            good = [outcome for outcome in group if outcome.pixels is not None]
            reasons |= {o.row: str(o.reason) for o in group if o.pixels is None}
            if good:
                result[[outcome.row for outcome in good]] = self._probabilities(good)
        return result, reasons

    def save(self, folder: str | Path) -> Path:
        """Save the model so that it opens without graft too.

        Raises:
            OutputError: The folder cannot be written, or holds something else.
        """
        path = Path(folder)
        kept = ("strategy", "frozen_depth", "versions", "metrics")
        extra = {key: self.result[key] for key in kept if key in self.result}
        save_model(path, self.network, labels=self.labels, task=self.task, extra=extra)
        return path

    def _predict_batch(self, names: Sequence[str], outcomes: Sequence[Decoded]) -> list[Prediction]:
        good = [outcome for outcome in outcomes if outcome.pixels is not None]
        answers = iter(self._probabilities(good)) if good else iter(())
        return [
            Prediction(name, None, None, outcome.reason)
            if outcome.pixels is None
            else self._row(name, next(answers))
            for name, outcome in zip(names, outcomes, strict=True)
        ]

    def _row(self, name: str, probabilities: FloatArray) -> Prediction:
        named = dict(zip(self.labels, probabilities.tolist(), strict=True))
        return Prediction(name, self.labels[int(probabilities.argmax())], named)

    def _probabilities(self, outcomes: Sequence[Decoded]) -> FloatArray:
        spec = self.network.backbone.spec
        device = next(self.network.parameters()).device
        pixels = np.stack([outcome.pixels for outcome in outcomes if outcome.pixels is not None])
        self.network.eval()
        with torch.inference_mode():
            inputs = normalise(torch.from_numpy(pixels).to(device), spec)
            return softmax(self.network(inputs).float().cpu())


def load(path: str | Path) -> Model:
    """Open a run folder or a saved model; its golden inputs are scored again first.

    Raises:
        ModelError: Nothing finished stands there, something is missing, or the answers moved.
    """
    folder = Path(path)
    if (folder / "graft.json").is_file():
        return _model(load_model(folder), {}, folder)
    result = read_result(folder)
    return _model(load_model(folder / "model"), result, folder)


def _model(loaded: LoadedModel, result: Json, folder: Path) -> Model:
    return Model(loaded.network, loaded.labels, loaded.task, result, folder)


def _as_sequence(inputs: object) -> Sequence[object]:
    return inputs if isinstance(inputs, (list, tuple)) else [inputs]


def _test_part(examples: Examples) -> Examples:
    rows = [row for row, part in enumerate(examples.parts) if part == "test"]
    return examples.take(np.array(rows, dtype=np.int64)) if rows else examples


def in_groups(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter.

    >>> list(in_groups("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
