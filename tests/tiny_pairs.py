"""Tiny encoder-decoders with random weights, written as folders that transformers opens."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from benchmarks.small_marian import LAYERS, SIZE, WIDTHS, write_marian, write_pieces

__all__ = ["FAMILIES", "LANGUAGES", "reversal", "write_family", "write_marian"]

DIGITS = "0123456789"


def reversal(count: int, seed: int = 0, longest: int = 6) -> list[tuple[str, str]]:
    """Distinct pairs of digits and the same digits backwards: `3 1 4` and `4 1 3`."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        digits = [draw.choice(DIGITS) for _ in range(draw.randint(2, longest))]
        found[" ".join(digits)] = " ".join(reversed(digits))
    return list(found.items())


def write_family(folder: Path, family: str, seed: int = 0) -> Path:
    """A model of one of `FAMILIES` whose vocabulary is digits, with random weights."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _TOKENIZERS[family](folder)
    tokenizer.save_pretrained(folder)
    kind, arguments = FAMILIES[family]
    languages = getattr(tokenizer, "lang_code_to_id", {})  # M2M100 counts them apart
    size = max(len(tokenizer), *(number + 1 for number in languages.values()), 0)
    given = {**arguments, "vocab_size": size, "pad_token_id": tokenizer.pad_token_id}
    given |= {"eos_token_id": tokenizer.eos_token_id}
    given.setdefault("decoder_start_token_id", tokenizer.eos_token_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = getattr(transformers, f"{kind}Config")(**given)
        model = transformers.AutoModelForSeq2SeqLM.from_config(config)
        for parameter in model.parameters():  # the usual 0.02 leaves all tokens alike
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder


def _t5(folder: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ("<pad>", "</s>", "<unk>", "turn", "round", ":", *DIGITS)
    native = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="<unk>"))
    native.pre_tokenizer = pre_tokenizers.Whitespace()
    native.decoder = decoders.Fuse()
    native.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=native, model_max_length=30, **names)


def _mbart(folder: Path) -> Any:
    from transformers.models.mbart.tokenization_mbart import FAIRSEQ_LANGUAGE_CODES, MBartTokenizer

    pieces = [(name, 0.0) for name in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [(f"▁{digit}", -2.0) for digit in DIGITS] + [("▁", -4.0)]
    pieces += [(name, 0.0) for name in (*FAIRSEQ_LANGUAGE_CODES, "<mask>")]
    return MBartTokenizer(vocab=pieces, model_max_length=30)


def _nllb(folder: Path) -> Any:
    from transformers import NllbTokenizer

    words = ("<s>", "<pad>", "</s>", "<unk>", "▁", *DIGITS, *(f"▁{digit}" for digit in DIGITS))
    merges = [("▁", digit) for digit in DIGITS]
    return NllbTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=merges,
        model_max_length=30,
    )


def _m2m(folder: Path) -> Any:
    import sentencepiece
    from transformers import M2M100Tokenizer

    lines = [line for pair in reversal(300) for line in pair]
    pieces = write_pieces(folder, lines, 60, "sentencepiece")
    model = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    found = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    special = ("<s>", "<pad>", "</s>", "<unk>")
    words = [*special, *(piece for piece in found if piece not in special)]
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({word: number for number, word in enumerate(words)}))
    made = M2M100Tokenizer(str(vocabulary), str(pieces), model_max_length=30)
    pieces.rename(folder / "sentencepiece.bpe.model")
    made.spm_file = str(folder / "sentencepiece.bpe.model")
    return made


_BART = {**SIZE, **LAYERS, **WIDTHS, "d_model": 16, "dropout": 0.0, "max_length": 30}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0}
_PREFIX = {"translation_en_to_de": {"prefix": "turn round: "}}
# The configuration's class, and its arguments.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": ("T5", {**_T5, "decoder_start_token_id": 0, "task_specific_params": _PREFIX}),
    "t5-gated": (
        "T5",
        {**_T5, "decoder_start_token_id": 0, "tie_word_embeddings": False}
        | {"feed_forward_proj": "gated-gelu"},
    ),
    "mbart": ("MBart", {**_BART, "scale_embedding": True}),
    "mbart-untied": ("MBart", {**_BART, "tie_word_embeddings": False}),
    "m2m100": ("M2M100", {**_BART, "encoder_layerdrop": 0.3, "decoder_layerdrop": 0.3}),
    "nllb": ("M2M100", {**_BART, "encoder_layerdrop": 0.3}),
}
_TOKENIZERS = {"t5": _t5, "t5-gated": _t5, "mbart": _mbart, "mbart-untied": _mbart}
_TOKENIZERS |= {"m2m100": _m2m, "nllb": _nllb}
LANGUAGES = {
    "mbart": ("en_XX", "de_DE"),
    "mbart-untied": ("en_XX", "de_DE"),
    "m2m100": ("en", "de"),
    "nllb": ("eng_Latn", "deu_Latn"),
}
