"""Inference engines without anything around them: the yardstick for a frozen prefix."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from benchmarks.speed.peers.common import Array

# (N, 3, H, W) float32 to (N, D) float32, N being the batch that the engine was built for.
Engine = Callable[[Array], Array]


def _eager(model: nn.Module, _example: Array, _threads: int) -> Engine:
    model = model.to(memory_format=torch.channels_last)

    def run(pictures: Array) -> Array:
        with torch.inference_mode():
            x = torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last)
            outputs: Array = model(x).numpy()
        return outputs

    return run


def _folded(model: nn.Module, example: Array, threads: int) -> Engine:
    from torch.fx.experimental.optimization import fuse

    # Models without BatchNorm have nothing to fold, and not all of them can be traced.
    foldable = any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    return _eager(fuse(model) if foldable else model, example, threads)


def _onnxruntime(model: nn.Module, example: Array, threads: int) -> Engine:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model, (torch.from_numpy(example),), str(path), dynamo=True, verbose=False
        )
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    name = session.get_inputs()[0].name

    def run(pictures: Array) -> Array:
        outputs: Array = session.run(None, {name: pictures})[0]
        return outputs

    return run


def _openvino(model: nn.Module, example: Array, threads: int) -> Engine:
    import openvino

    converted = openvino.convert_model(
        model, example_input=torch.from_numpy(example), input=list(example.shape)
    )
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(converted, "CPU", settings)

    def run(pictures: Array) -> Array:
        outputs: Array = compiled(pictures)[0].copy()
        return outputs

    return run


ENGINES = MappingProxyType(
    {
        "eager": _eager,
        "folded": _folded,
        "onnxruntime": _onnxruntime,
        "openvino": _openvino,
    }
)


def build_engine(name: str, model: nn.Module, example: Array, threads: int) -> Engine:
    """The model on an engine, for batches of the example's shape.

    Raises:
        ArithmeticError: Its outputs are not the model's.
    """
    with torch.inference_mode():
        expected = model.eval()(torch.from_numpy(example)).numpy()
    engine = ENGINES[name](model, example, threads)
    difference = float(abs(engine(example) - expected).max() / max(1.0, abs(expected).max()))
    if not difference < 1e-3:
        raise ArithmeticError(f"{name} differs from PyTorch by {difference:.1e}")
    return engine
