"""From a name to an encoder-decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from graft.backbones import seq2seq_models as models
from graft.backbones import text_names
from graft.backbones.backbone import Origin
from graft.backbones.load_text import place_shown
from graft.backbones.pair_tokens import PairTokenizer
from graft.backbones.quick_dropout import draw_dropout_quickly
from graft.backbones.seq2seq import Output, Parts, Seq2SeqBackbone, take_out
from graft.backbones.seq2seq_blocks import divide, stacks
from graft.errors import BackboneError
from graft.types import PairSpec

FEWEST_TOKENS = 8
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class PairSettings:
    """What a user may choose about an encoder-decoder.

    Attributes:
        source_language: The tokenizer's code of the texts' language.
        target_language: The same of translations.
        prefix: Stands before every text; None takes the checkpoint's.
        beams: Width of the beam; None takes the checkpoint's, else 4.
        length_penalty: None takes the checkpoint's, else 1.
    """

    source_language: str | None = None
    target_language: str | None = None
    prefix: str | None = None
    beams: int | None = None
    length_penalty: float | None = None


def load_seq2seq(
    name: str,
    settings: PairSettings = PairSettings(),
    *,
    weights: str = "pretrained",
    size: int | None = None,
    seed: int = 0,
) -> Seq2SeqBackbone:
    """Load a pretrained encoder-decoder, its output layer taken out, in evaluation mode.

    Args:
        name: A folder in transformers' layout, or a hub name.
        settings: Languages, prefix and decoding.
        weights: `pretrained` or `random`.
        size: Longest text and translation in tokens, where they are to be shorter.
        seed: Seed of random weights.

    Raises:
        UnknownNameError: The tokenizer does not know a language.
        BackboneError: It is no encoder-decoder, or the settings do not fit it.
        NetworkError: The weights must be downloaded and the network cannot be reached.
    """
    if weights not in ("pretrained", "random"):
        raise BackboneError(
            f"The weights of '{name}' cannot come from the file {weights}",
            allowed="pretrained, random",
            next="give the folder with config.json, tokenizer and weights as --backbone",
        )
    place, folder = text_names.place_of(name)
    if folder is not None and not folder.is_dir():
        raise BackboneError(
            f"There is no folder '{name}', and it is no name of the hub",
            allowed=f"{models.KINDS}: a folder, or a hub name such as Helsinki-NLP/opus-mt-en-de",
            next="check the name or the folder",
        )
    tokenizer = models.load_tokenizer(place, name=name)
    native = models.load_native(place, name=name, random_seed=seed if weights == "random" else None)
    draw_dropout_quickly(native)
    spec = _spec(name, native, tokenizer, settings, size)
    decoding = models.decoding_of(native, spec.max_target)
    if settings.beams is not None:
        decoding.beams = settings.beams
    if settings.length_penalty is not None:
        decoding.length_penalty = settings.length_penalty
    config = models.model_config(native)
    parts = _parts(name, native)
    backbone = Seq2SeqBackbone(
        native,
        parts,
        tokenizer,
        spec=spec,
        blocks=divide(native, parts.encoder, parts.decoder),
        num_features=parts.output.layer.in_features,
        origin=Origin(
            name,
            str(config["model_type"]),
            weights if weights == "random" else place_shown(name),
            {"model_args": config, "vocab_size": _vocabulary(parts)},
        ),
        decoding=decoding,
    )
    return backbone.eval()


def _spec(
    name: str, native: Any, tokenizer: PairTokenizer, settings: PairSettings, size: int | None
) -> PairSpec:
    longest = models.longest(native, tokenizer)
    if size is not None and not FEWEST_TOKENS <= size <= longest:
        raise BackboneError(
            f"The backbone '{name}' does not take texts of {size} tokens",
            allowed=f"{FEWEST_TOKENS} to {longest} tokens",
            next="choose another --size, or leave it out",
        )
    source, target = settings.source_language, settings.target_language
    prefix = settings.prefix
    known: list[str] = []
    if prefix is None:
        prefix, known = models.prefix_of(native, source, target)
    if prefix is None:
        raise BackboneError(
            f"'{name}' was trained with a prefix for each pair of languages",
            allowed="; ".join(repr(text) for text in known),
            next="say which with --prefix, or with --source-language and --target-language",
        )
    if known:  # the languages chose a prefix, and mean nothing to the tokenizer
        source = target = None
    tokenizer.set_languages(name, source, target)
    if tokenizer.marks_source and not prefix.startswith(">>"):
        prefix = f">>{target}<< {prefix}"
    room = size or longest
    return PairSpec(room, room, prefix, source, target, tokenizer.digest)


def _parts(name: str, native: Any) -> Parts:
    """Encoder, decoder and output layer, which is taken out; checked against the whole model.

    Raises:
        BackboneError: Together they compute something else.
    """
    output = models.output_of(native)
    found = stacks(native.get_encoder(), native.get_decoder())
    if found is None:
        raise BackboneError(f"'{name}' has no list of layers", allowed=models.KINDS)
    ids = torch.arange(2, 10).reshape(2, 4)
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    with torch.no_grad():
        wanted = models.logits_of(native, ids, mask, ids)
        take_out(native, output)
        states = found[0].module(input_ids=ids, attention_mask=mask.long())[0]
        vectors = found[1].module(
            input_ids=ids,
            encoder_hidden_states=states,
            encoder_attention_mask=mask.long(),
            use_cache=False,
        )[0]
        for scale in (1.0, output.layer.in_features**-0.5):
            if _same(vectors * scale, output, wanted):
                return Parts(*found, output, scale)
    raise BackboneError(
        f"The parts of '{name}' do not compute what the whole model does",
        allowed=models.KINDS,
        next="choose another --backbone",
    )


def _same(vectors: torch.Tensor, output: Output, wanted: torch.Tensor) -> bool:
    logits = output.layer(vectors)
    if output.bias is not None:
        logits = logits + output.bias
    difference = float((logits - wanted).abs().max())
    return difference <= TOLERANCE * max(1.0, float(wanted.abs().max()))


def _vocabulary(parts: Parts) -> int:
    """Token numbers that both embeddings have."""
    modules: list[Any] = [parts.encoder.module, parts.decoder.module]
    return min(int(module.get_input_embeddings().num_embeddings) for module in modules)
