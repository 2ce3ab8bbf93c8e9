"""The values that several floors share. Shapes: B batch, N rows, C classes, H height, W width."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """How a picture becomes the backbone's input; read from the checkpoint, never guessed.

    Attributes:
        size: Height and width in pixels after the crop.
        crop_pct: Share of the resized picture that the crop keeps (timm's meaning).
        crop_mode: `center` (short side resized, middle cut out), `squash` (both sides resized)
            or `border` (long side resized, the rest filled).
        interpolation: `nearest`, `bilinear`, `bicubic` or `lanczos`.
        mean: Per-channel mean in [0, 1], subtracted after division by 255.
        std: Per-channel standard deviation in [0, 1].
        channel_order: `RGB` or `BGR`.
    """

    size: tuple[int, int]
    crop_pct: float
    crop_mode: str
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_order: str = "RGB"

    @property
    def channels(self) -> int:
        """1 for grey input, 3 for colour."""
        return len(self.mean)

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        fields = asdict(self)
        return {k: [*v] if isinstance(v, tuple) else v for k, v in fields.items()}

    @classmethod
    def from_dict(cls, fields: Json) -> PreprocessSpec:
        """The inverse of `to_dict`."""
        sequences = {key: tuple(fields[key]) for key in ("size", "mean", "std")}
        return cls(**{**fields, **sequences})


@dataclass(frozen=True, slots=True)
class Batch:
    """What the training loop sees: it cannot tell pixels from cached activations.

    Attributes:
        inputs: (B, ...) what the suffix eats.
        targets: (B,) class indices.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return int(self.targets.shape[0])


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers as JSON values."""
        return {"value": self.value, "low": self.low, "high": self.high}
