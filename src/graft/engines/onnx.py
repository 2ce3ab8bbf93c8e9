"""ONNX Runtime: the fastest engine for convolutions on CPUs, an optional extra."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.fx import GraphModule

from graft.engines.failure import EngineFailed, ran_out

PACKAGES = ("onnxruntime", "onnx", "onnxscript")


def installed() -> bool:
    """Whether everything is there that the export and the runtime need."""
    return all(find_spec(name) is not None for name in PACKAGES)


def build_session(graph: GraphModule, inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """A graph of tensor operations, run by ONNX Runtime with as many threads as PyTorch has.

    Raises:
        EngineFailed: An operation has no counterpart, or the model is too large for one message.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            _exported(graph, inputs), options, providers=["CPUExecutionProvider"]
        )
    except Exception as problem:  # the exporter and the runtime raise a dozen types of their own
        if ran_out(problem):
            raise
        raise EngineFailed("it cannot be exported to ONNX", problem) from problem
    name = session.get_inputs()[0].name

    def run(batch: Tensor) -> Tensor:
        (output,) = session.run(None, {name: batch.contiguous().numpy()})
        return torch.from_numpy(output)

    return run


def _exported(graph: GraphModule, inputs: Tensor) -> bytes:
    with _quiet():
        program = torch.onnx.export(graph, (inputs,), dynamo=True, verbose=False)
    if program is None:
        raise EngineFailed("the exporter gave nothing")
    message: bytes = program.model_proto.SerializeToString()
    return message


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own deprecations; they are not the user's."""
    level = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
