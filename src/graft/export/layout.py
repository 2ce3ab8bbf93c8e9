"""What a saved model's folder looks like for one kind of input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from safetensors.torch import save_file
from torch import Tensor, nn

from graft.backbones.backbone import Backbone
from graft.export.manifest import Manifest
from graft.heads.head import Head
from graft.network import Network

CONFIG, WEIGHTS, HEAD = "config.json", "model.safetensors", "head.safetensors"
LOADER = "load.py"
KINDS = ("weight", "bias")
HERE = Path(__file__).parent


class Layout(Protocol):
    """Writing and reading what differs between pictures and texts."""

    @property
    def native(self) -> str:
        """The format's name where the library opens the whole model by itself."""

    def golden(self) -> dict[str, Tensor]:
        """Generated inputs, as they are stored with the model."""

    def inputs(self, stored: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        """Stored golden inputs through the whole preprocessing."""

    def build_native(
        self, network: Network, labels: Sequence[str], inputs: Tensor, logits: Tensor
    ) -> nn.Module | None:
        """The architecture's own classifier, if one computes the same logits; else None."""

    def write(
        self, folder: Path, network: Network, native: nn.Module | None, description: Manifest
    ) -> None:
        """Write configuration, weights and head."""

    def open(self, folder: Path, description: Manifest) -> Backbone:
        """The backbone in a folder, with the preprocessing that the description says.

        Raises:
            BackboneError: It does not open.
            ModelError: The files contradict the description.
        """

    def head_layers(
        self, folder: Path, backbone: Backbone, description: Manifest
    ) -> list[tuple[Tensor, Tensor]]:
        """Weight and bias of the head's layers.

        Raises:
            OSError, SafetensorError, KeyError: They are not there.
        """

    def snippet(self, description: Manifest, folder: Path) -> str:
        """Python that opens the model without graft and names an input's label."""

    def card_input(self, description: Manifest) -> str:
        """What the model card says of the input."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors."""
    # A copy of each: the format refuses tensors that share memory.
    whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(whole, path, metadata={"format": "pt"})


def write_head(folder: Path, head: Head) -> None:
    """Write the head's layers as `head.safetensors`."""
    layers = enumerate(head.layers())
    tensors = {f"{i}.{kind}": t for i, pair in layers for kind, t in zip(KINDS, pair, strict=True)}
    write_tensors(folder / HEAD, tensors)


def head_layers(tensors: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The layers in the tensors of `head.safetensors`."""
    count = len(tensors) // 2
    return [(tensors[f"{n}.weight"], tensors[f"{n}.bias"]) for n in range(count)]
