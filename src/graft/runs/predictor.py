"""Answers of a trained network for rows of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from graft.bank.source import Source
from graft.engines.in_pieces import InPieces
from graft.errors import DivergenceError
from graft.network import Network
from graft.tasks.several import answers_of, one_of_classes
from graft.types import FloatArray, IntArray, Task


def probabilities(
    network: Network, source: Source, rows: IntArray, *, tasks: Sequence[Task] = ()
) -> FloatArray:
    """(N, C) answers in float64: probabilities, or for quantities the numbers in their units.

    Args:
        network: The network.
        source: What its suffix reads.
        rows: (N,) row numbers.
        tasks: Whose outputs they are; one task of classes where none are named.

    Raises:
        DivergenceError: A logit is not finite: the last step of training broke the weights.
    """
    network.eval()
    device = next(network.parameters()).device
    # Rows of one length together: the order changes nothing but the padding.
    order = np.arange(len(rows))
    if source.lengths is not None:
        order = np.argsort(source.lengths[rows], kind="stable")
    size = source.rows_at_once
    pieces = [rows[order[start : start + size]] for start in range(0, len(rows), size)]
    suffix = InPieces(source.suffix)
    with torch.inference_mode():
        logits = [suffix(source.read(piece).to(device)).float().cpu() for piece in pieces]
    if not all(bool(piece.isfinite().all()) for piece in logits):
        raise DivergenceError(
            "The outputs of the trained network are not finite",
            allowed="finite outputs",
            next="choose a smaller --lr",
        )
    if not logits:
        return np.empty((0, network.head.classes))
    outputs = torch.cat(logits).numpy()[np.argsort(order, kind="stable")]
    return answers_of(tasks or one_of_classes(outputs.shape[1]), outputs)
