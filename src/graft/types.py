"""The values that several floors share. Shapes: B batch, N rows, C classes, H height, W width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]
Targets = npt.NDArray[Any]
"""(N,) class indices, or (N, W) as `graft.data.targets` says."""
ByteArray = npt.NDArray[np.uint8]
Json = dict[str, Any]

Kind = Literal["classification", "ordinal", "multi-label", "regression", "translation"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Task:
    """What one label column asks of a model.

    Attributes:
        kind: `classification` (one class a row), `ordinal` (one class a row, and the classes have
            an order), `multi-label` (any number of labels a row), `regression` (a number) or
            `translation` (a text).
        labels: Names of the classes or labels, in the order of the outputs; none for a number.
        column: Where they come from; None where the data have no columns.
    """

    kind: Kind = "classification"
    labels: tuple[str, ...] = ()
    column: str | None = None

    @property
    def one_class(self) -> bool:
        """Whether a row bears one class, in order or not."""
        return self.kind in ("classification", "ordinal")

    @property
    def outputs(self) -> int:
        """How many outputs of the network belong to it; a translation's are words of its own."""
        return 1 if self.kind == "regression" else len(self.labels)

    @property
    def is_scale(self) -> bool:
        """Whether its targets are numbers on a scale: quantities, or lengths of translations."""
        return self.kind in ("regression", "translation")

    @property
    def width(self) -> int:
        """How many columns of the targets belong to it."""
        return len(self.labels) if self.kind == "multi-label" else 1

    @property
    def name(self) -> str:
        """What the result calls it.

        >>> Task("regression", column="age").name, Task("regression").name
        ('age', 'value')
        """
        return self.column or ("value" if self.kind == "regression" else "label")

    @property
    def names(self) -> tuple[str, ...]:
        """A name for every output."""
        return (self.name,) if self.kind == "regression" else self.labels

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {"kind": self.kind, "labels": [*self.labels], "column": self.column}

    @classmethod
    def from_dict(cls, fields: Json) -> Task:
        """The inverse of `to_dict`."""
        return cls(fields["kind"], tuple(fields["labels"]), fields["column"])


def output_names(tasks: Sequence[Task]) -> tuple[str, ...]:
    """A name for every output of a network for these tasks.

    >>> output_names([Task("multi-label", ("a", "b"))])
    ('a', 'b')
    >>> output_names([Task("multi-label", ("a", "b"), "tags"), Task("regression", (), "age")])
    ('tags: a', 'tags: b', 'age')
    """
    if len(tasks) == 1:
        return tasks[0].names
    return tuple(
        name if task.kind == "regression" else f"{task.name}: {name}"
        for task in tasks
        for name in task.names
    )


def slices(widths: Iterable[int]) -> list[slice]:
    """Consecutive slices of these widths.

    >>> slices([2, 1])
    [slice(0, 2, None), slice(2, 3, None)]
    """
    ends = [0, *accumulate(widths)]
    return [slice(start, end) for start, end in pairwise(ends)]


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
    def modality(self) -> str:
        """`image`."""
        return "image"

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


LONG_TEXTS = ("truncate", "head-tail", "chunks")
POOLINGS = ("mean", "cls", "max", "unit-mean")


@dataclass(frozen=True, slots=True)
class TextSpec:
    """How a text becomes the backbone's input; read from the checkpoint, never guessed.

    Attributes:
        max_length: Tokens that the encoder takes at once, its special tokens included.
        long: What becomes of longer texts: `truncate` keeps the first tokens, `head-tail` the first
            quarter and the last three of the room (Sun et al. 2019, section 5.3.1), `chunks`
            averages the features of consecutive pieces.
        pooling: How token vectors become one: `mean` and `max` over all tokens, `cls` the first;
            `unit-mean` is the mean scaled to length one.
        tokenizer: SHA-256 (hex) of the tokenizer.
    """

    max_length: int
    long: str
    pooling: str
    tokenizer: str

    @property
    def modality(self) -> str:
        """`text`."""
        return "text"

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {"modality": "text", **asdict(self)}

    @classmethod
    def from_dict(cls, fields: Json) -> TextSpec:
        """The inverse of `to_dict`."""
        return cls(**{key: value for key, value in fields.items() if key != "modality"})


@dataclass(frozen=True, slots=True)
class PairSpec:
    """How a text and its translation become tokens; read from the checkpoint, never guessed.

    Attributes:
        max_source: Tokens of a source text at most, its special tokens included.
        max_target: Tokens of a translation at most, its special tokens included.
        prefix: What stands before every source text, as T5 was trained with; may be empty.
        source_language: The tokenizer's code, or None where it knows no languages.
        target_language: The same of translations.
        tokenizer: SHA-256 (hex) of the tokenizer.
    """

    max_source: int
    max_target: int
    prefix: str
    source_language: str | None
    target_language: str | None
    tokenizer: str

    @property
    def modality(self) -> str:
        """`translation`."""
        return "translation"

    @property
    def max_length(self) -> int:
        """Tokens of a text, the mark between, and its translation at most."""
        return self.max_source + 1 + self.max_target

    def to_dict(self) -> Json:
        """The fields as JSON values."""
        return {"modality": "translation", **asdict(self)}

    @classmethod
    def from_dict(cls, fields: Json) -> PairSpec:
        """The inverse of `to_dict`."""
        return cls(**{key: value for key, value in fields.items() if key != "modality"})


class Written(Protocol):
    """One text, or a pair of texts."""

    @property
    def content(self) -> str:
        """The text."""

    @property
    def second(self) -> str | None:
        """The second text of a pair."""


Spec = PreprocessSpec | TextSpec | PairSpec


def spec_from_dict(fields: Json) -> Spec:
    """The preprocessing that `to_dict` of any kind wrote."""
    if fields.get("modality") == "translation":
        return PairSpec.from_dict(fields)
    text = fields.get("modality") == "text"
    return TextSpec.from_dict(fields) if text else PreprocessSpec.from_dict(fields)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the training loop sees: it cannot tell pixels from cached activations.

    Attributes:
        inputs: (B, ...) what the suffix eats.
        targets: (B,) class indices; for other tasks than one column of classes (B, W), NaN where
            a label is missing.
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
