"""The public `Model`: what `fit` returns and `load` opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from graft.data import Examples, read, read_inputs
from graft.data.examples import TRANSLATION, Input
from graft.data.targets import is_plain
from graft.data.texts import Text
from graft.engines.in_pieces import InPieces
from graft.errors import DataError, ModelError, UserError, unknown_name
from graft.export.checksums import seal_of
from graft.export.native import LoadedModel, load_model, save_model
from graft.export.onnx_export import Exported, export_onnx, require_onnx
from graft.network import Network
from graft.runs import translating
from graft.runs.folder import RESULT, read_result
from graft.runs.modality import parts_of
from graft.tasks.several import Held, answers_of, row_of
from graft.types import FloatArray, Json, Task

EXPORTS = {"onnx": export_onnx}


ALONE = "it is a single text, and the model learnt from pairs: give the second text too"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of `predict`.

    Attributes:
        input: The input as it was given.
        answer: What the model says: `label` and `probabilities` of one class; `labels` and
            `probabilities` of any number; `value` of a quantity; `translation`, and `cut` where the
            text did not fit; with several label columns `tasks`, these by column. All None where
            the input could not be read.
        error: Why the input could not be read, or None.
    """

    input: str
    answer: Json
    error: str | None = None

    @property
    def label(self) -> str | None:
        """The most probable class."""
        return self.answer.get("label")

    @property
    def labels(self) -> list[str] | None:
        """The labels of at least the probability one half."""
        return self.answer.get("labels")

    @property
    def probabilities(self) -> dict[str, float] | None:
        """Label to probability, in the model's order."""
        return self.answer.get("probabilities")

    @property
    def value(self) -> float | None:
        """The quantity, in its units."""
        return self.answer.get("value")

    @property
    def translation(self) -> str | None:
        """The text in the other language."""
        return self.answer.get("translation")

    @property
    def tasks(self) -> Json:
        """Column to its own answer, where there are several."""
        found: Json = self.answer.get("tasks", {})
        return found

    def to_dict(self) -> Json:
        """The row that `--json` prints."""
        return {"input": self.input, **self.answer, "error": self.error}


@dataclass(slots=True)
class Model:
    """A trained network with everything it needs to answer.

    Attributes:
        network: Backbone and head, in evaluation mode.
        labels: A name for every output: of classes their names.
        task: What it was trained for: a kind of task, or `multi-task`.
        result: What `result.json` says; empty for a model saved without its run.
        folder: The run or model folder, if it has one.
        tasks: What the outputs mean, in their order; one task of classes where none are named.
    """

    network: Network
    labels: tuple[str, ...]
    task: str = "classification"
    result: Json = field(default_factory=dict)
    folder: Path | None = None
    tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        self.tasks = self.tasks or (Task(labels=self.labels),)

    def predict(self, inputs: object) -> list[Prediction]:
        """One row per input, in their order.

        Args:
            inputs: A path, a picture (PIL image or uint8 array), a text, or a list of them; a
                folder or a table stands for what is in it.

        Raises:
            DataError: There is nothing to predict.
        """
        items = read_inputs(_as_sequence(inputs), self.network.backbone.modality)
        if not items:
            raise DataError(
                "There is nothing to predict",
                allowed="pictures or texts, folders of them, tables",
                next="give at least one",
            )
        if self.task == TRANSLATION:
            told = translating.tell(self.network, items)
            return [Prediction(item.name, *row) for item, row in zip(items, told, strict=True)]
        probabilities, reasons = self._answers(items)
        return [
            self._row(item.name, probabilities[row], reasons.get(row))
            for row, item in enumerate(items)
        ]

    def evaluate(
        self,
        data: object,
        *,
        input: str | None = None,  # noqa: A002 - the command line's name
        label: str | None = None,
        labels: Sequence[str] = (),
        group: str | None = None,
    ) -> Json:
        """Figures with intervals on a labelled data set.

        Args:
            data: Any source that `fit` takes. Where it declares a test part, only that counts.
            input: Column of paths, pictures or texts; left out, that of the run, where the table
                has it.
            label: Column of labels, of a model with one; left out, that of the run, where the
                table has it. Numbers and sets of labels are looked for nowhere else.
            labels: Several label columns, in the order of the model's tasks; left out, those that
                bear the tasks' names.
            group: Column whose values are resampled as wholes.

        Returns:
            `metrics` (name to value, low, high), `counts`, `set_aside`, `notes` on how the data
            were read and what the kind of task adds: `per_class`, `confusion`, `reliability`,
            `points`. With several label columns `metrics` nests by column, and `tasks` holds the
            rest.

        Raises:
            DataError: The source cannot be read, or holds a label that the model does not know;
                or there are not as many label columns as tasks.
        """
        several = len(self.tasks) > 1
        columns = tuple(labels) or tuple(task.name for task in self.tasks if several)
        if label is None and not is_plain(self.tasks) and not several:
            label = self.tasks[0].column
        if several and (label is not None or len(columns) != len(self.tasks)):
            named = ", ".join(columns if label is None else [label])
            raise DataError(
                f"The model has {len(self.tasks)} tasks, and the label columns named are: {named}",
                allowed=", ".join(task.name for task in self.tasks),
                next="name one column for each task with --labels, in this order",
            )
        recipe = self.result.get("recipe") or {}
        examples = _test_part(
            read(
                data,
                input=input,
                label=label,
                labels=columns,
                task=",".join(task.kind for task in self.tasks),
                group=group,
                min_classes=1,
                modality=self.network.backbone.modality,
                remembered=(recipe.get("input"), recipe.get("label")),
            )
        )
        if self.task == TRANSLATION:
            return self._evaluate_translations(examples)
        examples = examples.with_tasks(self.tasks)
        probabilities, reasons = self.probabilities(examples)
        readable = examples.without(reasons)
        if not len(readable):
            raise DataError(
                f"None of the {len(examples)} rows of {examples.source} can be read",
                allowed="at least one readable, labelled row",
                next="look at the files",
            )
        kept = np.array([row not in reasons for row in range(len(examples))])
        held = Held(self.tasks, probabilities[kept], readable.targets, readable.groups)
        return {**held.evaluate(), **_rows_told(readable)}

    def _evaluate_translations(self, examples: Examples) -> Json:
        return {**translating.evaluate(self.network, examples), **_rows_told(examples)}

    def probabilities(self, examples: Examples) -> tuple[FloatArray, dict[int, str]]:
        """(N, C) answers, NaN for unreadable rows, and row number to reason for those."""
        return self._answers(examples.inputs)

    def save(self, folder: str | Path) -> Path:
        """Save the model so that it opens without graft too.

        Raises:
            OutputError: The folder cannot be written, or holds something else.
        """
        path = Path(folder)
        kept = ("strategy", "frozen_depth", "versions", "metrics")
        extra = {key: self.result[key] for key in kept if key in self.result}
        save_model(path, self.network, self.labels, self.task, extra, self.tasks)
        return path

    def export(self, file: str | Path | None = None, *, to: str = "onnx") -> Exported:
        """Write the model for other runtimes; see `graft.export.onnx_export.export_onnx`.

        Args:
            file: Where to; None takes `model.onnx` in the model's own folder.
            to: The format, `onnx`.

        Raises:
            UnknownNameError: There is no such format.
            UserError: The extra is not installed, or the model has no folder and no file is named.
            OutputError: The file cannot be written.
            ModelError: The network cannot be exported, or the exported one answers differently.
        """
        check_export(to)
        if file is None and self.folder is None:
            raise UserError("The model has no folder", next="say where to export it to")
        target = Path(file) if file is not None else Path(self.folder or "") / "model.onnx"
        return EXPORTS[to](target, self.network, self.labels, self.task, self.tasks)

    def _row(self, name: str, answers: FloatArray, reason: str | None) -> Prediction:
        told = row_of(self.tasks, None if reason is not None else answers)
        return Prediction(name, told, reason)

    def _answers(self, items: Sequence[Input]) -> tuple[FloatArray, dict[int, str]]:
        """(N, C) answers, NaN for unreadable rows, and the reasons for those."""
        backbone, reasons = self.network.backbone, dict[int, str]()
        device = next(self.network.parameters()).device
        result = np.full((len(items), len(self.labels)), np.nan)
        network = InPieces(self.network).eval()
        for rows, inputs in parts_of(backbone.modality).open_now(items, backbone, reasons):
            with torch.inference_mode():
                outputs = network(inputs.to(device)).float().cpu().numpy()
            result[rows] = answers_of(self.tasks, outputs)
        alone = self._without_partner(items)
        result[alone] = np.nan
        return result, {**dict.fromkeys(alone, ALONE), **reasons}

    def _without_partner(self, items: Sequence[Input]) -> list[int]:
        """Rows of single texts, where the model learnt from pairs."""
        if not self.result.get("data", {}).get("pairs"):
            return []
        return [n for n, item in enumerate(items) if isinstance(item, Text) and item.second is None]


def _rows_told(examples: Examples) -> Json:
    """What an evaluation says of the rows themselves."""
    set_aside = [{"input": s.input, "reason": s.reason} for s in examples.set_aside]
    counts = {"test": len(examples), "set_aside": len(set_aside)}
    return {"counts": counts, "set_aside": set_aside, "notes": [*examples.notes]}


def check_export(to: str) -> None:
    """Check a format's name, and that what writes it is installed.

    Raises:
        UnknownNameError: There is no such format.
        UserError: The extra is not installed.
    """
    if to not in EXPORTS:
        raise unknown_name("export format", to, EXPORTS)
    require_onnx()


def load(path: str | Path) -> Model:
    """Open a run folder or a saved model; its golden inputs are scored again first.

    Raises:
        ModelError: Nothing finished stands there, something is missing, or the answers moved.
    """
    folder = Path(path)
    if (folder / "graft.json").is_file():
        return _model(load_model(folder), {}, folder)
    result = read_result(folder)
    loaded = load_model(folder / "model")
    _check_run(folder, result, loaded)
    return _model(loaded, result, folder)


def _check_run(folder: Path, result: Json, loaded: LoadedModel) -> None:
    """Whether model and result are of one run: both hold what the other is known by."""
    told = {
        "task": loaded.task,
        "labels": [*loaded.labels],
        "metrics": loaded.extras.get("metrics"),
    }
    different = [key for key, value in told.items() if result.get(key) != value]
    sealed = result.get("model")
    seal = sealed.get("seal") if isinstance(sealed, dict) else None
    different += ["seal"] if seal is not None and seal != seal_of(folder / "model") else []
    if different:
        raise ModelError(
            f"{folder / RESULT} and {folder / 'model'} differ in {', '.join(different)}: "
            "one of them was changed, or is another run's",
            allowed="the result and the model of one run",
            next=f"restore the folder, or open {folder / 'model'} alone",
        )


def _model(loaded: LoadedModel, result: Json, folder: Path) -> Model:
    return Model(loaded.network, loaded.labels, loaded.task, result, folder, loaded.tasks)


def _as_sequence(inputs: object) -> Sequence[object]:
    return inputs if isinstance(inputs, (list, tuple)) else [inputs]


def _test_part(examples: Examples) -> Examples:
    rows = [row for row, part in enumerate(examples.parts) if part == "test"]
    return examples.take(np.array(rows, dtype=np.int64)) if rows else examples
