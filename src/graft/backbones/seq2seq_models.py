"""Encoder-decoders of transformers: construction, their output layer, generation, saving."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.pair_tokens import PairTokenizer
from graft.backbones.seq2seq import Decoding, Output, Seq2SeqBackbone
from graft.backbones.sound import check_finite
from graft.backbones.transformers_models import NO_CODE, check_layers, quiet, told
from graft.errors import BackboneError
from graft.types import Json

_COMPUTED = ("final_logits_bias", "positions.weight")
_NO_LIMIT = 1_000_000
DEFAULT_LENGTH = 512
KINDS = "encoder-decoders of transformers, such as Marian, T5, mBART, M2M100, NLLB"


def _told(name: str) -> AbstractContextManager[None]:
    def cannot_open(text: str) -> BackboneError:
        extra = "sentencepiece" in text.lower() and "install" in text.lower()
        return BackboneError(
            f"The backbone '{name}' cannot be opened for translation: {text}",
            allowed=f"{KINDS}: config.json, model.safetensors and a tokenizer",
            next="pip install 'graft-learn[translation]'"
            if extra
            else "check the name or the folder",
        )

    return told(name, cannot_open)


def load_native(place: str, *, name: str, random_seed: int | None = None) -> Any:
    """The whole native model, in evaluation mode; tensors that never train are buffers.

    Args:
        place: A folder or a hub name.
        name: What messages call it.
        random_seed: Seed of random weights; None loads the checkpoint's.

    Raises:
        BackboneError: It cannot be built, is no encoder-decoder, or the checkpoint lacks weights.
    """
    check_layers(Path(place), name)
    with _told(name), quiet():
        import transformers

        config = transformers.AutoConfig.from_pretrained(place, **NO_CODE)
        if not getattr(config, "is_encoder_decoder", False):
            raise BackboneError(
                f"'{name}' is no encoder-decoder ({config.model_type})",
                allowed=KINDS,
                next="name one with --backbone, or leave --task translation away",
            )
        kind, missing = transformers.AutoModelForSeq2SeqLM, []
        if random_seed is None:
            native, report = kind.from_pretrained(
                place, output_loading_info=True, dtype=torch.float32, **NO_CODE
            )
            missing = sorted(report["missing_keys"])
        else:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(random_seed)
                native = kind.from_config(config, dtype=torch.float32, **NO_CODE)
    missing = [key for key in missing if not key.endswith(_COMPUTED)]
    if missing:
        raise BackboneError(
            f"The weights of '{name}' lack {len(missing)} tensors, such as {missing[0]}",
            allowed="weights of the architecture that config.json names",
        )
    check_finite(native, name)
    _settle(native)
    return native.eval()


def _settle(native: nn.Module) -> None:
    """Constants (sinusoidal positions) become buffers; no layer is dropped as a whole."""
    for module in native.modules():
        constant = "Sinusoidal" in type(module).__name__
        for name, parameter in [*module.named_parameters(recurse=False)]:
            if constant or not parameter.requires_grad:
                del module._parameters[name]
                module.register_buffer(name, parameter.detach())
        if isinstance(getattr(module, "layerdrop", None), float):
            module.layerdrop = 0.0  # type: ignore[assignment]


def load_tokenizer(place: str, *, name: str) -> PairTokenizer:
    """The checkpoint's tokenizer.

    Raises:
        BackboneError: There is none, or it cannot be read.
    """
    with _told(name), quiet(), warnings.catch_warnings():
        # Marian's recommends a normaliser of punctuation that no tokenizer of transformers calls.
        warnings.filterwarnings("ignore", message=".*sacremoses")
        import transformers

        tokenizer = PairTokenizer(transformers.AutoTokenizer.from_pretrained(place, **NO_CODE))
    if tokenizer.native.pad_token_id is None:
        raise BackboneError(f"The tokenizer of '{name}' has no token for padding", allowed=KINDS)
    return tokenizer


def output_of(native: Any) -> Output:
    """The output layer of a whole native model."""
    layer = native.get_output_embeddings()
    name = next(name for name, module in native.named_modules() if module is layer)
    bias = native._buffers.get("final_logits_bias")
    others = (p for m in native.modules() if m is not layer for p in m.parameters(recurse=False))
    tied = any(parameter is layer.weight for parameter in others)
    return Output(layer, None if bias is None else bias.reshape(-1), tied, name)


def logits_of(native: Any, source: Tensor, mask: Tensor, read: Tensor) -> Tensor:
    """What the native model's own forward pass gives, (B, T, V)."""
    found: Tensor = native(
        input_ids=source, attention_mask=mask.long(), decoder_input_ids=read, use_cache=False
    ).logits
    return found


def model_config(native: Any) -> Json:
    """The configuration as JSON values, without places and versions."""
    fields = json.loads(native.config.to_json_string(use_diff=False))
    gone = ("_name_or_path", "transformers_version", "architectures", "dtype")
    return {key: value for key, value in fields.items() if key not in gone}


def longest(native: Any, tokenizer: PairTokenizer) -> int:
    """Tokens that encoder and decoder take, by their positions and by the tokenizer."""
    limits = [int(tokenizer.native.model_max_length)]
    positions = getattr(native.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions)
    limit = min(limits)
    return limit if limit < _NO_LIMIT else DEFAULT_LENGTH


def prefix_of(native: Any, source: str | None, target: str | None) -> tuple[str | None, list[str]]:
    """The prefix that the checkpoint was trained with, and those it knows.

    Args:
        native: The model; T5's configuration names a prefix for each of its tasks.
        source: Language code of texts, such as `en`, or None.
        target: The same of translations.

    Returns:
        The prefix of the languages, of the only translation task, or `""` where none is named;
        None where there are several and the languages do not say which.
    """
    tasks = getattr(native.config, "task_specific_params", None) or {}
    known = {
        key: str(fields["prefix"])
        for key, fields in tasks.items()
        if key.startswith("translation") and isinstance(fields, dict) and fields.get("prefix")
    }
    named = known.get(f"translation_{source}_to_{target}")
    if named is not None:
        return named, [*known.values()]
    if len(known) > 1:
        return None, [*known.values()]
    return next(iter(known.values()), ""), [*known.values()]


def decoding_of(native: Any, room: int) -> Decoding:
    """How the checkpoint says that it decodes; greedy ones are given a beam of 4."""
    settings = native.generation_config
    beams = int(settings.num_beams or 1)
    penalty = settings.length_penalty
    limit = settings.max_new_tokens or room
    return Decoding(
        beams if beams > 1 else 4,
        1.0 if penalty is None else float(penalty),
        min(int(limit), room),
    )


def configure(native: Any, decoding: Decoding, first: int | None) -> None:
    """Write into the native model how it decodes, so that `generate` needs no arguments."""
    settings = native.generation_config
    settings.num_beams = decoding.beams
    settings.length_penalty = decoding.length_penalty if decoding.beams > 1 else 1.0
    settings.early_stopping = decoding.beams > 1
    settings.do_sample = False
    settings.max_length = None
    settings.max_new_tokens = decoding.longest
    if first is not None:
        settings.forced_bos_token_id = first


def translate(
    backbone: Seq2SeqBackbone, sources: Sequence[Sequence[int]], decoding: Decoding
) -> list[str]:
    """Translations of a few texts, of about one length.

    Args:
        backbone: The model.
        sources: Tokens of each text.
        decoding: How they are looked for.
    """
    tokenizer = backbone.tokenizer
    width = max(map(len, sources))
    ids = torch.full((len(sources), width), tokenizer.padding)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(sources):
        ids[row, : len(tokens)] = torch.tensor(list(tokens))
        mask[row, : len(tokens)] = 1
    device = next(backbone.parameters()).device
    with backbone.whole() as native, quiet(), torch.inference_mode():
        configure(native, decoding, tokenizer.first_token(backbone.spec.target_language))
        found = native.generate(input_ids=ids.to(device), attention_mask=mask.to(device))
    return tokenizer.texts(found.cpu())


def save(backbone: Seq2SeqBackbone, folder: Path) -> None:
    """Write configuration, weights, decoding and tokenizer in transformers' layout."""
    first = backbone.tokenizer.first_token(backbone.spec.target_language)
    with backbone.whole() as native, quiet():
        configure(native, backbone.decoding, first)
        native.save_pretrained(folder)
    backbone.tokenizer.save(folder)
