"""A pretrained text encoder as a backbone: packed tokens in, one feature vector per text out.

Packed tokens are one integer tensor (B, L): the token's number, its segment (of a pair) in the
bits above, and -1 where a row is padded. Cached activations (B, L, D) carry their mask with them in
the same spirit: a padded position is NaN.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from graft.backbones.backbone import Backbone, Block, Origin
from graft.backbones.calls import Handler, evaluation, intercepted
from graft.backbones.tokens import SEGMENT_BITS, Tokenizer
from graft.types import TextSpec

PADDING = -1
TOKEN_MASK = (1 << SEGMENT_BITS) - 1
_DRY_LENGTH = 7


def mean_pooling(hidden: Tensor, mask: Tensor) -> Tensor:
    """(B, L, D) token vectors averaged over the tokens that the mask (B, L) keeps."""
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * kept).sum(1) / kept.sum(1).clamp(min=1)


def cls_pooling(hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG001 - one signature for all
    """The first token's vector."""
    return hidden[:, 0]


def max_pooling(hidden: Tensor, mask: Tensor) -> Tensor:
    """The largest value of each feature over the tokens that the mask (B, L) keeps."""
    return hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)


def unit_mean_pooling(hidden: Tensor, mask: Tensor) -> Tensor:
    """The average scaled to length one, as sentence encoders are trained to be compared."""
    return functional.normalize(mean_pooling(hidden, mask), dim=1)


POOLING: MappingProxyType[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "mean": mean_pooling,
        "cls": cls_pooling,
        "max": max_pooling,
        "unit-mean": unit_mean_pooling,
    }
)


@dataclass(frozen=True, slots=True)
class Seam:
    """A module after which an encoder can be cut.

    Attributes:
        name: Within the native encoder.
        outputs: How many values it returns in a tuple, the vectors first; 0 for the vectors alone.
    """

    name: str
    outputs: int = 0


class TextBackbone(Backbone):
    """Packed tokens (B, L) to pooled features (B, D).

    Rows longer than the encoder takes are consecutive pieces of that length, whose features are
    averaged.

    Args:
        model: The native encoder; its first output is (B, L, D).
        seams: Where it can be cut, one for each block: the embeddings, then each layer.
        tokenizer: Texts to packed tokens.
        spec: Longest input, pooling, and what becomes of longer texts.
        blocks: Every parameter and buffer of `model`, each in one block, the embeddings first.
        num_features: D.
        origin: Where the weights come from.
    """

    spec: TextSpec  # type: ignore[assignment]  # pictures have the other kind

    def __init__(
        self,
        model: nn.Module,
        seams: tuple[Seam, ...],
        tokenizer: Tokenizer,
        *,
        spec: TextSpec,
        blocks: tuple[Block, ...],
        num_features: int,
        origin: Origin,
    ) -> None:
        super().__init__(
            model,
            spec=spec,  # type: ignore[arg-type]
            blocks=blocks,
            num_features=num_features,
            origin=origin,
        )
        self.seams = seams
        self.tokenizer = tokenizer
        self.takes_segments = takes_segments(model)

    @property
    def modality(self) -> str:
        """`text`."""
        return "text"

    def dry_inputs(self, rows: int, length: int | None = None) -> Tensor:
        """Rows of at most `length` tokens, all different, so that a mask that is lost shows."""
        longest = min(length or _DRY_LENGTH, self.spec.max_length)
        vocabulary = int(self.config["vocab_size"])
        generator = torch.Generator().manual_seed(0)
        packed = torch.randint(0, vocabulary, (rows, longest), generator=generator)
        for row in range(rows):
            packed[row, max(2, longest - row) :] = PADDING
        return packed.to(next(self.parameters()).device)

    def forward(self, tokens: Tensor) -> Tensor:
        """Packed tokens (B, L) to pooled features (B, D)."""
        pieces, owners = self.pieces(tokens)
        return self.averaged(self._pooled(pieces), owners, len(tokens))

    def halves(self, depth: int) -> tuple[nn.Module, nn.Module] | None:
        """The encoder up to and after block `depth`."""
        return LowerHalf(self, depth), UpperHalf(self, depth)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Packed tokens (B, L), at most `spec.max_length` each, to token vectors (B, L, D)."""
        vectors: Tensor = self.model(**self.arguments(tokens))[0]
        return vectors

    def arguments(self, tokens: Tensor) -> dict[str, Tensor]:
        """Packed tokens (B, L) as the native model's arguments."""
        mask = tokens >= 0
        inputs = {
            "input_ids": torch.where(mask, tokens & TOKEN_MASK, self.tokenizer.padding),
            "attention_mask": mask.long(),
        }
        if self.takes_segments:
            inputs["token_type_ids"] = torch.where(mask, tokens >> SEGMENT_BITS, 0)
        return inputs

    def _pooled(self, tokens: Tensor) -> Tensor:
        return POOLING[self.spec.pooling](self.hidden(tokens), tokens >= 0)

    def pieces(self, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        """Rows of at most the longest input; which row each piece is of, where rows are longer."""
        if tokens.is_floating_point():
            raise TypeError("tokens are integers; a floating-point type would round them")
        longest = self.spec.max_length
        rows, length = tokens.shape[:2]
        if length <= longest:
            return tokens.long(), None
        pieces = tokens.reshape(rows * (length // longest), longest).long()
        owners = torch.arange(rows, device=tokens.device).repeat_interleave(length // longest)
        filled = (pieces >= 0).any(1)
        return pieces[filled], owners[filled]

    def averaged(self, features: Tensor, owners: Tensor | None, rows: int) -> Tensor:
        """Features of pieces as features of so many rows; see `pieces`."""
        if owners is None:
            return features
        total = features.new_zeros(rows, features.shape[1]).index_add(0, owners, features)
        count = torch.bincount(owners, minlength=rows).clamp(min=1)
        return total / count.unsqueeze(1).to(total.dtype)


class LowerHalf(nn.Module):
    """Packed tokens (B, L) to the output (B, L, D) of the first blocks, NaN where padded."""

    def __init__(self, backbone: TextBackbone, depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        self._last = backbone.model.get_submodule(backbone.seams[depth - 1].name)

    def train(self, mode: bool = True) -> LowerHalf:  # noqa: ARG002
        """No effect: a prefix always computes in evaluation mode."""
        return self

    def forward(self, tokens: Tensor) -> Tensor:
        """Run the encoder up to the cut and no further."""
        pieces, _ = self.backbone.pieces(tokens)
        with evaluation(self.backbone), torch.no_grad():
            vectors = self._up_to_cut(pieces)
        whole = vectors.new_full((*tokens.shape, vectors.shape[-1]), torch.nan)
        whole[tokens >= 0] = vectors[pieces >= 0]
        return whole

    def _up_to_cut(self, pieces: Tensor) -> Tensor:
        try:
            with intercepted([self._last], _Capture()):
                self.backbone.hidden(pieces)
        except _Reached as reached:
            return reached.vectors
        raise RuntimeError("the forward pass does not reach the cut")


class UpperHalf(nn.Module):
    """The output (B, L, D) of the first blocks, NaN where padded, to pooled features (B, D).

    The encoder's own forward pass runs on the true mask and on tokens that mean nothing, and every
    lower layer returns what was stored.
    """

    def __init__(self, backbone: TextBackbone, depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        # In a list: these modules are the backbone's.
        lower = backbone.seams[:depth]
        self._lower = [(backbone.model.get_submodule(seam.name), seam.outputs) for seam in lower]

    def forward(self, activations: Tensor) -> Tensor:
        """Run the encoder from the cut on."""
        tokens = torch.where(activations[..., 0].isnan(), PADDING, 0)
        pieces, owners = self.backbone.pieces(tokens)
        like = next(self.backbone.parameters())
        vectors = activations.new_zeros(*pieces.shape, activations.shape[-1], dtype=like.dtype)
        vectors[pieces >= 0] = activations[tokens >= 0].to(like.dtype)
        with intercepted([m for m, _ in self._lower], _Answer(vectors, dict(self._lower))):
            features = self.backbone._pooled(pieces)
        return self.backbone.averaged(features, owners, len(activations))


class _Reached(Exception):  # noqa: N818
    def __init__(self, vectors: Tensor) -> None:
        super().__init__("the cut is reached")
        self.vectors = vectors


class _Capture(Handler):
    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:  # noqa: ARG002
        output = run()
        raise _Reached(output if isinstance(output, Tensor) else output[0])


class _Answer(Handler):
    """Returns the stored vectors, in a tuple where the layer's callers unpack one."""

    def __init__(self, vectors: Tensor, outputs: dict[nn.Module, int]) -> None:
        super().__init__()
        self._vectors = vectors
        self._outputs = outputs

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:  # noqa: ARG002
        count = self._outputs[module]
        return (self._vectors, *[None] * (count - 1)) if count else self._vectors


def takes_segments(model: nn.Module) -> bool:
    """Whether the encoder distinguishes the two texts of a pair."""
    kinds = getattr(model.config, "type_vocab_size", 2)
    named = "token_type_ids" in inspect.signature(model.forward).parameters
    return named and isinstance(kinds, int) and kinds > 1
