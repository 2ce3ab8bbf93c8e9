"""torchvision's MobileNets under timm's names.

ResNets bear the same names in both libraries, and timm renames VGGs itself. torchvision's
MobileNet V2 and V3 hold the same tensors in the same order under other names
(`features.1.conv.0.0.weight` for `blocks.0.0.conv_dw.weight`).
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from graft.types import Json

# The last linear layer, which is dropped; and arguments with which timm's model computes the same:
# torchvision builds MobileNet V3 with BatchNorm's eps at 1e-3.
_MOBILENETS: dict[str, tuple[str, Json]] = {
    "mobilenetv2_100": ("classifier.1.", {}),
    "mobilenetv3_small_100": ("classifier.3.", {"bn_eps": 1e-3}),
    "mobilenetv3_large_100": ("classifier.3.", {"bn_eps": 1e-3}),
}


def is_torchvision_mobilenet(state: Mapping[str, Tensor], architecture: str) -> bool:
    """Whether the names are torchvision's for one of the MobileNets."""
    return architecture in _MOBILENETS and "features.0.0.weight" in state


def model_arguments(state: Mapping[str, Tensor], architecture: str) -> Json:
    """Arguments that timm's model needs so that it computes what torchvision's does."""
    if not is_torchvision_mobilenet(state, architecture):
        return {}
    return dict(_MOBILENETS[architecture][1])


def renamed(
    state: Mapping[str, Tensor], model: nn.Module, architecture: str
) -> list[dict[str, Tensor]]:
    """The state dict under timm's names, by order and kind; empty where it is not torchvision's.

    Shapes are the caller's to compare, except that linear layers which timm keeps as 1 x 1
    convolutions are reshaped.
    """
    if not is_torchvision_mobilenet(state, architecture):
        return []
    classifier = _MOBILENETS[architecture][0]
    source = [(name, value) for name, value in state.items() if not name.startswith(classifier)]
    target = list(model.state_dict().items())
    same_kinds = [n.rpartition(".")[2] for n, _ in source] == [
        n.rpartition(".")[2] for n, _ in target
    ]
    if not same_kinds:
        return []
    pairs = zip(source, target, strict=True)
    return [{name: _as_convolution(value, wanted) for (_, value), (name, wanted) in pairs}]


def _as_convolution(value: Tensor, wanted: Tensor) -> Tensor:
    squeezed = wanted.ndim == 4 and wanted.shape[2:] == (1, 1) and wanted.shape[:2] == value.shape
    return value.reshape(wanted.shape) if squeezed else value
