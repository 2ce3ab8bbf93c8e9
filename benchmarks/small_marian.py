"""A small Marian model with random weights and a SentencePiece vocabulary of its own.

Written as a folder that transformers opens: what is tried with it needs no download.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZE: dict[str, Any] = {"d_model": 64, "max_position_embeddings": 40}
LAYERS: dict[str, Any] = {"encoder_layers": 2, "decoder_layers": 2}
WIDTHS = {f"{stack}_ffn_dim": 128 for stack in ("encoder", "decoder")}
WIDTHS |= {f"{stack}_attention_heads": 4 for stack in ("encoder", "decoder")}


def write_pieces(folder: Path, lines: list[str], size: int, prefix: str = "pieces") -> Path:
    """A SentencePiece model trained on some lines."""
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "lines.txt"
    text.write_text("\n".join(lines), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / prefix),
        vocab_size=size,
        model_type="unigram",
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    text.unlink()
    (folder / f"{prefix}.vocab").unlink()
    return folder / f"{prefix}.model"


def write_marian(
    folder: Path,
    lines: list[str],
    *,
    size: int = 60,
    longest: int = 40,
    seed: int = 0,
    **changes: Any,
) -> Path:
    """A Marian model with one shared vocabulary of pieces of its own and random weights.

    Args:
        folder: Where it is written.
        lines: Texts of both languages, from which the pieces are learnt.
        size: Pieces of the vocabulary at most.
        longest: Tokens of a text at most.
        seed: Of the weights.
        changes: Other values of `MarianConfig`.
    """
    import sentencepiece
    import torch
    import transformers

    pieces = write_pieces(folder, lines, size)
    model = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
    words = [model.id_to_piece(number) for number in range(model.get_piece_size())]
    words = ["</s>", "<unk>", *(w for w in words if w not in ("<s>", "</s>", "<unk>")), "<pad>"]
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(pieces.read_bytes())
    pieces.unlink()
    (folder / "vocab.json").write_text(json.dumps({w: n for n, w in enumerate(words)}))
    settings: dict[str, Any] = {
        "source_lang": "en",
        "target_lang": "de",
        "model_max_length": longest,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**settings, "tokenizer_class": "MarianTokenizer"})
    )
    last = len(words) - 1
    arguments: dict[str, Any] = {
        **SIZE,
        **LAYERS,
        **WIDTHS,
        "vocab_size": len(words),
        "pad_token_id": last,
    }
    arguments |= {"eos_token_id": 0, "decoder_start_token_id": last, "forced_eos_token_id": 0}
    arguments |= {"dropout": 0.0, "scale_embedding": True, "bos_token_id": 0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = transformers.MarianMTModel(transformers.MarianConfig(**{**arguments, **changes}))
    made.generation_config.bad_words_ids = [[last]]
    made.save_pretrained(folder)
    return folder
