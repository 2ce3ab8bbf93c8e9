"""Few labelled texts in SetFit, with its defaults: pairs of texts, then a logistic head.

Runs in the environment `setfit`. The table has the columns text, label and split. By default every
pair of texts is seen, like ones repeated; `--iterations` draws so many like and unlike ones for
each text instead (20 in the paper).
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import setfit
import torch
from datasets import Dataset

from benchmarks.speed.peers.common import tell


def main() -> None:
    """Train, test, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of sentence-transformers")
    allowed = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    parser.add_argument("--threads", type=int, default=allowed)
    parser.add_argument("--iterations", type=int)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with given.table.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    names = sorted({row["label"] for row in rows})
    train = [row for row in rows if row["split"] != "test"]
    test = [row for row in rows if row["split"] == "test"]
    model: Any = setfit.SetFitModel.from_pretrained(str(given.model), labels=names)
    with tempfile.TemporaryDirectory() as folder:
        trainer = setfit.Trainer(
            model=model,
            args=setfit.TrainingArguments(
                output_dir=folder,
                report_to="none",
                save_strategy="no",
                num_iterations=given.iterations,
            ),
            train_dataset=Dataset.from_list(
                [{"text": row["text"], "label": names.index(row["label"])} for row in train]
            ),
        )
        begun = process_time()
        trainer.train()
        trained = process_time() - begun
    found = model.predict_proba([row["text"] for row in test], as_numpy=True)
    labels = np.array([names.index(row["label"]) for row in test])
    given_to_truth = found[np.arange(len(test)), labels]
    tell(
        accuracy=float((found.argmax(axis=1) == labels).mean()),
        log_loss=-float(np.log(np.maximum(given_to_truth, 1e-15)).mean()),
        train_seconds=trained,
        steps=int(trainer.st_trainer.state.global_step),
        processor_seconds=process_time(),
        version=setfit.__version__,
    )


if __name__ == "__main__":
    main()
