"""The walkthrough as a plain PyTorch + timm loop: the frozen backbone runs in every epoch."""

from __future__ import annotations

import timm
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from benchmarks.speed.peers.common import normalised, parser, read_cifar, shuffled_split, tell
from benchmarks.speed.peers.torch_loop import accuracy, fit


def main() -> None:
    """Train, evaluate, print."""
    given = parser(__doc__).parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    data = read_cifar(given.data)
    rows = TensorDataset(
        torch.from_numpy(normalised(data.pictures)), torch.from_numpy(data.targets)
    )
    test_rows = TensorDataset(
        torch.from_numpy(normalised(data.test_pictures)), torch.from_numpy(data.test_targets)
    )
    chosen, held_out = shuffled_split(len(rows))
    # The pictures are in memory: worker processes would only add their start and the copying.
    train = DataLoader(Subset(rows, chosen.tolist()), batch_size=64, shuffle=True)
    validation = DataLoader(Subset(rows, held_out.tolist()), batch_size=64)
    test = DataLoader(test_rows, batch_size=64)

    backbone = timm.create_model("resnet50", num_classes=0, checkpoint_path=str(given.weights))
    backbone.requires_grad_(False)
    head = nn.Sequential(nn.Linear(2048, 1024), nn.ReLU(), nn.Linear(1024, 10))
    model = nn.Sequential(backbone, head)
    seconds = fit(
        model,
        train,
        validation,
        optimizer=torch.optim.Adam(head.parameters(), lr=1e-3),
        epochs=given.epochs,
        # Frozen BatchNorm uses its stored statistics, so the backbone stays in evaluation mode.
        training_mode=lambda: (model.train(), backbone.eval()),
        bfloat16=given.bfloat16,
    )
    tell(
        accuracy=accuracy(model, test, bfloat16=given.bfloat16),
        epochs=seconds,
        did="frozen backbone in every epoch",
    )


if __name__ == "__main__":
    main()
