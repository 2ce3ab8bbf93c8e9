"""Probabilities of a trained network for rows of a data set."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graft.bank.source import Source
from graft.errors import DivergenceError
from graft.network import Network
from graft.types import FloatArray, IntArray

BATCH = 256


def probabilities(network: Network, source: Source, rows: IntArray) -> FloatArray:
    """(N, C) softmax of the logits, in float64.

    Raises:
        DivergenceError: A logit is not finite: the last step of training broke the weights.
    """
    network.eval()
    device = next(network.parameters()).device
    # Rows of one length together: the order changes nothing but the padding.
    order = np.arange(len(rows))
    if source.lengths is not None:
        order = np.argsort(source.lengths[rows], kind="stable")
    pieces = [rows[order[start : start + BATCH]] for start in range(0, len(rows), BATCH)]
    with torch.inference_mode():
        logits = [source.suffix(source.read(piece).to(device)).float().cpu() for piece in pieces]
    if not all(bool(piece.isfinite().all()) for piece in logits):
        raise DivergenceError(
            "The outputs of the trained network are not finite",
            allowed="finite outputs",
            next="choose a smaller --lr",
        )
    if not logits:
        return np.empty((0, network.head.classes))
    return softmax(torch.cat(logits))[np.argsort(order, kind="stable")]


def softmax(logits: Tensor) -> FloatArray:
    """(N, C) rows that sum to one, in float64.

    >>> softmax(torch.tensor([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    values: FloatArray = torch.softmax(logits.double(), dim=1).numpy()
    return values
