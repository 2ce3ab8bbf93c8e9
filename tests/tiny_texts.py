"""Tiny text encoders with random weights, written as folders that transformers opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = (
    *("good", "bad", "fine", "poor", "great", "awful", "film", "book", "plot", "cast", "song"),
    *("the", "a", "an", "of", "and", "or", "was", "is", "not", "very", "quite", "rather", "truly"),
    *("story", "end", "begin", "never", "always", "happy", "sad", "dull", "bright", "slow"),
    *("fast", "long", "short"),
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WIDE = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
COMMON = {**WIDE, "num_hidden_layers": 3, "vocab_size": len(WORDS) + len(SPECIAL)}
COMMON |= {"max_position_embeddings": 40, "pad_token_id": 0}

# Name to the configuration's class and its arguments.
ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", COMMON),
    "roberta": ("RobertaConfig", {**COMMON, "max_position_embeddings": 42, "type_vocab_size": 1}),
    "distilbert": (
        "DistilBertConfig",
        {"dim": 16, "hidden_dim": 24, "n_heads": 2, "n_layers": 3, "pad_token_id": 0}
        | {"vocab_size": COMMON["vocab_size"], "max_position_embeddings": 40},
    ),
    "deberta-v2": (
        "DebertaV2Config",
        {**COMMON, "relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm"}
        | {"pos_att_type": ["p2c", "c2p"], "share_att_key": True, "type_vocab_size": 0}
        | {"position_biased_input": False, "max_relative_positions": -1},
    ),
    "electra": ("ElectraConfig", {**COMMON, "embedding_size": 8}),
    "modernbert": (
        "ModernBertConfig",
        {**COMMON, "global_attn_every_n_layers": 2, "local_attention": 4}
        | {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    ),
    "mpnet": ("MPNetConfig", {**COMMON, "max_position_embeddings": 42, "pad_token_id": 1}),
}


def write_tokenizer(folder: Path, longest: int = 40) -> None:
    """A word-level tokenizer of BERT's form."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    native = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    native.normalizer = normalizers.Lowercase()
    native.pre_tokenizer = pre_tokenizers.Whitespace()
    native.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(
        tokenizer_object=native,
        model_max_length=longest,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in names.items()},
    ).save_pretrained(folder)


def write_encoder(folder: Path, name: str = "bert", seed: int = 0, **changes: Any) -> Path:
    """A folder with configuration, tokenizer and random weights of one of `ENCODERS`."""
    import torch
    import transformers

    kind, arguments = ENCODERS[name]
    config = getattr(transformers, kind)(**{**arguments, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():  # the usual 0.02 leaves all tokens alike
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(folder)
    write_tokenizer(folder)
    return folder
