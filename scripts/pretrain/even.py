"""Give all features of a pretrained network the same deviation: `python -m scripts.pretrain.even`.

In pretraining the heads see features divided by their deviations (`Heads.neck`), but the network is
published without its heads. Here those deviations are measured once more, on pictures drawn as in
training, and folded into the last block's norm layers: a feature of the published network varies
over such pictures as much as any other. With a handful of labelled pictures, whose own deviations
say little, a classifier then starts from the scales that the network was trained with.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from scripts.pretrain.banks import prepare_banks
from scripts.pretrain.model import INPUT_SIZE, load_network, save_network
from scripts.pretrain.sources import Source
from scripts.pretrain.train import build_sources, draw_batch

BATCHES = 40


def measure_deviations(network: nn.Module, sources: dict[str, Source], seed: int) -> Tensor:
    """Deviation of each feature over batches of training pictures, D numbers."""
    rng = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        batches = (draw_batch(sources, INPUT_SIZE, rng, hard=True)[0] for _ in range(BATCHES))
        features = torch.cat([network(pictures) for pictures in batches])
    return features.double().std(0)


def even_out(network: nn.Module, deviations: Tensor) -> None:
    """Divide features by their deviations, in place; their root mean square deviation stays.

    The last block adds two normalised branches and cuts at zero, so that dividing both norm
    layers' scales and shifts by a positive number divides the feature.

    Raises:
        ValueError: A feature does not vary.
    """
    if not bool((deviations > 0).all()):
        raise ValueError(f"{int((deviations <= 0).sum())} features do not vary")
    factors = deviations.square().mean().sqrt() / deviations
    last: Any = [*network.get_submodule("layer4").children()][-1]
    with torch.no_grad():
        for norm in (last.bn2, last.downsample[-1]):
            norm.weight.mul_(factors.to(norm.weight.dtype))
            norm.bias.mul_(factors.to(norm.bias.dtype))


def main() -> None:
    """Read the command line and rewrite the network."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the network")
    parser.add_argument("--banks", type=Path, help="folder of drawn tiles; default MODEL/banks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load_network(options.model)
    banks = prepare_banks(options.banks or options.model / "banks", options.seed)
    sources = build_sources(banks, 2 * options.seed)
    deviations = measure_deviations(network, sources, options.seed)
    even_out(network, deviations)
    save_network(network, options.out)
    spread = (deviations.max() / deviations.min()).item()
    print(f"{len(deviations)} features; largest over smallest deviation was {spread:.1f}")


if __name__ == "__main__":
    main()
