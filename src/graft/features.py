"""Embeddings: the pooled output of a frozen backbone for every row of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from graft.backbones.load import load_backbone, modality_of
from graft.bank import bank_folder
from graft.data import Examples, read
from graft.data.targets import shown_labels
from graft.device import pick_device
from graft.errors import DataError, OutputError
from graft.heads.build import build_head
from graft.network import Network
from graft.progress import Progress, Silent
from graft.runs.input_side import choose_size
from graft.runs.modality import parts_of
from graft.types import FloatArray

FORMATS = (".parquet", ".npz")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Features with what they belong to, rows in the data's order.

    Attributes:
        inputs: Names of the N rows.
        labels: Class name of each row, or None where it has none.
        features: (N, D) float32; NaN in the rows that could not be read.
        errors: Reason of each row that could not be read, else None.
    """

    inputs: tuple[str, ...]
    labels: tuple[str | None, ...]
    features: FloatArray
    errors: tuple[str | None, ...]

    def write(self, path: Path) -> Path:
        """Write a Parquet table (`input`, `label`, `error`, `features`) or an `.npz` archive.

        Raises:
            OutputError: The ending is neither, or the file cannot be written.
        """
        check_format(path)
        temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
        try:
            (self._write_parquet if path.suffix == ".parquet" else self._write_npz)(temporary)
            temporary.replace(path)
        except OSError as problem:
            temporary.unlink(missing_ok=True)
            raise OutputError(
                f"{path} cannot be written ({problem.strerror or problem})",
                allowed="a file in a folder that you may write to",
                next="choose another with --out",
            ) from problem
        return path

    def _write_parquet(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        width = self.features.shape[1]
        flat = pa.array(np.ascontiguousarray(self.features).reshape(-1))
        columns = {
            "input": pa.array(self.inputs, pa.string()),
            "label": pa.array(self.labels, pa.string()),
            "error": pa.array(self.errors, pa.string()),
            "features": pa.FixedSizeListArray.from_arrays(flat, width),
        }
        pq.write_table(pa.table(columns), path)

    def _write_npz(self, path: Path) -> None:
        np.savez(
            path,
            allow_pickle=False,
            input=np.array(self.inputs),
            label=np.array([label or "" for label in self.labels]),
            error=np.array([error or "" for error in self.errors]),
            features=self.features,
        )


def check_format(path: Path) -> None:
    """Whether features can be written under this name.

    Raises:
        OutputError: The ending is no format's.
    """
    if path.suffix not in FORMATS:
        raise OutputError(
            f"Features cannot be written as '{path.name}'",
            allowed=" or ".join(FORMATS),
            next="choose one of these endings",
        )


def feature_table(
    data: object,
    *,
    backbone: str | None,
    weights: str,
    size: int | None,
    long: str = "truncate",
    columns: dict[str, str | None],
    device: str,
    progress: Progress | None = None,
) -> FeatureTable:
    """Pooled features of every row, from the bank where they are known.

    Args:
        data: Any source that `fit` takes; labels are not needed.
        backbone: `bundled`, `minilm`, a name or a folder; None takes the one for the data's kind.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of the checkpoint's.
        long: What becomes of longer texts: `truncate`, `head-tail` or `chunks`.
        columns: `input` and `label` column of a table, None where they are to be found.
        device: `auto`, `cpu`, `cuda` or `mps`.
        progress: Told how far the work is.

    Raises:
        UserError: The data, a name or the machine is at fault.
    """
    listener, root = progress or Silent(), bank_folder()
    examples = _read(data, columns, modality_of(backbone) if backbone else None)
    for note in examples.notes:
        listener.say(note)
    parts = parts_of(examples.modality)
    name = backbone or parts.backbone
    side = choose_size(name, size, examples)
    model = load_backbone(name, weights=weights, size=side, long=long)
    opened = parts.open_inputs(examples, model, root, listener)
    rows = np.array([r for r in range(len(examples)) if r not in opened.faults], dtype=np.int64)
    if not len(rows):
        raise DataError(
            f"None of the {len(examples)} {parts.plural} of {examples.source} can be read",
            allowed="at least one that can",
            next="look at the files",
        )
    # A head is not used, but a network is what the bank's keys and feeds are made of.
    network = Network(model, build_head("linear", model.num_features, 2)).to(pick_device(device))
    digests = [digest for digest in (opened.digests[row] for row in rows) if digest]
    where = torch.device(pick_device(device))
    feed = parts.open_feed(opened, digests, network, where, root, listener)
    values = feed.activations(len(model.blocks), model)(np.arange(len(rows)))
    features = np.full((len(examples), model.num_features), np.nan, dtype=np.float32)
    features[rows] = values.numpy()
    return _table(examples, features, opened.faults)


def _read(data: object, columns: dict[str, str | None], modality: str | None) -> Examples:
    """With labels where the source has them; inputs alone where it has none."""
    name, label = columns["input"], columns["label"]
    try:
        return read(data, input=name, label=label, min_classes=0, modality=modality, every_row=True)
    except DataError:
        if label is not None:
            raise
        return read(data, input=name, labelled=False, modality=modality)


def _table(examples: Examples, features: FloatArray, faults: dict[int, str]) -> FeatureTable:
    labels = shown_labels(examples.tasks, examples.targets)
    return FeatureTable(
        tuple(item.name for item in examples.inputs),
        tuple(labels),
        features,
        tuple(faults.get(row) for row in range(len(examples))),
    )
