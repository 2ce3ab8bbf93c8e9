"""ONNX, an optional extra: modules written as graphs, and graphs run by ONNX Runtime.

As an engine it is the fastest for convolutions on CPUs; as a file format it is what a model is
exported to.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from graft.engines.failure import EngineFailed
from graft.memory import ran_out
from graft.types import FloatArray, Json

PACKAGES = ("onnxruntime", "onnx", "onnxscript")
Axes = Mapping[int, str]


def missing() -> list[str]:
    """The packages that the export and the runtime need and that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def installed() -> bool:
    """Whether everything is there that the export and the runtime need."""
    return not missing()


def build_session(graph: GraphModule, inputs: Tensor) -> Callable[[Tensor], Tensor]:
    """A graph of tensor operations, run by ONNX Runtime with as many threads as PyTorch has.

    Raises:
        EngineFailed: An operation has no counterpart, or the model is too large for one message.
    """
    try:
        session = _session(_program(graph, (inputs,)).model_proto.SerializeToString())
    except EngineFailed:
        raise
    except Exception as problem:  # the exporter and the runtime raise a dozen types of their own
        if ran_out(problem):
            raise
        raise EngineFailed("it cannot be exported to ONNX", problem) from problem
    name = session.get_inputs()[0].name

    def run(batch: Tensor) -> Tensor:
        (output,) = session.run(None, {name: batch.contiguous().numpy()})
        return torch.from_numpy(output)

    return run


@dataclass(frozen=True, slots=True)
class Signature:
    """How a graph is called.

    Attributes:
        inputs: Names, in the order of the module's arguments.
        axes: For every input, the name of each dimension that may have any size.
        output: The output's name.
    """

    inputs: tuple[str, ...]
    axes: tuple[Axes, ...]
    output: str


def write_graph(
    module: nn.Module, examples: Sequence[Tensor], signature: Signature, metadata: Mapping[str, str]
) -> bytes:
    """A module as an ONNX file: the bytes.

    Args:
        module: In evaluation mode, on the CPU; takes any number of tensors, gives one.
        examples: An argument for every input; sizes that may vary are best not 1.
        signature: Names, and what may vary.
        metadata: What the file says about itself.

    Raises:
        EngineFailed: An operation has no counterpart, a size cannot vary, or the model is too large
            for one message.
    """
    try:
        proto = _program(module, tuple(examples), signature).model_proto
        _leave_out_traces(proto)
        for key in sorted(metadata):
            proto.metadata_props.add(key=key, value=metadata[key])
        proto.producer_name, proto.producer_version = "graft", ""
        message: bytes = proto.SerializeToString(deterministic=True)
    except EngineFailed:
        raise
    except Exception as problem:  # the exporter raises a dozen types of its own
        if ran_out(problem):
            raise
        raise EngineFailed("it cannot be exported to ONNX", problem) from problem
    return message


@dataclass(frozen=True, slots=True)
class Graph:
    """An ONNX file that ONNX Runtime has opened.

    Attributes:
        session: The runtime's session.
    """

    session: Any

    def __call__(self, feed: Mapping[str, FloatArray]) -> FloatArray:
        """The first output for arrays by name."""
        found: FloatArray = self.session.run(None, dict(feed))[0]
        return found

    def metadata(self) -> dict[str, str]:
        """What the file says about itself."""
        return dict(self.session.get_modelmeta().custom_metadata_map)

    def shapes(self) -> Json:
        """Name to shape of every input and output; what may vary is a name."""
        values = [*self.session.get_inputs(), *self.session.get_outputs()]
        return {value.name: list(value.shape) for value in values}


def open_graph(message: bytes) -> Graph:
    """Open the bytes of an ONNX file.

    Raises:
        EngineFailed: ONNX Runtime does not take it.
    """
    try:
        return Graph(_session(message))
    except Exception as problem:  # the runtime raises a dozen types of its own
        if ran_out(problem):
            raise
        raise EngineFailed("ONNX Runtime does not open it", problem) from problem


def _session(message: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(message, options, providers=["CPUExecutionProvider"])


def _program(module: nn.Module, inputs: tuple[Tensor, ...], named: Signature | None = None) -> Any:
    settings: Json = {}
    if named is not None:
        free = {
            name: torch.export.Dim(name, min=1) for axes in named.axes for name in axes.values()
        }
        shapes = tuple({at: free[name] for at, name in axes.items()} for axes in named.axes)
        settings = {"input_names": list(named.inputs), "output_names": [named.output]}
        settings["dynamic_shapes"] = (shapes,)
    with _quiet():
        # What only runs here is optimised by ONNX Runtime itself.
        program = torch.onnx.export(
            module, inputs, dynamo=True, verbose=False, optimize=named is not None, **settings
        )
    if program is None:
        raise EngineFailed("the exporter gave nothing")
    return program


def _leave_out_traces(proto: Any) -> None:
    """Drop the lines of source that every node came from: they name this machine's folders."""
    del proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


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
