"""Whether weights from elsewhere are sound: finite, of the right kind, as many as are described."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from graft.errors import BackboneError

WEIGHTS = "model.safetensors"
MOST_NAMED = 4
# A file may hold a quarter of the bytes of each number, and leave out a classifier.
SLACK, ROOM = 8, 2**28
# Beyond these a configuration is damaged: the deepest networks in use have a few hundred layers.
MOST_LAYERS, MOST_WIDTH = 1000, 2**22


def not_finite(model: nn.Module) -> list[str]:
    """The names of all tensors with a value that is no finite number."""
    named = model.state_dict().items()
    return [name for name, tensor in named if not bool(tensor.isfinite().all())]


def check_finite(model: nn.Module, shown: str) -> None:
    """Check that every weight and statistic is a finite number.

    Args:
        model: As it was loaded.
        shown: Where the weights come from, as messages name it.

    Raises:
        BackboneError: One is not; the tensors are named.
    """
    wrong = not_finite(model)
    if wrong:
        raise BackboneError(
            f"The weights of '{shown}' hold values that are no finite numbers: {listed(wrong)}",
            allowed="finite numbers",
            next="copy or download the weights again",
        )


def check_kinds(path: Path, model: nn.Module) -> None:
    """Check that a file of weights has real numbers where the model has: loading would round.

    Raises:
        BackboneError: It has whole numbers there; the tensors are named.
    """
    if not path.is_file():
        return
    try:
        with safe_open(path, framework="pt") as file:
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise BackboneError(f"{path} cannot be read: {error}", next="copy it again") from error
    wrong = [
        f"{name} ({kinds[name]})"
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point() and not kinds.get(name, "F").startswith(("F", "BF"))
    ]
    if wrong:
        raise BackboneError(
            f"{path} holds whole numbers where weights belong: {listed(wrong)}",
            allowed="floating-point numbers",
            next="copy or download the weights again",
        )


def check_size(path: Path, wanted: int | None) -> None:
    """Check that a configuration does not describe a model far beyond its weights.

    Args:
        path: The weights.
        wanted: Bytes that the described model takes; None where they are not known.

    Raises:
        BackboneError: It does; nothing of that size has been made.
    """
    if wanted is None or not path.is_file():
        return
    size = path.stat().st_size
    if wanted > SLACK * size + ROOM:
        raise BackboneError(
            f"{path.parent / 'config.json'} describes a model of {wanted / 1e9:.1f} GB, and the "
            f"weights beside it have {size / 1e9:.3f} GB",
            allowed="a configuration that fits the weights",
            next="copy or download the folder again",
        )


def bytes_in(model: nn.Module) -> int:
    """Bytes that a model's tensors take, or would take."""
    tensors: list[Tensor] = [*model.state_dict().values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def is_count(value: object, most: int) -> bool:
    """Whether a value is a whole number from 1 to `most`."""
    return type(value) is int and 0 < value <= most


def beyond(value: object, key: str = "") -> str | None:
    """The key in a configuration whose number of layers, or whose width, makes no sense."""
    if isinstance(value, dict):
        return next((k for name, v in value.items() if (k := beyond(v, str(name)))), None)
    if isinstance(value, (list, tuple)):
        return next((k for v in value if (k := beyond(v, key))), None)
    most = MOST_LAYERS if key in ("depth", "depths", "layers", "num_layers") else MOST_WIDTH
    return key if type(value) is int and value > most else None


def listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
