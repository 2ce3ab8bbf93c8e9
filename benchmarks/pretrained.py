"""Small backbones of several families, pretrained for a minute or two on drawn pictures.

    python -m benchmarks.pretrained FOLDER [--steps 400]

Icons, invented handwriting and textures as `scripts.pretrain` draws them, one classifier over all
their classes. A ViT learns next to nothing of so few pictures in so few steps: it takes four times
as many, and learns beside the classes to tell the bundled backbone's features (Touvron et al. 2021,
"Training data-efficient image transformers", section 4, do it with a teacher's answers). Writes one
folder in timm's layout for each family, and leaves those that are there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import timm
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from torch import Tensor, nn

from graft.backbones.bundled import bundled_folder

SIDE, SEED = 48, 0
POOL, BATCH = 1500, 64
CLASSES = {"icons": 40, "strokes": 40}


@dataclass(frozen=True)
class Family:
    """A timm architecture, shrunk by arguments, and how it is pretrained.

    Attributes:
        architecture: Its name in timm.
        rate: The highest learning rate.
        arguments: What makes it small.
        taught: How much the bundled backbone's features count beside the classes.
        longer: How many times as many steps it takes.
    """

    architecture: str
    rate: float
    arguments: dict[str, Any] = field(default_factory=dict)
    taught: float = 0.0
    longer: int = 1


FAMILIES = {
    "resnet": Family("resnet10t", 2e-3, {"channels": (32, 64, 128, 256)}),
    "mobilenet": Family("mobilenetv3_small_050", 3e-3),
    "convnext": Family("convnext_atto", 2e-3, {"dims": (24, 48, 96, 192), "depths": (2, 2, 4, 2)}),
    "vit": Family(
        "vit_tiny_patch16_224",
        2e-3,
        {
            "img_size": SIDE,
            "patch_size": 8,
            "embed_dim": 128,
            "depth": 4,
            "num_heads": 4,
            "class_token": False,
            "global_pool": "avg",
        },
        taught=10.0,
        longer=4,
    ),
}


def draw_pool() -> tuple[Tensor, Tensor, int]:
    """Pictures (N, 3, SIDE, SIDE) in [0, 1], their labels, and how many classes there are."""
    from scripts.pretrain.icons import build_icon_bank
    from scripts.pretrain.sources import Drawings, Source, Strokes, Textures
    from scripts.pretrain.textures import build_texture_bank

    torch.manual_seed(SEED)
    rng = torch.Generator().manual_seed(SEED)
    textures = build_texture_bank(6, SEED)
    icons = build_icon_bank(CLASSES["icons"], 24, SEED)
    sources: list[Source] = [
        Drawings(icons, textures),
        Strokes(CLASSES["strokes"], SEED),
        Textures(textures),
    ]
    pictures, labels, first = [], [], 0
    for source in sources:
        drawn, own = source.draw(POOL, SIDE, rng, hard=True)
        pictures.append(drawn.clamp(0, 1))
        labels.append(own + first)
        first += source.classes
    return torch.cat(pictures), torch.cat(labels), first


def teacher_features(pictures: Tensor) -> Tensor:
    """(N, D) what the bundled backbone makes of them, each feature about 0, rows of length one."""
    teacher: nn.Module = timm.create_model(
        f"local-dir:{bundled_folder()}", pretrained=True, num_classes=0
    )
    with torch.inference_mode():
        found = torch.cat([teacher.eval()((part - 0.5) / 0.5) for part in pictures.split(250)])
    return F.normalize((found - found.mean(0)) / found.std(0), dim=1).clone()


def pretrain(family: Family, steps: int, pool: tuple[Tensor, Tensor, int]) -> nn.Module:
    """The network after so many steps of AdamW with a one-cycle rate."""
    pictures, labels, classes = pool
    wanted = teacher_features(pictures) if family.taught else torch.zeros(len(pictures), 1)
    torch.manual_seed(SEED)
    model: Any = timm.create_model(family.architecture, num_classes=classes, **family.arguments)
    guess = nn.Linear(model.num_features, wanted.shape[1])
    parameters = [*model.parameters(), *(guess.parameters() if family.taught else ())]
    rng = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.AdamW(parameters, lr=family.rate, weight_decay=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, family.rate, total_steps=steps)
    model.train()
    right = 0.0
    for step in range(steps):
        rows = torch.randint(len(pictures), (BATCH,), generator=rng)
        features = model.forward_features((pictures[rows] - 0.5) / 0.5)
        pooled = model.forward_head(features, pre_logits=True)
        logits = model.get_classifier()(pooled)
        loss = F.cross_entropy(logits, labels[rows], label_smoothing=0.1)
        if family.taught:
            likeness = F.cosine_similarity(guess(pooled), wanted[rows]).mean()
            loss = loss + family.taught * (1 - likeness)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step >= steps - 50:
            right += float((logits.argmax(1) == labels[rows]).float().mean()) / 50
    print(f"  {family.architecture}: {right:.1%} of the last drawn pictures right", flush=True)
    trained: nn.Module = model.eval()
    return trained


def save(model: nn.Module, family: Family, classes: int, folder: Path) -> None:
    """Write a folder in timm's layout."""
    folder.mkdir(parents=True)
    arguments = {**family.arguments, "num_classes": classes}
    cfg = {"input_size": [3, SIDE, SIDE], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1.0}
    cfg |= {"num_classes": classes, "interpolation": "bilinear", "fixed_input_size": False}
    config = {"architecture": family.architecture, "num_classes": classes}
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    text = json.dumps({**config, "model_args": arguments, "pretrained_cfg": cfg})
    (folder / "config.json").write_text(text)


def prepare(folder: Path, steps: int) -> dict[str, Path]:
    """Family to the folder of its backbone; what is missing is pretrained."""
    found = {name: folder / name for name in FAMILIES}
    missing = [name for name, path in found.items() if not (path / "config.json").is_file()]
    if missing:
        pool = draw_pool()
        for name in missing:
            begun = process_time()
            family = FAMILIES[name]
            save(pretrain(family, family.longer * steps, pool), family, pool[2], found[name])
            print(f"  {name}: {process_time() - begun:.0f} s of processor time", flush=True)
    return found


def main() -> None:
    """Parse and pretrain."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    for name, path in prepare(given.folder, given.steps).items():
        print(name, path)


if __name__ == "__main__":
    main()
