"""From a name to a text backbone."""

from __future__ import annotations

from graft.backbones import text_names, transformers_models
from graft.backbones.attention_dropout import leave_out_attention_dropout
from graft.backbones.backbone import Origin
from graft.backbones.quick_dropout import draw_dropout_quickly
from graft.backbones.sound import check_finite
from graft.backbones.text import TextBackbone
from graft.backbones.text_blocks import divide
from graft.errors import BackboneError, unknown_name
from graft.types import LONG_TEXTS, POOLINGS, TextSpec

FEWEST_TOKENS = 8


def load_text(
    name: str,
    *,
    weights: str = "pretrained",
    size: int | None = None,
    long: str = "truncate",
    pooling: str | None = None,
    seed: int = 0,
) -> TextBackbone:
    """Load a pretrained text encoder, in evaluation mode.

    Args:
        name: `minilm`, a folder in transformers' layout, or a hub name.
        weights: `pretrained` or `random`.
        size: Longest input in tokens, where it is to be shorter than the checkpoint's own.
        long: What becomes of longer texts: a name of `graft.types.LONG_TEXTS`.
        pooling: A name of `graft.types.POOLINGS`; None takes what the checkpoint was trained
            with, else its architecture's own, the first token.
        seed: Seed of random weights.

    Raises:
        UnknownNameError: There is no such policy or pooling.
        BackboneError: It is no encoder, or the settings do not fit it.
        NetworkError: The weights must be downloaded and the network cannot be reached.
    """
    if long not in LONG_TEXTS:
        raise unknown_name("policy for long texts", long, LONG_TEXTS)
    if pooling is not None and pooling not in POOLINGS:
        raise unknown_name("pooling", pooling, POOLINGS)
    place, folder = text_names.place_of(name)
    random_seed = _random_seed(name, weights, seed)
    tokenizer = transformers_models.load_tokenizer(place, name=name)
    model = transformers_models.load_encoder(place, name=name, random_seed=random_seed)
    if random_seed is None:
        check_finite(model, name)
    leave_out_attention_dropout(model)
    draw_dropout_quickly(model)
    longest = transformers_models.longest(model, tokenizer, folder)
    if size is not None and not FEWEST_TOKENS <= size <= longest:
        raise BackboneError(
            f"The backbone '{name}' does not take texts of {size} tokens",
            allowed=f"{FEWEST_TOKENS} to {longest} tokens",
            next="choose another --size, or leave it out",
        )
    blocks, seams = divide(model)
    config = transformers_models.model_config(model)
    spec = TextSpec(
        max_length=size or longest,
        long=long,
        pooling=pooling or transformers_models.pooling(folder) or "cls",
        tokenizer=tokenizer.digest,
    )
    backbone = TextBackbone(
        model,
        seams,
        tokenizer,
        spec=spec,
        blocks=blocks,
        num_features=transformers_models.width(model),
        origin=Origin(
            name,
            str(config["model_type"]),
            weights if weights == "random" else place_shown(name),
            {"model_args": config, "vocab_size": config["vocab_size"]},
        ),
    )
    return backbone.eval()


def place_shown(name: str) -> str:
    """Where the weights come from, without a path of this machine for the packaged model."""
    return "all-MiniLM-L6-v2" if name == text_names.MINILM else name


def _random_seed(name: str, weights: str, seed: int) -> int | None:
    if weights not in ("pretrained", "random"):
        raise BackboneError(
            f"The weights of the text backbone '{name}' cannot come from the file {weights}",
            allowed="pretrained, random",
            next="give the folder with config.json, tokenizer and weights as --backbone",
        )
    return seed if weights == "random" else None
