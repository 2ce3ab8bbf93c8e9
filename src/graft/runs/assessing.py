"""Who measures a trained network, by what its rows are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from graft.bank.bucketed import AnyFeed
from graft.bank.pairs import IGNORED, Pairs
from graft.bank.source import pooled_features
from graft.network import Network
from graft.progress import Progress
from graft.runs.assessment import Assessor
from graft.runs.preparation import Prepared
from graft.runs.translation_assessment import TranslationAssessor, settle_length
from graft.types import FloatArray, IntArray, Json


class Assessing(Protocol):
    """Measures a network on the held-out rows."""

    def before(self) -> None:
        """Take down what the pretrained network answers, before training changes it."""

    def measure(self, predict: Callable[[IntArray], FloatArray], *, test: bool = True) -> Json:
        """The parts of the result that the held-out rows decide.

        Args:
            predict: Row numbers to answers (N, C), for answers that are numbers.
            test: Whether to look at the test part.
        """


def assessor_of(
    prepared: Prepared,
    feed: AnyFeed,
    network: Network,
    seed: int,
    progress: Progress,
    warnings: list[str],
    depths: Sequence[int],
) -> Assessing:
    """The assessor of a data set; for labels, pretrained features of all rows are computed.

    Args:
        prepared: The rows and their parts.
        feed: Readers of the rows.
        network: Pretrained backbone and head.
        seed: Of the bootstrap.
        progress: Told how far the work is.
        warnings: Gets sentences for the result.
        depths: How many blocks each phase keeps frozen.
    """
    examples = prepared.examples
    if isinstance(prepared.opened, Pairs):
        settle_length(network, prepared.targets(), IGNORED)
        return TranslationAssessor(examples, prepared.split, network, seed, progress, warnings)
    features = pooled_features(network, depths, feed)
    return Assessor(examples, prepared.split, feed, features, seed)
