"""Export to ONNX: a file appears only after ONNX Runtime answered with it as PyTorch does."""

from __future__ import annotations

import contextlib
import copy
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from graft.engines import onnx
from graft.engines.failure import EngineFailed
from graft.errors import ModelError, OutputError, UserError
from graft.export.golden import Score, compare, golden_logits
from graft.export.native import LAYOUTS
from graft.export.onnx_graph import Caller, caller_of, feed
from graft.export.onnx_metadata import metadata_of
from graft.network import Network
from graft.types import Json, Task, slices

SUFFIX = ".onnx"
EXTRA = "graft-learn[onnx]"
# Above this the format cannot hold a model in one file (Protocol Buffers: 2 GiB a message).
MOST_BYTES = 2**31 - 2**24
# Logits closer together than this share of the largest are a tie: any order of them is right.
TIE = 1e-5


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written and how it was checked.

    Attributes:
        file: Where.
        size: In bytes.
        shapes: Name to shape of every input and output; a name where the size may vary.
        golden: How far its answers to the golden inputs lie from PyTorch's.
        random: The same for random inputs of several sizes.
        rows: How many rows were compared.
    """

    file: Path
    size: int
    shapes: Json
    golden: Score
    random: Score
    rows: int

    def to_dict(self) -> Json:
        """What `--json` prints."""
        return {
            "file": str(self.file),
            "format": "onnx",
            "bytes": self.size,
            "shapes": self.shapes,
            "checked": {
                "rows": self.rows,
                "golden_difference": self.golden.difference,
                "random_difference": self.random.difference,
                "tolerance": min(self.golden.tolerance, self.random.tolerance),
                "top1_equal": True,
            },
        }


def require_onnx() -> None:
    """Check that the extra is installed.

    Raises:
        UserError: It is not.
    """
    missing = onnx.missing()
    if missing:
        raise UserError(
            f"The export to ONNX needs packages that are not installed: {', '.join(missing)}",
            allowed=f"the extra {EXTRA}",
            next=f"pip install '{EXTRA}'",
        )


def export_onnx(
    file: Path, network: Network, labels: Sequence[str], task: str, tasks: Sequence[Task]
) -> Exported:
    """Write a network as one ONNX file that says everything about itself.

    Batch size, and for texts their length, may vary. Preprocessing, labels, tasks, tokenizer and
    golden inputs with their logits stand in the file's metadata. Before the file appears, ONNX
    Runtime opens it and answers the golden inputs and random ones of several sizes: differences
    beyond 1e-3 of the largest logit, or another most probable class, are errors.

    Args:
        file: Ends in `.onnx`; an earlier file is replaced in one step.
        network: Backbone and head.
        labels: A name for every output.
        task: Such as `classification`.
        tasks: What the outputs mean, in their order.

    Raises:
        UserError: The extra is not installed.
        OutputError: The file cannot be written, or its name ends otherwise.
        ModelError: The network cannot be exported, or the exported one answers differently.
    """
    require_onnx()
    _check_name(file)
    if network.backbone.modality == "translation":
        raise ModelError(
            f"'{network.backbone.name}' translates: words are found one by one, which one graph "
            "does not say",
            allowed="models with labels or quantities",
            next="use the saved model, which opens with transformers",
        )
    plain = _on_cpu(network)
    _check_size(plain)
    layout = LAYOUTS[plain.backbone.modality]
    stored = layout.golden()
    inputs = layout.inputs(stored, plain.backbone)
    logits = golden_logits(plain, inputs)
    caller = caller_of(plain)
    names = caller.signature.inputs
    told = metadata_of(plain, labels, task, tasks, names, (stored, logits))
    try:
        message = onnx.write_graph(caller.module, caller.arguments(inputs), caller.signature, told)
        graph = onnx.open_graph(message)
    except EngineFailed as problem:
        raise _not_exported(plain, problem) from problem
    _check_metadata(graph, told)
    golden = _compared(graph, caller, inputs, logits, tasks)
    batches = caller.random()
    scores = [
        _compared(graph, caller, batch, golden_logits(plain, batch), tasks) for batch in batches
    ]
    _write(file, message)
    rows = sum(map(len, (inputs, *batches)))
    return Exported(file, len(message), graph.shapes(), golden, _worst(scores), rows)


def _on_cpu(network: Network) -> Network:
    """The network itself where it is on the CPU in float32, else such a copy."""
    plain = {(p.device.type, p.dtype) for p in network.parameters()} <= {("cpu", torch.float32)}
    return (network if plain else copy.deepcopy(network).to("cpu", torch.float32)).eval()


def _check_name(file: Path) -> None:
    if file.suffix != SUFFIX or file.is_dir():
        raise OutputError(
            f"The export cannot be written to {file}",
            allowed=f"a file whose name ends in {SUFFIX}",
            next="choose another with --out",
        )


def _check_size(network: Network) -> None:
    tensors = [*network.parameters(), *network.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > MOST_BYTES:
        raise ModelError(
            f"The weights take {size / 1e9:.1f} GB, more than one ONNX file can hold",
            allowed=f"at most {MOST_BYTES / 1e9:.1f} GB",
            next="export a smaller backbone",
        )


def _not_exported(network: Network, problem: EngineFailed) -> ModelError:
    cause = " ".join(str(problem.__cause__ or "").split())[:300]
    return ModelError(
        f"'{network.backbone.name}' is not exported: {problem}{f': {cause}' if cause else ''}",
        allowed="operations that ONNX has",
        next="use the saved model, which opens with timm or transformers",
    )


def _check_metadata(graph: onnx.Graph, told: Mapping[str, str]) -> None:
    found = graph.metadata()
    lost = sorted(key for key, value in told.items() if found.get(key) != value)
    if lost:
        raise ModelError(f"The exported file does not say what it should of {', '.join(lost)}")


def _compared(
    graph: onnx.Graph, caller: Caller, inputs: Tensor, expected: Tensor, tasks: Sequence[Task]
) -> Score:
    """How far ONNX Runtime's answers lie from PyTorch's.

    Raises:
        ModelError: Too far, or another class is the most probable one.
    """
    try:
        found = torch.from_numpy(graph(feed(caller, inputs)))
    except Exception as problem:  # the runtime raises a dozen types of its own
        raise ModelError(
            f"ONNX Runtime does not run the exported model on {len(inputs)} rows: {problem}",
            next="use the saved model, which opens with timm or transformers",
        ) from problem
    if found.shape != expected.shape:
        raise ModelError(
            f"The exported model gives {tuple(found.shape)} logits for {tuple(expected.shape)}"
        )
    score = compare(found, expected, tasks)
    moved = 0 if score.difference == 0 else _other_classes(found, expected, tasks)
    if not score.agrees or moved:
        raise ModelError(
            f"The exported model answers differently: logits differ by {score.difference:.3g}, "
            f"allowed is {score.tolerance:.3g}; the most probable class differs in {moved} of "
            f"{len(inputs)} rows",
            next="use the saved model, which opens with timm or transformers",
        )
    return score


def _other_classes(found: Tensor, expected: Tensor, tasks: Sequence[Task]) -> int:
    """Rows whose most probable class is another one, ties left out."""
    moved = torch.zeros(len(found), dtype=torch.bool)
    for task, place in zip(tasks, slices(task.outputs for task in tasks), strict=True):
        if not task.one_class or task.outputs < 2:
            continue
        wanted, given = expected[:, place], found[:, place]
        largest = wanted.topk(2, dim=1).values
        clear = largest[:, 0] - largest[:, 1] > TIE * wanted.abs().amax(1).clamp(min=1)
        moved |= clear & (wanted.argmax(1) != given.argmax(1))
    return int(moved.sum())


def _worst(scores: Sequence[Score]) -> Score:
    return max(scores, key=lambda score: score.difference / score.tolerance)


def _write(file: Path, message: bytes) -> None:
    """The whole file in one step."""
    temporary: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(message)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp's file is private
        temporary.replace(file)
    except OSError as problem:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise OutputError(
            f"{file} cannot be written ({problem.strerror or problem})",
            allowed="a place that you may write to, with room",
            next="choose another with --out",
        ) from problem
