"""The walkthrough in fastai: a Learner on the frozen torchvision ResNet50.

`train_bn=False` and `BnFreeze` keep BatchNorm frozen too; fastai's default trains it, which is
slower and another model.
"""

from __future__ import annotations

import torch
from fastai.callback.training import BnFreeze
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import accuracy
from fastai.optimizer import Adam
from fastai.torch_core import params
from fastai.vision.learner import create_body
from torch import nn
from torch.utils.data import Subset, TensorDataset
from torchvision.models import resnet50

from benchmarks.speed.peers.common import normalised, parser, read_cifar, shuffled_split, tell
from benchmarks.speed.peers.fastai_parts import EpochSeconds, weights_into


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
    loaders = DataLoaders.from_dsets(
        Subset(rows, chosen.tolist()), Subset(rows, held_out.tolist()), bs=64, num_workers=0
    )
    test = DataLoader(test_rows, bs=64, num_workers=0)

    body = create_body(weights_into(resnet50(), given.weights), cut=-2)
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2048, 1024),
        nn.ReLU(),
        nn.Linear(1024, 10),
    )
    clock = EpochSeconds()
    learner = Learner(
        loaders,
        nn.Sequential(body, head),
        loss_func=CrossEntropyLossFlat(),
        opt_func=Adam,
        splitter=lambda model: [params(model[0]), params(model[1])],
        metrics=accuracy,
        train_bn=False,
        cbs=[BnFreeze(), clock],
    )
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit(given.epochs, 1e-3)
        measured = learner.validate(dl=test)
    tell(accuracy=float(measured[1]), epochs=clock.seconds[: given.epochs], did="Learner, BnFreeze")


if __name__ == "__main__":
    main()
