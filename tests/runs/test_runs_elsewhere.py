"""Processes that the machine ends or hinders: other tasks killed, full disks, limits, signals."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from graft.runs.folder import is_unfinished
from graft.types import Json
from tests.conftest import write_photos
from tests.tiny_pairs import reversal, write_marian
from tests.tiny_texts import WORDS, write_encoder

pytestmark = pytest.mark.long
Arguments = Sequence[object]
EVERY = ("--threads", 1, "--device", "cpu", "--weights", "random")
PICTURES = (*EVERY, "--backbone", "test_resnet", "--size", 32, "--epochs", 6, "--batch-size", 4,
            "--patience", 99, "--dropout", 0.1)  # fmt: skip
TEXTS = (*EVERY, "--epochs", 5, "--batch-size", 8, "--patience", 99)
PAIRS = (*EVERY, "--task", "translation", "--size", 20, "--epochs", 3, "--batch-size", 8, "--lr",
         "1e-3", "--beams", 2)  # fmt: skip
SHAPES: dict[str, tuple[str, Arguments]] = {
    "regression": ("numbers.csv", (*PICTURES, "--strategy", "top-k:2")),
    "multi-label": ("tags.csv", (*PICTURES, "--strategy", "lp-ft")),
    "multi-task": ("both.csv", (*PICTURES, "--labels", "kind,size", "--strategy", "lp-ft+ema")),
    "ordinal": ("grades.csv", (*PICTURES, "--task", "ordinal", "--strategy", "discriminative:0.8")),
    "text": ("texts.csv", (*TEXTS, "--strategy", "full")),
    "text-lora-ema": ("texts.csv", (*TEXTS, "--strategy", "lora:2+ema")),
    "text-prefix": ("texts.csv", (*TEXTS, "--strategy", "top-k:1")),
    "contrastive": ("texts.csv", (*TEXTS, "--strategy", "contrastive")),
    "translation": ("pairs.tsv", PAIRS),
    "translation-lora": ("pairs.tsv", (*PAIRS, "--strategy", "lora:2")),
    "accumulate": ("photos", (*PICTURES, "--strategy", "lp-ft", "--accumulate", 3)),
    "views": ("photos", (*PICTURES, "--strategy", "top-k:2", "--views", 4)),
    "mixup": ("photos", (*PICTURES, "--strategy", "full", "--mix", "mixup")),
    "focal": ("photos", (*PICTURES, "--strategy", "l2-sp+wise", "--loss", "focal")),
}
BACKBONES = {"texts.csv": "encoder", "pairs.tsv": "marian"}
KILLS, TIMEOUT = 4, 400.0
PLAIN = (*PICTURES, "--strategy", "lp-ft+ema")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets of every kind, and the networks for texts and pairs."""
    root, draw = tmp_path_factory.mktemp("sets"), random.Random(0)
    sizes = {"blue": 1.0, "green": 2.0, "red": 3.0}
    photos = sorted(write_photos(root / "photos", dict.fromkeys(sizes, 40)).rglob("*.png"))
    named = [(path, path.parent.name) for path in photos]
    noisy = [(p, kind, sizes[kind] + draw.random()) for p, kind in named]
    write(root / "numbers.csv", ("path", "label"), [(p, size) for p, _, size in noisy])
    write(root / "both.csv", ("path", "kind", "size"), noisy)
    write(root / "grades.csv", ("path", "label"), [(p, int(sizes[kind])) for p, kind in named])
    tagged = [(p, "|".join(sorted({kind, draw.choice("xy")}))) for p, kind in named]
    write(root / "tags.csv", ("path", "label"), tagged)
    lengths = (2, 5, 9, 20, 33)
    lines = [" ".join(draw.choices(WORDS, k=draw.choice(lengths))) for _ in range(160)]
    labelled = [(f"{line} {('bad', 'good')[n % 2]}", "np"[n % 2]) for n, line in enumerate(lines)]
    write(root / "texts.csv", ("text", "label"), labelled)
    write_encoder(root / "encoder")
    pairs = [f"{a}\t{b}\n" for a, b in reversal(400)]
    (root / "pairs.tsv").write_text("source\ttarget\n" + "".join(pairs))
    write_marian(root / "marian", [line for pair in reversal(300) for line in pair])
    return root


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


LIMITED = """
import resource, sys
import graft.api, graft.cli.main, graft.run
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + int(sys.argv.pop(1)),) * 2)
graft.cli.main.main(sys.argv[1:])
"""


def start(cache: Path, *arguments: object, room: int | None = None) -> subprocess.Popen[bytes]:
    """`graft fit`, in as much memory as it takes to begin and `room` bytes."""
    begin = ["-m", "graft"] if room is None else ["-c", LIMITED, str(room)]
    environment = {**os.environ, "GRAFT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *begin, "fit", *map(str, arguments)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes], *allowed: int) -> str:
    """What it said, on one line; it ended with 0 or one of the codes, and with no traceback."""
    said = " ".join(process.communicate(timeout=TIMEOUT)[1].decode().split())
    assert process.returncode in (0, *allowed), said
    assert "Traceback" not in said
    return said


def go_on(run: Path, *fresh: object) -> Arguments:
    """The arguments that take a run up, or begin it where nothing was kept."""
    return ("--resume", run) if is_unfinished(run) else (*fresh, "--out", run)


UNEQUAL = ("seconds", "created", "checkpoints", "bank", "seal", "warnings", "load")


def without(value: object) -> object:
    """A result without what may differ between two processes."""
    if isinstance(value, dict):
        return {key: without(item) for key, item in value.items() if key not in UNEQUAL}
    return [without(item) for item in value] if isinstance(value, list) else value


def outcome(run: Path) -> Json:
    rows = [json.loads(row) for row in (run / "history.jsonl").read_text().splitlines()]
    weights = {path.name: path.read_bytes() for path in (run / "model").rglob("*.safetensors")}
    return {
        **weights,
        "history": without(rows),
        "result": without(json.loads((run / "result.json").read_text())),
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_every_task_killed_at_random_ends_with_the_same_bytes(
    shape: str, sets: Path, tmp_path: Path
) -> None:
    source, settings = SHAPES[shape]
    backbone = ("--backbone", sets / BACKBONES[source]) if source in BACKBONES else ()
    fresh = (sets / source, *backbone, *settings)
    begun, moments, killed, number = time.monotonic(), random.Random(shape), 0, 0
    finish(start(tmp_path / "cache", *fresh, "--out", tmp_path / "whole"))
    seconds, expected = time.monotonic() - begun, outcome(tmp_path / "whole")
    while killed < KILLS:
        number += 1
        run, cache = tmp_path / f"run{number}", tmp_path / f"cache{number}"
        every = ("--checkpoint-every", 0) if number % 2 else ()
        while not (run / "result.json").exists():
            process = start(cache, *go_on(run, *fresh), *every)
            if killed < KILLS:
                time.sleep(moments.uniform(0, 1.1 * seconds))
                process.kill()
            finish(process, -signal.SIGKILL)
            killed += process.returncode == -signal.SIGKILL
        assert outcome(run) == expected


@pytest.fixture(scope="module")
def whole(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, float]:
    """What comes of a run on pictures that nothing hinders, and how long it takes."""
    root, begun = tmp_path_factory.mktemp("whole"), time.monotonic()
    finish(start(root / "cache", sets / "photos", *PLAIN, "--out", root / "run"))
    return outcome(root / "run"), time.monotonic() - begun


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Callable[[], None]]:
    """A file system of a size; the callable makes it large."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root mounts file systems")

    def enlarge() -> None:
        subprocess.run(["mount", "-o", "remount,size=500m", str(place)], check=True)

    try:
        yield enlarge
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("what", ["run", "cache"])
@pytest.mark.parametrize("size", ["8k", "60k", "300k", "700k", "1100k", "1600k", "2200k"])
def test_a_full_disk_ends_in_a_message_and_room_in_the_same_bytes(
    what: str, size: str, sets: Path, tmp_path: Path, whole: tuple[Json, float]
) -> None:
    fresh = (sets / "photos", *PLAIN)
    with small_disk(tmp_path / "disk", size) as enlarge:
        places = {"run": tmp_path / "run", "cache": tmp_path / "cache"}
        places[what] = tmp_path / "disk" / what
        run, cache = places["run"], places["cache"]
        process = start(cache, *fresh, "--out", run, "--checkpoint-every", 0)
        said = finish(process, 2)
        assert process.returncode == 0 or "free" in said
        enlarge()
        if not (run / "result.json").exists():
            finish(start(cache, *go_on(run, *fresh)))
        assert outcome(run) == whole[0]


@pytest.mark.parametrize("megabytes", [20, 60, 150, 400])
def test_a_limit_of_memory_is_met_or_told(megabytes: int, sets: Path, tmp_path: Path) -> None:
    large = ("--size", 128, "--batch-size", 64, "--strategy", "full")
    fresh = (sets / "photos", *PICTURES, *large)
    run, cache = tmp_path / "run", tmp_path / "cache"
    process = start(cache, *fresh, "--out", run, room=megabytes * 2**20)
    said = finish(process, 2)
    if process.returncode:
        assert "memory" in said
        finish(start(cache, *go_on(run, *fresh)))
    assert (run / "result.json").exists()


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_moment_leave_what_goes_on(
    number: signal.Signals, twice: bool, sets: Path, tmp_path: Path, whole: tuple[Json, float]
) -> None:
    fresh, moments = (sets / "photos", *PLAIN), random.Random(f"{number} {twice}")
    for turn in range(3):
        run, cache = tmp_path / f"run{turn}", tmp_path / f"cache{turn}"
        process = start(cache, *fresh, "--out", run)
        time.sleep(moments.uniform(0.4, 1.0) * whole[1])
        for _ in range(1 + twice):
            process.send_signal(number)
            time.sleep(0.02)
        finish(process, 130, -signal.SIGTERM)
        if not (run / "result.json").exists():
            finish(start(cache, *go_on(run, *fresh)))
        assert outcome(run) == whole[0]


def test_two_processes_do_not_write_one_run(
    sets: Path, tmp_path: Path, whole: tuple[Json, float]
) -> None:
    run, fresh = tmp_path / "run", (sets / "photos", *PLAIN)
    both = [start(tmp_path / "cache", *fresh, "--out", run) for _ in range(2)]
    told = [finish(process, 2) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert any("nother process" in said or "holds a" in said for said in told)
    assert outcome(run) == whole[0]


@pytest.mark.parametrize("year", [1990, 2060])
def test_clocks_do_not_matter(
    year: int, sets: Path, tmp_path: Path, whole: tuple[Json, float]
) -> None:
    run, cache, fresh = tmp_path / "run", tmp_path / "cache", (sets / "photos", *PLAIN)
    process = start(cache, *fresh, "--out", run, "--checkpoint-every", 0)
    time.sleep(0.8 * whole[1])
    process.kill()
    finish(process, -signal.SIGKILL)
    stamp = (year - 1970) * 31_557_600
    for path in [*run.rglob("*"), *cache.rglob("*")]:
        os.utime(path, (stamp, stamp))
    if not (run / "result.json").exists():
        finish(start(cache, *go_on(run, *fresh)))
    assert outcome(run) == whole[0]
