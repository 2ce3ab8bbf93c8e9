"""Pretrain the bundled backbone: `python -m scripts.pretrain.train --out DIR`.

Two processes of one thread each draw and train on half of every batch: on a machine that does
other work besides, this loses far less than one process of two threads, which wait for each other
in every layer.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from scripts.pretrain.banks import Banks, prepare_banks
from scripts.pretrain.model import (
    LAYOUT,
    MEAN,
    STD,
    Heads,
    create_network,
    load_network,
    save_network,
)
from scripts.pretrain.sources import Drawings, Families, Glyphs, Source, Strokes, Textures

STROKE_CLASSES = 2000
BATCH = {"strokes": 52, "glyphs": 36, "drawings": 28, "families": 20, "textures": 8}
INK = ("strokes", "glyphs")  # their thumbnails are not asked for
SIDES = (32, 48, 64)
SIDE_WEIGHTS = (0.3, 0.5, 0.2)
PEAK_RATE, WEIGHT_DECAY, WARM_UP = 3e-3, 0.05, 0.05
EASY_SHARE = 0.2  # of the steps, over which hard batches become the rule
LABEL_SMOOTHING = 0.05
THUMBNAIL_WEIGHT = 2.0
REPORT_EVERY, SAVE_EVERY = 100, 250
WORKERS = 2


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    out: Path
    banks: Path
    seed: int
    steps: int
    start: Path | None

    @property
    def stage(self) -> int:
        """0 for a run from random weights, 1 for one that goes on from another."""
        return 0 if self.start is None else 1


class Learner(nn.Module):
    """Network and heads, so that one call computes all losses."""

    def __init__(self, classes: Mapping[str, int]) -> None:
        super().__init__()
        self.network = create_network()
        self.heads = Heads(int(self.network.num_features), classes)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor, labels: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The summed loss, and the share of right answers of each source."""
        counts = {name: len(part) for name, part in labels.items()}
        logits, thumbnails = self.heads(self.network(pictures), counts)
        losses = [
            functional.cross_entropy(logits[name], labels[name], label_smoothing=LABEL_SMOOTHING)
            for name in labels
        ]
        ink = sum(counts[name] for name in INK)
        seen = functional.adaptive_avg_pool2d(pictures[ink:], LAYOUT).flatten(1)
        losses.append(THUMBNAIL_WEIGHT * functional.mse_loss(thumbnails[ink:], seen))
        right = [(logits[name].argmax(1) == labels[name]).float().mean() for name in labels]
        return torch.stack(losses).sum(), torch.stack(right)


def build_sources(banks: Banks, seed: int) -> dict[str, Source]:
    """All sources of pictures, by name."""
    return {
        "strokes": Strokes(STROKE_CLASSES, seed),
        "glyphs": Glyphs(banks.glyphs),
        "drawings": Drawings(banks.drawings, banks.textures),
        "families": Families(banks.families, banks.drawings),
        "textures": Textures(banks.textures),
    }


def choose_kind(step: int, settings: Settings) -> tuple[int, bool]:
    """Side and difficulty of a step's pictures: the same in all processes."""
    rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    side = SIDES[int(torch.multinomial(torch.tensor(SIDE_WEIGHTS), 1, generator=rng))]
    hard_share = 1.0 if settings.stage else step / max(1.0, EASY_SHARE * settings.steps)
    return side, bool(torch.rand((), generator=rng) < hard_share)


def draw_batch(
    sources: Mapping[str, Source], side: int, rng: torch.Generator, hard: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """One process's part of a batch, normalised, and the labels of each source's part."""
    drawn = {
        name: sources[name].draw(count // WORKERS, side, rng, hard) for name, count in BATCH.items()
    }
    pictures = torch.cat([pictures for pictures, _ in drawn.values()])
    normalised = ((pictures - MEAN) / STD).contiguous(memory_format=torch.channels_last)
    return normalised, {name: labels for name, (_, labels) in drawn.items()}


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then half a cosine."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return PEAK_RATE * (step + 1) / warm
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def create_optimizer(learner: Learner) -> torch.optim.Optimizer:
    """AdamW; vectors (norm layers) and heads are not decayed."""
    decayed: list[nn.Parameter] = [p for p in learner.network.parameters() if p.ndim > 1]
    others = [p for p in learner.network.parameters() if p.ndim <= 1]
    others += list(learner.heads.parameters())
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": others},
    ]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, weight_decay=0.0, fused=True)


def train(rank: int, meeting: str, settings: Settings) -> None:
    """One process's training; the first one writes the network."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=WORKERS)
    torch.manual_seed(settings.seed)
    # A later run draws other pictures, and invents other characters.
    draws = 2 * settings.seed + settings.stage
    rng = torch.Generator().manual_seed(draws * WORKERS + rank)
    sources = build_sources(prepare_banks(settings.banks, settings.seed), draws)
    learner = Learner({name: source.classes for name, source in sources.items()})
    if settings.start is not None:
        learner.network.load_state_dict(load_network(settings.start).state_dict())
    parallel = DistributedDataParallel(learner)
    optimizer = create_optimizer(learner)
    begun, right = time.time(), torch.zeros(len(BATCH))
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings.steps)
        side, hard = choose_kind(step, settings)
        loss, hits = parallel(*draw_batch(sources, side, rng, hard))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += hits / REPORT_EVERY
        if rank == 0 and (step + 1) % REPORT_EVERY == 0:
            _report(step + 1, settings.steps, time.time() - begun, right)
            right.zero_()
        if rank == 0 and ((step + 1) % SAVE_EVERY == 0 or step + 1 == settings.steps):
            save_network(learner.network, settings.out)
    dist.destroy_process_group()


def _report(step: int, steps: int, wall: float, right: Tensor) -> None:
    shown = " ".join(f"{name} {value:.3f}" for name, value in zip(BATCH, right, strict=True))
    cpu = WORKERS * time.process_time()
    print(f"{step}/{steps} wall {wall:.0f} s, about {cpu:.0f} s of CPU; right: {shown}", flush=True)


def main() -> None:
    """Read the command line, draw the banks, and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the network")
    parser.add_argument("--banks", type=Path, help="folder for drawn tiles; default OUT/banks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--start", type=Path, help="folder of an earlier run to go on from")
    options = parser.parse_args()
    banks = options.banks or options.out / "banks"
    prepare_banks(banks, options.seed)
    settings = Settings(options.out, banks, options.seed, options.steps, options.start)
    with tempfile.TemporaryDirectory() as folder:
        spawn(train, (f"file://{folder}/meeting", settings), nprocs=WORKERS)


if __name__ == "__main__":
    main()
