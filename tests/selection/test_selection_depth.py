"""The depth curve: pooled boundaries are what a frozen prefix gives, and the rule is plain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from graft.backbones.load import load_backbone
from graft.backbones.text import PADDING, TextBackbone
from graft.bank import bank_folder
from graft.bank.pixels import Pixels
from graft.bank.tokens import Tokens
from graft.data import read
from graft.network import Network
from graft.progress import Silent
from graft.selection.boundaries import PooledBlocks
from graft.selection.depth import curve_of, depth_curve
from graft.selection.text_boundaries import PooledLayers
from graft.types import IntArray

MakeNetwork = Callable[..., Network]


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_convnext"])
def test_pooled_boundaries_are_the_means_of_the_prefixes(
    architecture: str, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    pooled = PooledBlocks(network.backbone)
    found = pooled(images)
    assert found.shape == (3, sum(pooled.widths))
    assert len(pooled.widths) == len(network.backbone.blocks)
    for piece, depth in zip(found.split(pooled.widths, dim=1), range(1, 99), strict=False):
        values = network.split(depth).prefix(images)
        axes = {2: [], 3: [1], 4: [2, 3]}[values.ndim]
        expected = values.mean(dim=axes) if axes else values
        assert torch.allclose(piece, expected, atol=1e-5), depth


@pytest.mark.parametrize(("name", "size"), [("bert", 16), ("electra", 16), ("distilbert", 8)])
def test_pooled_layers_are_the_pooled_outputs_of_the_prefixes(
    name: str, size: int, tiny_encoder: Callable[[str], Path]
) -> None:
    """Also where embeddings are narrower, and where texts are read in pieces."""
    backbone = load_backbone(str(tiny_encoder(name)), size=size, long="chunks", pooling="mean")
    assert isinstance(backbone, TextBackbone)
    tokens = torch.randint(5, 20, (3, 16), generator=torch.Generator().manual_seed(0))
    tokens[1, 13:] = PADDING
    pooled = PooledLayers(backbone)
    found = pooled(tokens).split(pooled.widths, dim=1)
    assert len(found) == len(backbone.blocks)
    with torch.no_grad():
        assert torch.allclose(found[-1], backbone(tokens), atol=1e-6)
    for depth, piece in enumerate(found[:-1], start=1):
        halves = backbone.halves(depth)
        assert halves is not None
        parts = halves[0](tokens).reshape(-1, size, piece.shape[1])
        expected = parts.nanmean(1).reshape(3, -1, piece.shape[1]).nanmean(1)
        assert torch.allclose(piece, expected, atol=1e-5), depth


def test_a_curve_of_texts_has_a_point_for_each_layer_whatever_their_lengths(
    tiny_encoder: Callable[[str], Path],
) -> None:
    backbone = load_backbone(str(tiny_encoder("bert")), size=32)
    assert isinstance(backbone, TextBackbone)
    texts = [f"the {word} film {'of a book ' * n}" for n in range(8) for word in ("good", "bad")]
    examples = read({"text": texts, "label": ["pos", "neg"] * 8})
    tokens = Tokens(examples, backbone, bank_folder(), Silent())
    digests = [digest for digest in tokens.digests if digest]
    assert len({tokens.length(digest) for digest in digests}) > 1
    targets: IntArray = np.asarray(examples.targets, dtype=np.int64)
    curve = depth_curve(backbone, tokens, digests, examples.tasks, targets)
    assert [point.block for point in curve.points] == [block.name for block in backbone.blocks]
    assert all(0 <= point.score.value <= 1 for point in curve.points)


def test_the_curve_has_a_point_per_block_and_comes_from_the_bank(
    photos: Path, make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = make_network().backbone
    examples = read(photos)
    pixels = Pixels(examples, backbone.spec, bank_folder(), Silent())
    digests = [digest for digest in pixels.digests if digest]
    targets: IntArray = np.asarray(examples.targets, dtype=np.int64)

    def curve() -> object:
        return depth_curve(backbone, pixels, digests, examples.tasks, targets).to_dict()

    first = curve()
    assert isinstance(first, dict)
    assert [point["block"] for point in first["points"]] == [b.name for b in backbone.blocks]
    assert first["chance"] == pytest.approx(1 / 3)
    assert 1 <= first["recommended"] <= len(backbone.blocks)
    monkeypatch.setattr(PooledBlocks, "forward", None)
    assert curve() == first


def test_the_rule_freezes_what_is_general() -> None:
    def rows(*counts: int) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
        return [(np.arange(100) < count).astype(np.float64) for count in counts]

    names = ["a", "b", "c", "d"]
    rising = curve_of(names, rows(20, 60, 88, 90), 0.1)
    assert (rising.recommended, rising.best, rising.probe_is_enough) == (3, 4, True)
    falling = curve_of(names, rows(20, 90, 60, 40), 0.1)
    assert (falling.recommended, falling.best, falling.probe_is_enough) == (2, 2, False)
    assert curve_of(names, rows(10, 10, 10, 10), 0.1).recommended == 1


def test_where_no_depth_beats_chance_the_best_of_them_is_recommended() -> None:
    gains = [(np.arange(10) < count).astype(np.float64) for count in (2, 4, 3)]
    assert curve_of(["a", "b", "c"], gains, chance=0.6).recommended == 2
