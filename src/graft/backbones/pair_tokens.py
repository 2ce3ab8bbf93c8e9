"""From a text and its translation to tokens, and from tokens back to a text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from graft.backbones.pair_layout import joined
from graft.errors import BackboneError, unknown_name
from graft.types import IntArray, PairSpec

_NLLB_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_MARIAN_CODE = re.compile(r">>(.+)<<")


@dataclass(frozen=True, eq=False)
class PairTokenizer:
    """A checkpoint's own tokenizer of both languages.

    Attributes:
        native: As transformers loads it.
    """

    native: Any

    @cached_property
    def padding(self) -> int:
        """The token that fills rows up."""
        return int(self.native.pad_token_id)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of vocabulary, pieces and rules."""
        native = self.native
        backend = getattr(native, "backend_tokenizer", None)
        found: list[Any] = [native.get_vocab(), type(native).__name__]
        if backend is not None:
            # Languages and calls change these three; the first are keyed beside the digest.
            varying = ("post_processor", "truncation", "padding")
            fields = json.loads(backend.to_str())
            found = [{key: value for key, value in fields.items() if key not in varying}]
        digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode())
        for name in ("spm_source", "spm_target", "sp_model"):
            pieces: Any = getattr(native, name, None)
            if hasattr(pieces, "serialized_model_proto"):
                digest.update(pieces.serialized_model_proto())
        return digest.hexdigest()

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages that it distinguishes, by its own codes; none where it knows one pair."""
        native = self.native
        named = getattr(native, "lang_code_to_token", None) or getattr(
            native, "lang_code_to_id", None
        )
        if named:
            return tuple(sorted(named))
        marian = getattr(native, "supported_language_codes", None) or ()
        if marian:
            return tuple(sorted(code[2:-2] for code in marian if _MARIAN_CODE.fullmatch(code)))
        special = getattr(native, "all_special_tokens", ())
        return tuple(sorted(code for code in special if _NLLB_CODE.fullmatch(code)))

    @property
    def marks_source(self) -> bool:
        """Whether the target language stands in front of the text, as in multilingual Marian."""
        return bool(getattr(self.native, "supported_language_codes", None))

    def set_languages(self, name: str, source: str | None, target: str | None) -> None:
        """Say which languages texts and translations are in.

        Args:
            name: What messages call the checkpoint.
            source: Code of the texts' language.
            target: Code of the translations' language.

        Raises:
            UnknownNameError: The tokenizer does not know the code.
            BackboneError: It needs a code that is missing, or takes none.
        """
        wanted = {"source": source, "target": target}
        if not self.languages:
            given = [role for role, code in wanted.items() if code is not None]
            if given:
                raise BackboneError(
                    f"The tokenizer of '{name}' distinguishes no languages, and "
                    f"--{given[0]}-language {wanted[given[0]]} names one",
                    next=f"leave --{given[0]}-language away",
                )
            return
        if self.marks_source:
            wanted.pop("source")
        for role, code in wanted.items():
            if code is None:
                raise BackboneError(
                    f"'{name}' translates between {len(self.languages)} languages",
                    allowed=f"{', '.join(self.languages[:20])} ...",
                    next=f"say which with --{role}-language",
                )
            if code not in self.languages:
                raise unknown_name(f"{role} language of '{name}'", code, self.languages)
        if not self.marks_source:
            self.native.src_lang, self.native.tgt_lang = source, target

    def first_token(self, target: str | None) -> int | None:
        """The token that every translation begins with, where that says its language."""
        if target is None or self.marks_source:
            return None
        tokens = getattr(self.native, "lang_code_to_token", {})
        return int(self.native.convert_tokens_to_ids(tokens.get(target, target)))

    def pack(
        self, sources: Sequence[str], targets: Sequence[str], spec: PairSpec
    ) -> tuple[list[IntArray], list[tuple[int, int]]]:
        """Rows of tokens, and how many tokens text and translation had before they were cut."""
        texts, lengths = self.sources(sources, spec)
        labels, long = self._cut(targets, spec.max_target, "text_target")
        rows = [joined(*pair) for pair in zip(texts, labels, strict=True)]
        return rows, list(zip(lengths, long, strict=True))

    def sources(self, texts: Sequence[str], spec: PairSpec) -> tuple[list[list[int]], list[int]]:
        """Tokens of texts to be translated, and how many they were before they were cut."""
        return self._cut([spec.prefix + text for text in texts], spec.max_source, "text")

    def texts(self, tokens: Any) -> list[str]:
        """The translations that tokens (N, T) say."""
        found = self.native.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in found]

    def save(self, folder: Path) -> None:
        """Write the tokenizer's own files."""
        self.native.save_pretrained(folder)

    def _cut(self, texts: Sequence[str], most: int, role: str) -> tuple[list[list[int]], list[int]]:
        if not texts:
            return [], []
        whole = self.native(**{role: list(texts)}, verbose=False)["input_ids"]
        lengths = [len(ids) for ids in whole]
        for number, length in enumerate(lengths):
            if length > most:  # once more, so that the special tokens at the end stay
                cut = self.native(**{role: [texts[number]]}, truncation=True, max_length=most)
                whole[number] = cut["input_ids"][0]
        return [list(ids) for ids in whole], lengths
