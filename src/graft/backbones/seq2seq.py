"""A pretrained encoder-decoder as a backbone: pairs in, one vector for every target token out.

Inputs and outputs have the layout of `graft.backbones.pair_layout`. Tokens of the translation are
its labels: what the decoder reads is shifted from them as the native model does (teacher forcing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Block, Origin
from graft.backbones.calls import Handler, evaluation, intercepted
from graft.backbones.pair_layout import EMPTY, compact, filled, parted, spread
from graft.backbones.pair_tokens import PairTokenizer
from graft.types import PairSpec

_DRY_LENGTHS = (5, 4)  # of a text and its translation


@dataclass(slots=True)
class Decoding:
    """How translations are looked for.

    Attributes:
        beams: Width of the beam; 1 is greedy.
        length_penalty: Exponent of the length that a hypothesis's log-probability is divided by.
        longest: Tokens of a translation at most.
    """

    beams: int = 4
    length_penalty: float = 1.0
    longest: int = 128


@dataclass(frozen=True, slots=True)
class Output:
    """The pretrained output layer, which is kept as the head.

    Attributes:
        layer: Vectors (..., D) to logits (..., V), without a bias.
        bias: (V,) added to the logits, or None.
        tied: Whether its weight is also that of embeddings.
        name: Of the layer in the native model.
    """

    layer: nn.Linear
    bias: Tensor | None
    tied: bool
    name: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The encoder or the decoder.

    Attributes:
        module: Of the native model.
        layers: Its layers, in order.
        outputs: How many values each returns in a tuple, the vectors first; 0 for these alone.
    """

    module: nn.Module
    layers: tuple[nn.Module, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a native encoder-decoder consists of.

    Attributes:
        encoder: Its stack.
        decoder: Its stack.
        output: The layer that was taken out of the native model.
        scale: Factor on the decoder's vectors in front of the output layer.
    """

    encoder: Stack
    decoder: Stack
    output: Output
    scale: float = 1.0


class Seq2SeqBackbone(Backbone):
    """Pairs (B, L) of tokens to one vector for every target token, (B, L, D), NaN elsewhere.

    Args:
        model: The native model without its output layer.
        parts: What it consists of.
        tokenizer: Texts to tokens and back.
        spec: Longest inputs, prefix and languages.
        blocks: Every parameter and buffer of `model`, each in one block: the embeddings, the
            encoder's layers, the decoder's layers.
        num_features: D.
        origin: Where the weights come from.
        decoding: How translations are looked for.
    """

    spec: PairSpec  # type: ignore[assignment]  # pictures have the other kind

    def __init__(
        self,
        model: nn.Module,
        parts: Parts,
        tokenizer: PairTokenizer,
        *,
        spec: PairSpec,
        blocks: tuple[Block, ...],
        num_features: int,
        origin: Origin,
        decoding: Decoding,
    ) -> None:
        super().__init__(
            model,
            spec=spec,  # type: ignore[arg-type]
            blocks=blocks,
            num_features=num_features,
            origin=origin,
        )
        self._parts = (parts,)  # in a tuple: the modules are the model's, the output the head's
        self.tokenizer = tokenizer
        self.decoding = decoding

    @property
    def modality(self) -> str:
        """`translation`."""
        return "translation"

    @property
    def parts(self) -> Parts:
        """Encoder, decoder and output layer."""
        return self._parts[0]

    def dry_inputs(self, rows: int, length: int | None = None) -> Tensor:
        """Pairs that mean nothing, of different lengths, so that a mask that is lost shows."""
        source, target = _DRY_LENGTHS
        if length is not None:
            source, target = max(2, length // 2), max(2, length - length // 2 - 1)
        packed = torch.full((rows, source + 1 + target), EMPTY)
        generator = torch.Generator().manual_seed(0)
        vocabulary = int(self.config["vocab_size"])
        for row in range(rows):
            first, second = max(2, source - row), max(2, target - (row + 1) // 2)
            tokens = torch.randint(0, vocabulary, (first + second,), generator=generator)
            packed[row, :first] = tokens[:first]
            packed[row, first + 1 : first + 1 + second] = tokens[first:]
        return packed.to(next(self.parameters()).device)

    def forward(self, tokens: Tensor) -> Tensor:
        """Pairs (B, L) to vectors (B, L, D) at the places of the translation."""
        text, translation = parted(filled(tokens))
        source, mask = compact(tokens.long(), text)
        labels, known = compact(tokens.long(), translation)
        states = self.encode(source, mask)
        vectors = self.decode(self.shifted(labels, known), states, mask)
        return spread(vectors, known, translation)

    def halves(self, depth: int) -> tuple[nn.Module, nn.Module] | None:
        """The model up to and after block `depth`."""
        return LowerHalf(self, depth), UpperHalf(self, depth)

    def encode(self, source: Tensor, mask: Tensor) -> Tensor:
        """Source tokens (B, S) and their mask to states (B, S, D)."""
        ids = torch.where(mask, source, self.tokenizer.padding)
        states: Tensor = self.parts.encoder.module(input_ids=ids, attention_mask=mask.long())[0]
        return states

    def decode(self, tokens: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """What the decoder reads (B, T), and the encoder's states, to scaled vectors (B, T, D)."""
        vectors: Tensor = self.parts.decoder.module(
            input_ids=tokens,
            encoder_hidden_states=states,
            encoder_attention_mask=mask.long(),
            use_cache=False,
        )[0]
        return vectors * self.parts.scale

    def shifted(self, labels: Tensor, known: Tensor) -> Tensor:
        """What the decoder reads (B, T) so as to give the labels (B, T)."""
        padded = torch.where(known, labels, self.tokenizer.padding)
        native: Any = self.model
        if hasattr(native, "prepare_decoder_input_ids_from_labels"):
            read: Tensor = native.prepare_decoder_input_ids_from_labels(labels=padded)
            return read
        start = torch.full_like(padded[:, :1], int(native.config.decoder_start_token_id))
        return torch.cat([start, padded[:, :-1]], dim=1)

    @contextmanager
    def whole(self) -> Iterator[Any]:
        """The native model with its output layer in place inside the block."""
        output, native = self.parts.output, self.model
        native.set_submodule(output.name, output.layer)
        if output.bias is not None:
            native.final_logits_bias = output.bias.reshape(1, -1)
        try:
            yield native
        finally:
            take_out(native, output)


def take_out(native: nn.Module, output: Output) -> None:
    """Remove the output layer from the native model."""
    native.set_submodule(output.name, nn.Identity())
    if output.bias is not None:
        native.final_logits_bias = None  # type: ignore[assignment]


class LowerHalf(nn.Module):
    """Pairs (B, L) to what the first unfrozen layers read, (B, L, D).

    At the places of the text stands what the encoder's first unfrozen layer reads, or the encoder's
    states; at those of the translation what the decoder's first unfrozen layer reads.
    """

    def __init__(self, backbone: Seq2SeqBackbone, depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        self._below = below(backbone, depth)

    def train(self, mode: bool = True) -> LowerHalf:  # noqa: ARG002
        """No effect: a prefix always computes in evaluation mode."""
        return self

    def forward(self, tokens: Tensor) -> Tensor:
        """Run encoder and decoder up to the cut and no further."""
        backbone, (encoder, decoder) = self.backbone, self._below
        text, translation = parted(filled(tokens))
        source, mask = compact(tokens.long(), text)
        labels, known = compact(tokens.long(), translation)
        with evaluation(backbone), torch.no_grad():
            states = reading(encoder, lambda: backbone.encode(source, mask))
            read = backbone.shifted(labels, known)
            vectors = reading(decoder, lambda: backbone.decode(read, states, mask))
        rows = spread(states, mask, text)
        rows[translation] = vectors[known]
        return rows


class UpperHalf(nn.Module):
    """What the first unfrozen layers read (B, L, D), to vectors of target tokens (B, L, D).

    The native forward passes run on the true masks and on tokens that mean nothing; the first
    unfrozen layer of each stack is given what was stored, and the layers below do nothing.
    """

    def __init__(self, backbone: Seq2SeqBackbone, depth: int) -> None:
        super().__init__()
        self.backbone = backbone
        self._below = below(backbone, depth)

    def forward(self, activations: Tensor) -> Tensor:
        """Run encoder and decoder from the cut on."""
        backbone, (encoder, decoder) = self.backbone, self._below
        text, translation = parted(filled(activations))
        like = next(backbone.parameters())
        states, mask = compact(activations.to(like.dtype), text)
        vectors, known = compact(activations.to(like.dtype), translation)
        nothing = torch.zeros_like(mask, dtype=torch.long)
        if encoder.first is not None:
            with skipped(encoder, states):
                states = backbone.encode(nothing, mask)
        read = torch.zeros_like(known, dtype=torch.long)
        with skipped(decoder, vectors):
            vectors = backbone.decode(read, states, mask)
        return spread(vectors, known, translation)


@dataclass(frozen=True, slots=True)
class Below:
    """The frozen layers of a stack.

    Attributes:
        frozen: These layers, with how many values each returns.
        first: The first layer that is not frozen; None where all are.
    """

    frozen: dict[nn.Module, int] = field(default_factory=dict)
    first: nn.Module | None = None


def below(backbone: Seq2SeqBackbone, depth: int) -> tuple[Below, Below]:
    """What is frozen of encoder and decoder when the first `depth` blocks are."""
    encoder, decoder = backbone.parts.encoder, backbone.parts.decoder
    count = min(depth - 1, len(encoder.layers))
    return _below(encoder, count), _below(decoder, depth - 1 - count)


def _below(stack: Stack, count: int) -> Below:
    frozen = dict(zip(stack.layers[:count], stack.outputs[:count], strict=True))
    return Below(frozen, stack.layers[count] if count < len(stack.layers) else None)


def reading(below: Below, run: Callable[[], Tensor]) -> Tensor:
    """What the first unfrozen layer reads when `run` runs; what `run` gives where there is none."""
    if below.first is None:
        return run()

    def stop(_module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        raise _Reached(args[0] if args else named["hidden_states"])

    hook = below.first.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        run()
    except _Reached as reached:
        return reached.vectors
    finally:
        hook.remove()
    raise RuntimeError("the forward pass does not reach the cut")


@contextmanager
def skipped(below: Below, vectors: Tensor) -> Iterator[None]:
    """Inside the block frozen layers do nothing and the first unfrozen one reads `vectors`."""

    def give(
        _module: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if args:
            return (vectors, *args[1:]), named
        return args, {**named, "hidden_states": vectors}

    assert below.first is not None
    hook = below.first.register_forward_pre_hook(give, with_kwargs=True)
    try:
        with intercepted([*below.frozen], _Skip(vectors, below.frozen)):
            yield
    finally:
        hook.remove()


class _Reached(Exception):  # noqa: N818
    def __init__(self, vectors: Tensor) -> None:
        super().__init__("the cut is reached")
        self.vectors = vectors


class _Skip(Handler):
    """Returns the vectors, with the position bias that T5's first layer hands to all others."""

    def __init__(self, vectors: Tensor, outputs: dict[nn.Module, int]) -> None:
        super().__init__()
        self._vectors = vectors
        self._outputs = outputs

    def called(self, module: nn.Module, run: Callable[[], Any]) -> Any:  # noqa: ARG002
        count = self._outputs[module]
        if not count:
            return self._vectors
        return (self._vectors, *self._biases(module), *[None] * count)[:count]

    def _biases(self, module: nn.Module) -> list[Tensor | None]:
        length = self._vectors.shape[1]
        for part in module.modules():
            if getattr(part, "has_relative_attention_bias", False):
                return [part.compute_bias(length, length)]  # type: ignore[operator]
        return []
