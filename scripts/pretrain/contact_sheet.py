"""Look at what the network is trained on: `python -m scripts.pretrain.contact_sheet --out DIR`."""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from scripts.pretrain.banks import prepare_banks
from scripts.pretrain.train import build_sources

COLUMNS, ROWS, SIDE = 24, 14, 64


def tile(pictures: Tensor) -> Image.Image:
    """Pictures (N x 3 x side x side in [0, 1]) in rows, as one image."""
    count, _, side, _ = pictures.shape
    rows = count // COLUMNS
    grid = pictures.reshape(rows, COLUMNS, 3, side, side).permute(0, 3, 1, 4, 2)
    flat = grid.reshape(rows * side, COLUMNS * side, 3)
    return Image.fromarray((flat * 255).round().to(torch.uint8).numpy().astype(np.uint8))


def main() -> None:
    """Write one sheet of random training pictures per source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rng = torch.Generator().manual_seed(options.seed)
    banks = prepare_banks(options.out / "banks", options.seed)
    for name, source in build_sources(banks, options.seed).items():
        pictures, _ = source.draw(COLUMNS * ROWS, SIDE, rng, hard=True)
        tile(pictures).save(options.out / f"{name}.png")


if __name__ == "__main__":
    main()
