"""What every test stands on: no network, one thread, a bank and a working directory of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the hub's client is imported

if TYPE_CHECKING:
    from graft.bank.feed import Feed
    from graft.model import Model
    from graft.network import Network
    from graft.types import Json

COLOURS = {"blue": (60, 60, 180), "green": (60, 180, 60), "red": (180, 60, 60)}
SIDE = 32


@pytest.fixture(scope="session", autouse=True)
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, and a bank for what several tests share."""
    import torch

    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    patch.setenv("GRAFT_CACHE", str(tmp_path_factory.mktemp("shared-cache")))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bank and a working directory of the test's own; returns what GRAFT_CACHE names."""
    folder = tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.setenv("GRAFT_CACHE", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def write_photos(folder: Path, counts: Mapping[str, int], seed: int = 0) -> Path:
    """Class folders of noisy pictures; the class decides the colour."""
    random = np.random.default_rng(seed)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            noisy = COLOURS[name] + random.normal(0, 60, (40, 48, 3))
            picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
            picture.save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture
def make_photos() -> Callable[..., Path]:
    """`make_photos(folder, {"blue": 3, ...}, seed=0)`; colours are blue, green, red."""
    return write_photos


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of each of three classes. Not to be changed."""
    return write_photos(tmp_path_factory.mktemp("photos"), dict.fromkeys(COLOURS, 12))


@pytest.fixture(scope="session")
def new_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four other pictures of each class. Not to be changed."""
    return write_photos(tmp_path_factory.mktemp("new"), dict.fromkeys(COLOURS, 4), seed=1)


@pytest.fixture(scope="session")
def tiny() -> Json:
    """Settings of a run that takes a second."""
    return {
        "backbone": "test_resnet",
        "weights": "random",
        "size": SIDE,
        "epochs": 2,
        "batch_size": 8,
        "threads": 1,
        "device": "cpu",
    }


@pytest.fixture(scope="session")
def trained(photos: Path, tiny: Json, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model of one finished run, LP-FT on `photos`. Not to be changed."""
    from graft.api import fit

    out = tmp_path_factory.mktemp("trained") / "run"
    return fit(str(photos), **tiny, strategy="lp-ft", out=out)


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Network]:
    """`make_network(architecture="test_resnet", head="linear", classes=3, seed=0)`."""
    return build_network


def build_network(
    architecture: str = "test_resnet", head: str = "linear", classes: int = 3, seed: int = 0
) -> Network:
    """A network with random weights and BatchNorm statistics that are not the trivial ones."""
    import torch

    from graft.backbones.load import load_backbone
    from graft.heads.build import build_head
    from graft.network import Network

    backbone = load_backbone(architecture, weights="random", size=SIDE, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in backbone.model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1, generator=generator)
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0, generator=generator)
    return Network(backbone, build_head(head, backbone.num_features, classes, seed=seed)).eval()


@pytest.fixture(scope="session")
def make_feed(photos: Path) -> Callable[..., Feed]:
    """`make_feed(network, folder=photos, wish)`: all rows of a folder, in the present bank.

    Unless another wish is given, the prefix runs eagerly in batches of 64.
    """
    import torch

    from graft.bank import bank_folder
    from graft.bank.feed import Feed
    from graft.bank.pixels import Pixels
    from graft.bank.way import Wish
    from graft.data import read
    from graft.progress import Silent

    eagerly = Wish("eager", 64)

    def make(network: Network, folder: Path = photos, wish: Wish = eagerly) -> Feed:
        pixels = Pixels(read(folder), network.backbone.spec, bank_folder(), Silent())
        digests = [digest for digest in pixels.digests if digest]
        root, cpu = bank_folder(), torch.device("cpu")
        return Feed(pixels, digests, network, cpu, root, Silent(), wish=wish)

    return make


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny_encoder("bert")`: the folder of a tiny random text encoder; see `tests.tiny_texts`."""
    from functools import cache

    from tests.tiny_texts import write_encoder

    root = tmp_path_factory.mktemp("encoders")
    return cache(lambda name: write_encoder(root / name, name))


@pytest.fixture(scope="session")
def tiny_marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random Marian model whose pieces are digits. Not to be changed."""
    from tests.tiny_pairs import reversal, write_marian

    lines = [line for pair in reversal(300) for line in pair]
    return write_marian(tmp_path_factory.mktemp("marian") / "model", lines)


@pytest.fixture(scope="session")
def translator(tiny_marian: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that has learnt to turn digits round. Not to be changed."""
    from graft.api import fit
    from tests.tiny_pairs import reversal

    return fit(
        reversal(1500, longest=5),
        task="translation",
        backbone=str(tiny_marian),
        weights="random",
        size=20,
        lr=1e-3,
        epochs=10,
        batch_size=16,
        threads=1,
        device="cpu",
        label_smoothing=0.0,
        beams=2,
        out=tmp_path_factory.mktemp("translator") / "run",
    )
