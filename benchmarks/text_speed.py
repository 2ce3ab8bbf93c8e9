"""How long training on texts takes beside the Trainer of transformers, as its users write it.

    python -m benchmarks.text_speed [--workloads full lora frozen top bfloat16] [--texts 400]
        [--tests 400] [--rounds 3]

MiniLM, batch 16, texts of mixed length (28 tokens on average) cut from package descriptions, six
sections; a fifth is the test part, and --tests adds others to it, for an accuracy that says more.
Every round has a seed of its own. Rates are everyone's own: those that graft chooses, 5e-5 for the
Trainer (its default) and 1e-3 for its LoRA and its head.

Every contender is a process of its own, and its clock runs from the process's start to the test
accuracy; with two threads each, or `OMP_NUM_THREADS`. Beside it stand processor seconds, which
other programs disturb less, and what training alone took, imports left out. The Trainer pads to
the longest input (256), by batch (its default), or groups texts by length. `top` is graft with the
four lower layers frozen, cached and recomputed in every epoch. The contenders of a workload run one
after the other in each round.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

BATCH, LONGEST, RATE = 16, 256, 5e-5
TABLE = Path(__file__).parents[1] / "src/graft/data/samples/package-sections.csv"
Figures = dict[str, float]


def write_texts(path: Path, count: int, tests: int = 0) -> None:
    """A table of texts whose lengths are spread like those of sentences and paragraphs.

    Args:
        path: Where to.
        count: How many, a fifth of them for testing.
        tests: How many more for testing.
    """
    random = np.random.default_rng(0)
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for number, at in enumerate(random.permutation(len(rows))[: count + tests]):
            words = rows[at]["text"].split()
            length = max(3, int(random.lognormal(np.log(14), 0.95)))
            text = " ".join(words[:length])
            part = "train" if number % 5 and number < count else "test"
            writer.writerow([text, rows[at]["label"], part])


def graft_fit(
    table: Path,
    seed: int,
    strategy: str,
    epochs: int,
    *,
    cached: bool = True,
    precision: str = "float32",
) -> Figures:
    """One command of graft."""
    import graft
    from graft.network import CannotSplit, Network, Split

    if strategy.startswith("lora"):
        import peft.tuners.lora  # noqa: F401 - as for the Trainer, its import is no training
    if not cached:
        split = Network.split

        def refuse(network: Network, depth: int) -> Split:
            if 0 < depth < len(network.backbone.blocks):  # features stay, for the probe's exactness
                raise CannotSplit("benchmark")
            return split(network, depth)

        Network.split = refuse  # type: ignore[assignment,method-assign]
    model = graft.fit(
        str(table),
        backbone="minilm",
        strategy=strategy,
        epochs=epochs,
        batch_size=BATCH,
        validation=0.0,
        seed=seed,
        precision=precision,
        out=table.parent / f"run-{time.time()}",
    )
    result = model.result
    return {
        "train": result["seconds"]["train"],
        "accuracy": result["metrics"]["test"]["accuracy"]["value"],
    }


def trainer_fit(
    table: Path,
    seed: int,
    epochs: int,
    *,
    padding: str = "batch",
    frozen: bool = False,
    lora: int = 0,
    bfloat16: bool = False,
) -> Figures:
    """The Trainer of transformers."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    from graft.backbones.text_names import minilm_folder

    with table.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    labels = sorted({row["label"] for row in rows})
    tokenizer: Any = AutoTokenizer.from_pretrained(minilm_folder())

    def tokenised(part: str) -> list[dict[str, Any]]:
        chosen = [row for row in rows if row["split"] == part]
        found = tokenizer(
            [row["text"] for row in chosen],
            truncation=True,
            max_length=LONGEST,
            padding="max_length" if padding == "longest" else False,
        )
        names = ("input_ids", "attention_mask", "token_type_ids")
        return [
            {**{name: found[name][n] for name in names}, "label": labels.index(row["label"])}
            for n, row in enumerate(chosen)
        ]

    set_seed(seed)
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        minilm_folder(), num_labels=len(labels)
    )
    if frozen:
        model.base_model.requires_grad_(False)
    if lora:
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=lora, lora_alpha=16, target_modules="all-linear", modules_to_save=["classifier"]
        )
        model = get_peft_model(model, config)
    arguments = TrainingArguments(
        output_dir=str(table.parent / f"trainer-{time.time()}"),
        per_device_train_batch_size=BATCH,
        num_train_epochs=epochs,
        seed=seed,
        learning_rate=1e-3 if lora or frozen else RATE,
        train_sampling_strategy="group_by_length" if padding == "grouped" else "random",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=bfloat16,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=tokenised("train"),
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    begun = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - begun
    answers = trainer.predict(tokenised("test"))  # grouped by length they come in another order
    right = np.argmax(answers.predictions, axis=1) == answers.label_ids
    return {"train": seconds, "accuracy": float(right.mean())}


WORKLOADS: Mapping[str, Mapping[str, Callable[[Path, int], Figures]]] = {
    "full": {
        "graft full": partial(graft_fit, strategy="full", epochs=2),
        "Trainer, grouped by length": partial(trainer_fit, epochs=2, padding="grouped"),
        "Trainer, padded by batch": partial(trainer_fit, epochs=2),
        "Trainer, padded to 256": partial(trainer_fit, epochs=2, padding="longest"),
    },
    "lora": {
        "graft lora:8": partial(graft_fit, strategy="lora:8", epochs=2),
        "Trainer, LoRA": partial(trainer_fit, epochs=2, lora=8),
    },
    "frozen": {
        "graft linear-probe": partial(graft_fit, strategy="linear-probe", epochs=10),
        "Trainer, frozen": partial(trainer_fit, epochs=10, frozen=True),
    },
    "bfloat16": {
        "graft full": partial(graft_fit, strategy="full", epochs=2, precision="bfloat16"),
        "Trainer, grouped by length": partial(
            trainer_fit, epochs=2, padding="grouped", bfloat16=True
        ),
        "Trainer, padded by batch": partial(trainer_fit, epochs=2, bfloat16=True),
        "graft lora:8": partial(graft_fit, strategy="lora:8", epochs=2, precision="bfloat16"),
        "Trainer, LoRA": partial(trainer_fit, epochs=2, lora=8, bfloat16=True),
    },
    "top": {
        "graft top-k:2": partial(graft_fit, strategy="top-k:2", epochs=5),
        "graft top-k:2, not cached": partial(graft_fit, strategy="top-k:2", epochs=5, cached=False),
    },
}


def measured(workload: str, contender: str, table: Path, seed: int) -> Figures:
    """Seconds from the start of a process of its own to its end, and what it says of itself."""
    child = ("--child", workload, contender, str(table), str(seed))
    command = [sys.executable, "-m", __spec__.name, *child]
    with tempfile.TemporaryDirectory() as cache:
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "GRAFT_CACHE": cache,
                "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
            },
        )
        total = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return {"total": total, **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    """Print a line for each contender, with its time as a multiple of graft's."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workloads", nargs="+", choices=[*WORKLOADS], default=[*WORKLOADS])
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--tests", type=int, default=0)
    parser.add_argument("--only", type=int, help="The first so many contenders of each workload.")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--child", nargs=4, metavar=("WORKLOAD", "CONTENDER", "TABLE", "SEED"))
    given = parser.parse_args()
    if given.child:
        workload, contender, table, seed = given.child
        found = WORKLOADS[workload][contender](Path(table), int(seed))
        print(json.dumps({**found, "processor": time.process_time()}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        write_texts(path, given.texts, given.tests)
        for workload in given.workloads:
            names = [*WORKLOADS[workload]][: given.only]
            rounds = [
                {name: measured(workload, name, path, seed) for name in names}
                for seed in range(given.rounds)
            ]
            report(workload, rounds)


def report(workload: str, rounds: list[dict[str, Figures]]) -> None:
    """A line a contender: medians over rounds, ratios within them."""
    first = next(iter(rounds[0]))
    for name in rounds[0]:
        found = {
            key: float(np.median([each[name][key] for each in rounds]))
            for key in ("total", "processor", "train")
        }
        times = {
            key: float(np.median([each[name][key] / each[first][key] for each in rounds]))
            for key in ("total", "processor", "train")
        }
        each_time = [each[name]["accuracy"] for each in rounds]
        print(
            f"{workload:<7} {name:<28} {found['total']:7.1f} s ({times['total']:5.2f}x)   "
            f"processor {found['processor']:7.1f} s ({times['processor']:5.2f}x)   "
            f"training {found['train']:7.1f} s ({times['train']:5.2f}x)   "
            f"accuracy {np.mean(each_time):.3f} ({min(each_time):.3f} to {max(each_time):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
