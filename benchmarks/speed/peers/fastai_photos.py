"""Photos in fastai: vision_learner, frozen body, one-cycle, flips and random crops.

The defaults as they are, so the body's BatchNorm layers train (`train_bn=True`) and the head is
fastai's own, with concatenated pooling and a hidden layer.
"""

from __future__ import annotations

import fastai.callback.schedule  # noqa: F401 - gives every Learner fit_one_cycle
from fastai.data.transforms import Normalize
from fastai.metrics import accuracy
from fastai.vision.augment import Flip, RandomResizedCrop
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders
from fastai.vision.learner import create_body, vision_learner
from fastai.vision.utils import get_image_files
from torchvision.models import resnet50

from benchmarks.speed.peers.common import parser, tell
from benchmarks.speed.peers.fastai_parts import EpochSeconds, set_threads, weights_into


def main() -> None:
    """Train, evaluate, print."""
    options = parser(__doc__)
    options.add_argument("--size", type=int, default=224)
    given = options.parse_args()
    set_threads(given.threads)
    loaders = ImageDataLoaders.from_folder(
        given.data,
        train="train",
        valid="val",
        item_tfms=RandomResizedCrop(given.size, min_scale=0.35),
        batch_tfms=[Flip(), Normalize.from_stats(*imagenet_stats, cuda=False)],
        bs=32,
    )
    clock = EpochSeconds()
    # pretrained=False: the weights come from a file instead of a download.
    learner = vision_learner(
        loaders, resnet50, pretrained=False, normalize=False, metrics=accuracy, cbs=[clock]
    )
    body = create_body(weights_into(resnet50(), given.weights), cut=-2)
    learner.model[0].load_state_dict(body.state_dict())
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(given.epochs)
        test = loaders.test_dl(get_image_files(given.data / "test"), with_labels=True)
        measured = learner.validate(dl=test)
    tell(
        accuracy=float(measured[1]),
        epochs=clock.seconds[: given.epochs],
        did="vision_learner, freeze, fit_one_cycle, fresh flips and crops",
    )


if __name__ == "__main__":
    main()
