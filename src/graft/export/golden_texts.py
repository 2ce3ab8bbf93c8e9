"""Golden texts: generated inputs whose logits every saved text model carries."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graft.data.texts import Text

# Plain, accented, non-Latin, numbers, signs: what a tokenizer may split differently.
_WORDS = (
    *("the", "a", "model", "reads", "every", "word", "of", "this", "line", "and", "answers", "as"),
    *("before", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "good", "bad", "film"),
    *("naïve", "Straße", "café", "世界", "привет", "x86_64", "3.14", "1,000", "e-mail", "C++", "?"),
    *("unbelievable", "re-reading", "I'm", "(sic)", "50%", "Graft"),
)
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 4, 6, 9, 16, 25, 150, 700)
_PAIRED = (4, 9)


def golden_texts() -> list[Text]:
    """Sixteen generated texts from one word to more than any usual encoder takes; two are pairs.

    >>> len(golden_texts()), len(golden_texts()[0].content.split())
    (16, 1)
    """
    random = np.random.default_rng(20_240_229)
    texts = []
    for number, length in enumerate(LENGTHS):
        words = [_WORDS[i] for i in random.integers(0, len(_WORDS), length)]
        second = None
        if number in _PAIRED:
            second = " ".join(_WORDS[i] for i in random.integers(0, len(_WORDS), 6))
        texts.append(Text(" ".join(words), f"golden {number}", second))
    return texts


def as_tensors(texts: list[Text]) -> dict[str, Tensor]:
    """UTF-8 bytes by name; the second text of a pair under a name of its own."""
    found = {}
    for number, text in enumerate(texts):
        found[f"text.{number:02}"] = _bytes(text.content)
        if text.second is not None:
            found[f"text.{number:02}.second"] = _bytes(text.second)
    return found


def _bytes(text: str) -> Tensor:
    return torch.tensor(list(text.encode("utf-8")), dtype=torch.uint8)


def from_tensors(tensors: dict[str, Tensor]) -> list[Text]:
    """The inverse of `as_tensors`.

    >>> from_tensors(as_tensors(golden_texts())) == golden_texts()
    True
    """
    names = sorted(name for name in tensors if not name.endswith(".second"))
    texts = []
    for number, name in enumerate(names):
        second = tensors.get(f"{name}.second")
        shown = None if second is None else _text(second)
        texts.append(Text(_text(tensors[name]), f"golden {number}", shown))
    return texts


def _text(values: Tensor) -> str:
    return bytes(values.tolist()).decode("utf-8")
