"""How many tokens each text has, as the backbone's own tokenizer counts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graft.backbones.collate import pack
from graft.backbones.text import TextBackbone
from graft.data.texts import Text
from graft.progress import Progress
from graft.types import IntArray

AT_A_TIME = 2048


def token_counts(texts: Sequence[Text], backbone: TextBackbone, progress: Progress) -> IntArray:
    """(N,) tokens of each text, its special tokens included, before anything is cut.

    Args:
        texts: The N texts.
        backbone: Whose tokenizer counts.
        progress: Told about every text.
    """
    counts: list[int] = []
    progress.start("count tokens", len(texts))
    for start in range(0, len(texts), AT_A_TIME):
        group = texts[start : start + AT_A_TIME]
        counts += pack(group, backbone)[1]
        progress.advance("count tokens", len(group))
    progress.finish("count tokens")
    return np.array(counts, dtype=np.int64)
