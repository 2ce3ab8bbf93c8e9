"""`python -m tests.fuzz --minutes 60 --log fuzz.jsonl`: damaged files of every kind.

Each reader gets the same time. Damaged files that reach lines of graft's own source which none
reached before are damaged further. Whatever is neither read nor refused with a message, takes
longer than `SLOWEST` seconds or more than `MOST_BYTES` of memory is written down, and the file is
kept beside the log; once what it showed is mended, it goes into `tests/found/`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

import graft
from graft.errors import UserError

if TYPE_CHECKING:
    from graft.network import Network

SOURCE = str(Path(graft.__file__).parent)
SLOWEST, MOST_BYTES = 20, 8 * 2**30
MOST_KEPT = 400
Endure = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A reader.

    Attributes:
        seeds: Sound files: what each is called within the folder, and its content.
        endure: Reads the folder in which one file was damaged.
        mend: Puts digests right afterwards, so that what lies behind them is reached.
    """

    seeds: Mapping[str, bytes]
    endure: Endure
    mend: Callable[[Path], None] = lambda _: None


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


# What is damaged.


def picture_seeds() -> dict[str, bytes]:
    """Small pictures in every format, with what is unusual about them."""
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    colour = Image.fromarray(noise)
    frames = [colour, colour.rotate(90), colour.rotate(180)]
    moving = {"save_all": True, "append_images": frames[1:]}
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    kinds: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "a.png": (colour, {"exif": exif, "icc_profile": bytes(200)}),
        "palette.png": (colour.convert("P"), {"transparency": 3}),
        "deep.png": (deep, {}),
        "moving.png": (colour, moving),
        "a.jpg": (colour, {"exif": exif, "comment": b"words"}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "slow.jpg": (colour, {"progressive": True}),
        "a.gif": (colour, moving),
        "a.bmp": (colour, {}),
        "a.tiff": (colour, {**moving, "compression": "tiff_lzw"}),
        "raw.tiff": (deep, {}),
        "a.webp": (colour, moving),
        "a.ppm": (colour, {}),
        "a.tga": (colour, {}),
        "a.ico": (colour, {}),
        "a.jp2": (colour, {}),
    }
    found = {}
    for name, (picture, options) in kinds.items():
        file = io.BytesIO()
        kind = {"jpg": "JPEG", "tga": "TGA", "ico": "ICO", "jp2": "JPEG2000"}
        ending = name.rsplit(".", 1)[1]
        picture.save(file, kind.get(ending, ending.upper()), **options)
        found[name] = file.getvalue()
    return found


def pictures() -> Target:
    """Single pictures."""
    from graft.data import decode_all
    from graft.data.pictures import BytesPicture
    from graft.doctor.inspection import inspect
    from graft.progress import Silent
    from graft.types import PreprocessSpec

    spec = PreprocessSpec((8, 8), 1.0, "center", "bilinear", (0.5,) * 3, (0.5,) * 3)

    def endure(folder: Path) -> None:
        (path,) = folder.iterdir()
        picture = BytesPicture(path.read_bytes(), "it")
        (outcome,) = decode_all([picture], spec, workers=0)
        assert (outcome.pixels is None) == (outcome.reason is not None)
        assert outcome.pixels is None or outcome.pixels.shape == (3, 8, 8)
        inspect([picture], Silent())

    return Target(picture_seeds(), endure)


TABLE = "text,label,group\r\n" + "".join(
    f'"word {n}, ""quoted""\nand more",{"ab"[n % 2]},{n}\r\n' for n in range(6)
)


@cache
def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        for name, array in {
            "x": np.arange(4 * 6 * 6, dtype=np.uint8).reshape(4, 6, 6),
            "y": np.array([0, 1, 0, 1]),
        }.items():
            member = io.BytesIO()
            np.save(member, array)
            members.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


@cache
def parquet_bytes() -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"text": ["some words", "others"] * 9, "label": [0, 1] * 9}), file)
    return file.getvalue()


SEEDS: dict[str, Callable[[], bytes]] = {
    "x.csv": TABLE.encode,
    "x.tsv": TABLE.replace(",", "\t").encode,
    "x.jsonl": lambda: b"\n".join(
        json.dumps({"text": f"word {n}", "label": [n, {"a": n}, None, 1.5][n % 4]}).encode()
        for n in range(6)
    ),
    "x.parquet": parquet_bytes,
    "x.npz": archive,
}


def tables() -> Target:
    """Tables and archives, as training data, inputs and for the doctor."""
    from graft.checkup import check_up
    from graft.data import read, read_inputs
    from graft.data.columns import Wanted

    seeds = {name: make() for name, make in SEEDS.items()}
    seeds["nested.jsonl"] = b"\n".join(
        json.dumps({"text": f"w{n}", "label": [["a", "b"], ["c"]][n % 2], "n": {"a": [n]}}).encode()
        for n in range(6)
    )

    def endure(folder: Path) -> None:
        (path,) = folder.iterdir()
        for attempt in (
            lambda: read(path, min_classes=1).digests(),
            lambda: read(path, task="multi-label", min_classes=1),
            lambda: read_inputs([path], "text"),
            lambda: check_up(str(path), Wanted(), rehearse=False, backbone="bundled"),
        ):
            refused(attempt)

    return Target(seeds, endure)


def pairs() -> Target:
    """Texts with translations."""
    from graft.data.columns import Wanted
    from graft.data.pairs import read_pairs

    lines = "".join(f"word {n}\tWort {n}\n" for n in range(8)).encode()
    table = b'en,de\n"a ""quoted"" word",ein Wort\nother,anderes\n' * 2
    nested = b'{"translation": {"en": "a", "de": "ein"}}\n{"translation": {"en": "b", "de": "c"}}\n'

    def endure(folder: Path) -> None:
        (path,) = folder.iterdir()
        read_pairs(str(path), Wanted(task="translation"))

    return Target({"a.tsv": lines, "b.csv": table, "c.jsonl": nested}, endure)


def cifar() -> Target:
    """CIFAR's folders."""
    import pickle

    from graft.data import read
    from graft.data.synthetic import CLASSES, synthetic_pictures, write_cifar

    pixels, targets = synthetic_pictures(6, seed=1)
    planes = pixels.transpose(0, 3, 1, 2).reshape(6, -1)
    batch = {b"data": planes, b"labels": targets.tolist(), b"filenames": [b"a.png"] * 6}
    seeds = {f"py{n}/data_batch_1": pickle.dumps(batch, protocol=n) for n in (0, 2, 4)} | {
        f"py{n}/batches.meta": pickle.dumps({b"label_names": [*CLASSES]}, n) for n in (0, 2, 4)
    }
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "binary"
        write_cifar(path, pixels, targets, CLASSES, test_pictures=pixels, test_targets=targets)
        seeds |= {f"binary/{name}": content for name, content in files_of(path).items()}
    assert np.isfinite(planes).all()

    def endure(folder: Path) -> None:
        for name in ("py0", "py2", "py4", "binary"):
            refused(lambda: read(folder / name, min_classes=1).digests())  # noqa: B023

    return Target(seeds, endure)


def weights() -> Target:
    """Files of weights."""
    import torch
    from safetensors.torch import save_file

    from graft.backbones.weights_file import read_weights

    state = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3), "n": torch.tensor(3)}
    with tempfile.TemporaryDirectory() as root:
        save_file(state, Path(root) / "a.safetensors", metadata={"format": "pt"})
        torch.save(state, Path(root) / "a.pth")
        torch.save({"model": state, "epoch": 3}, Path(root) / "b.pth")
        torch.save(state, Path(root) / "old.pth", _use_new_zipfile_serialization=False)
        seeds = files_of(Path(root))

    def endure(folder: Path) -> None:
        (path,) = folder.iterdir()
        read_weights(path)

    return Target(seeds, endure)


def encoders() -> Target:
    """Folders of transformers' encoders."""
    from graft.backbones.load import load_backbone
    from tests.tiny_texts import write_encoder

    with tempfile.TemporaryDirectory() as root:
        seeds = files_of(write_encoder(Path(root) / "encoder"))

    return Target(seeds, lambda folder: load_backbone(str(folder)))


def small_network(head: str = "linear") -> Network:
    """A network with random weights, for three labels."""
    from graft.backbones.load import load_backbone
    from graft.heads.build import build_head
    from graft.network import Network

    backbone = load_backbone("test_resnet", weights="random", size=32, seed=1)
    return Network(backbone, build_head(head, backbone.num_features, 3, seed=2)).eval()


def networks() -> Target:
    """Folders in timm's layout."""
    from graft.backbones.load import load_backbone
    from graft.export.native import save_model

    with tempfile.TemporaryDirectory() as root:
        save_model(Path(root) / "m", small_network(), "abc", "classification", {})
        seeds = files_of(Path(root) / "m")
    kept = {name: seeds[name] for name in ("config.json", "model.safetensors")}
    return Target(kept, lambda folder: load_backbone(str(folder)))


def models() -> Target:
    """Saved models whose checksums were taken anew."""

    from graft.backbones.load_text import load_text
    from graft.export import checksums
    from graft.export.native import load_model, save_model
    from graft.heads.build import build_head
    from graft.network import Network
    from tests.tiny_texts import write_encoder

    with tempfile.TemporaryDirectory() as root:
        for form, head in (("timm", "linear"), ("separate", "mlp:8")):
            save_model(Path(root) / form, small_network(head), "abc", "classification", {})
        backbone = load_text(str(write_encoder(Path(root) / "encoder")))
        network = Network(backbone, build_head("linear", backbone.num_features, 3, seed=1))
        save_model(Path(root) / "text", network.eval(), "abc", "classification", {})
        seeds = {
            f"{form}/{name}": content
            for form in ("timm", "separate", "text")
            for name, content in files_of(Path(root) / form).items()
        }

    def mend(folder: Path) -> None:
        form, name = MENDED[0].split("/", 1)
        if name in (checksums.FILE, checksums.CARD):
            return
        content = (folder / MENDED[0]).read_bytes()
        fields = json.loads((folder / form / checksums.FILE).read_bytes())
        entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "parts": {}}
        fields["files"][name] = entry
        fields["seal"] = checksums._seal({k: v for k, v in fields.items() if k != "seal"})
        (folder / form / checksums.FILE).write_text(json.dumps(fields))

    def endure(folder: Path) -> None:
        load_model(folder / MENDED[0].split("/", 1)[0])

    return Target(seeds, endure, mend)


MENDED = [""]
"""The name of the file that was damaged last."""


def checkpoints() -> Target:
    """Checkpoints whose digests were taken anew."""
    import torch

    from graft.training import checkpoint

    state = {"a": torch.ones(3), "b": [1, "x", None, {"c": torch.zeros(2, 2)}], "d": 1.5}
    with tempfile.TemporaryDirectory() as root:
        for _ in range(2):
            checkpoint.write_checkpoint(Path(root), state)
        seeds = files_of(Path(root))

    def mend(folder: Path) -> None:
        path = folder / Path(MENDED[0]).parent
        tensors = hashlib.sha256((path / checkpoint.TENSORS).read_bytes()).hexdigest()
        try:
            content = json.loads((path / checkpoint.STATE).read_bytes())
            content["tensors"] = tensors
            content.pop("digest", None)
            content["digest"] = checkpoint._digest(content)
            (path / checkpoint.STATE).write_text(json.dumps(content))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return

    return Target(seeds, lambda folder: checkpoint.read_checkpoint(folder), mend)


def segments() -> Target:
    """What the bank stores."""

    from graft.bank.segment import read_segment, write_segment

    with tempfile.TemporaryDirectory() as root:
        rows = np.arange(12, dtype=np.float32).reshape(3, 4)
        digests = [bytes([n]) * 32 for n in range(3)]
        write_segment(Path(root) / "s", digests, rows, ["", "", ""], {"max": 0.0, "relative": 0.0})
        seeds = files_of(Path(root) / "s")

    def endure(folder: Path) -> None:
        try:
            found = read_segment(folder)
        except (OSError, ValueError, TypeError, KeyError):
            return
        found.damaged(np.arange(3))

    return Target(seeds, endure)


def recipes() -> Target:
    """Recipes."""
    import yaml

    from graft.recipe import Recipe, read_recipe

    seed = yaml.safe_dump(Recipe().model_dump()).encode()
    aliases = b"a: &a [x, x]\nb: &b [*a, *a]\nbackbone: *b\n"
    return Target(
        {"recipe.yaml": seed, "other.yaml": aliases},
        lambda folder: read_recipe(next(folder.iterdir()), {}),
    )


TARGETS: Mapping[str, Callable[[], Target]] = {
    "pictures": pictures,
    "tables": tables,
    "pairs": pairs,
    "cifar": cifar,
    "weights": weights,
    "encoders": encoders,
    "networks": networks,
    "models": models,
    "checkpoints": checkpoints,
    "segments": segments,
    "recipes": recipes,
}
TOGETHER = frozenset({"cifar", "encoders", "networks", "models", "checkpoints", "segments"})
"""Readers of folders: all the other files stand beside the damaged one."""


# How it is damaged.

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
TOKENS = (
    *(
        b"null",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"[]",
        b"{}",
        b'""',
        b"true",
        b"-1",
        b"0",
        b"\\ud800",
    ),
    *(
        b"9" * 400,
        b"[" * 2000,
        b'{"a":' * 2000,
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
    ),
    *(
        b",",
        b'"',
        b"\t",
        b"'",
        b"*a",
        b"&a",
        b"!!python/object:os.system",
        b"../../x",
        b"/dev/zero",
    ),
    *(b"cos\nsystem\n", b"\x80\x04", b"PK\x03\x04", b"(1, 99999999999)", b"float16", b"<f8", b"|O"),
)


def damaged(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """The content with one to six changes."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        at = draw.randrange(len(found) + 1)
        kind = draw.randrange(9)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(found):
            found[at] = draw.randrange(256)
        elif kind == 2:
            del found[at : at + draw.choice((1, 2, 4, 8, 30, 300))]
        elif kind == 3:
            del found[at:]
        elif kind == 4:
            found[at:at] = draw.choice(TOKENS)
        elif kind == 5:
            token = draw.choice(TOKENS)
            found[at : at + len(token)] = token
        elif kind == 6:
            size = draw.choice((1, 2, 4, 8))
            number = draw.choice(NUMBERS) % 256**size
            found[at : at + size] = number.to_bytes(size, draw.choice(("little", "big")))
        elif kind == 7:
            end = at + draw.choice((1, 4, 20, 100))
            found[at:at] = found[at:end] * draw.choice((1, 2, 50))
        else:
            start = draw.randrange(len(other) + 1)
            found[at : at + draw.choice((0, 8, 64))] = other[
                start : start + draw.choice((8, 64, 500))
            ]
    return bytes(found[: 2**20])


# How it is watched.


class TooSlowError(Exception):
    """A case took longer than `SLOWEST` seconds."""


def refused(attempt: Callable[[], object]) -> None:
    """Carry out an attempt that may raise the user's error, with a message of sane length."""
    message = "none"
    try:
        attempt()
    except UserError as problem:
        message = str(problem)
    assert 0 < len(message) < 20_000


@contextmanager
def watched(lines: set[tuple[str, int]]) -> Iterator[None]:
    """Note the lines of graft that are reached, and stop what takes too long."""

    def inside(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return inside

    def called(frame: FrameType, _event: str, _argument: object) -> Any:
        return inside if frame.f_code.co_filename.startswith(SOURCE) else None

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SLOWEST)  # of the process: other programs do not count
    sys.settrace(called)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning does no harm
            yield
    finally:
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def lay_out(folder: Path, target: Target, name: str, content: bytes, together: bool) -> None:
    """The folder with one damaged file in it."""
    shutil.rmtree(folder, ignore_errors=True)
    wanted = {**target.seeds, name: content} if together else {Path(name).name: content}
    for each, its in wanted.items():
        path = folder / each
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(its)
    MENDED[0] = name
    target.mend(folder)


def replay(kind: str, name: str, content: bytes, folder: Path) -> None:
    """Read one damaged file, as it was found.

    Raises:
        Exception: It is neither read nor refused.
    """
    target = TARGETS[kind]()
    lay_out(folder, target, name, content, kind in TOGETHER)
    refused(lambda: target.endure(folder))


def fuzz(
    kind: str, seconds: float, draw: random.Random, log: Path, most: int = 10**9
) -> dict[str, object]:
    """Damage what one reader reads until the time is over, or `most` times; returns the counts."""
    target = TARGETS[kind]()
    corpus = [(name, content) for name, content in target.seeds.items() for _ in range(3)]
    lines: set[tuple[str, int]] = set()
    found: dict[str, int] = {}
    cases, slowest, end = 0, 0.0, time.process_time() + seconds
    with tempfile.TemporaryDirectory(prefix="graft-fuzz-") as root:
        folder = Path(root) / "x"
        while cases < most and time.process_time() < end:
            name, content = draw.choice(corpus)
            fresh = damaged(content, draw.choice(corpus)[1], draw)
            lay_out(folder, target, name, fresh, kind in TOGETHER)
            known, begun, cases = len(lines), time.process_time(), cases + 1
            try:
                with watched(lines):
                    refused(lambda: target.endure(folder))
            except Exception:
                place = traceback.format_exc().strip().splitlines()
                key = next((p for p in reversed(place) if SOURCE in p), "") + place[-1][:60]
                found[key] = found.get(key, 0) + 1
                if found[key] == 1:
                    shown = name.replace("/", "+")
                    file = log.with_name(f"{kind}-{draw.randrange(10**6):06}-{shown}")
                    file.write_bytes(fresh)
                    write(
                        log, {"kind": kind, "name": name, "file": file.name, "trace": place[-25:]}
                    )
            slowest = max(slowest, time.process_time() - begun)
            if len(lines) > known and len(corpus) < MOST_KEPT:
                corpus.append((name, fresh))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    counts = {"lines": len(lines), "corpus": len(corpus), "slowest": round(slowest, 2)}
    return {"kind": kind, "cases": cases, "findings": found, **counts, "peak_mb": peak}


def write(log: Path, row: Mapping[str, object]) -> None:
    """Add a line to the log."""
    with log.open("a") as file:
        file.write(json.dumps(row) + "\n")


def main() -> None:
    """Fuzz every reader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--log", type=Path, default=Path("fuzz.jsonl"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=[*TARGETS], default=[*TARGETS])
    chosen = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    seconds = chosen.minutes * 60 / chosen.rounds / len(chosen.only)
    for turn in range(chosen.rounds):
        for kind in chosen.only:
            row = fuzz(kind, seconds, random.Random(f"{chosen.seed} {turn} {kind}"), chosen.log)
            write(chosen.log, row)
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
