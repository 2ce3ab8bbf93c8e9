"""Photos in a plain PyTorch + timm loop with two loader workers.

By default the backbone is frozen and a new head trains on fresh flips and crops. With --unfreeze
the named part of the backbone trains too and the pictures are only resized and cropped.
"""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.speed.peers.common import IMAGENET_MEAN, IMAGENET_STD, parser, tell
from benchmarks.speed.peers.torch_loop import accuracy, fit

CLASSES = 10


def loader(folder: Path, size: int, *, fresh: bool, shuffle: bool) -> DataLoader[object]:
    """Batches of 32; fresh random crops and flips, or the centre of the resized picture."""
    cropped: list[object] = [
        transforms.Resize(round(size / 0.875)),
        transforms.CenterCrop(size),
    ]
    if fresh:
        cropped = [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip()]
    to_tensor = [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    rows = ImageFolder(str(folder), transforms.Compose([*cropped, *to_tensor]))
    return DataLoader(rows, batch_size=32, shuffle=shuffle, num_workers=2)


def main() -> None:
    """Train, evaluate, print."""
    options = parser(__doc__)
    options.add_argument("--size", type=int, default=224)
    options.add_argument("--unfreeze", default="", help="layer4, for example")
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    fresh = not given.unfreeze
    train = loader(given.data / "train", given.size, fresh=fresh, shuffle=True)
    validation = loader(given.data / "val", given.size, fresh=False, shuffle=False)
    test = loader(given.data / "test", given.size, fresh=False, shuffle=False)

    backbone = timm.create_model("resnet50", num_classes=0, checkpoint_path=str(given.weights))
    backbone.requires_grad_(False)
    head = nn.Linear(2048, CLASSES)
    trained = [*head.parameters()]
    if given.unfreeze:
        trained += backbone.get_submodule(given.unfreeze).requires_grad_(True).parameters()
    model = nn.Sequential(backbone, head)
    seconds = fit(
        model,
        train,
        validation,
        optimizer=torch.optim.AdamW(trained, lr=1e-4 if given.unfreeze else 1e-3),
        epochs=given.epochs,
        # BatchNorm keeps its stored statistics, as is usual with few pictures.
        training_mode=lambda: (model.train(), backbone.eval()),
        bfloat16=given.bfloat16,
    )
    tell(
        accuracy=accuracy(model, test, bfloat16=given.bfloat16),
        epochs=seconds,
        did=f"trains {given.unfreeze or 'nothing'} of the backbone and the head, 2 workers",
    )


if __name__ == "__main__":
    main()
