"""Opens the model in this folder; needs torch, transformers and safetensors, and nothing else.

from load import labels, load, preprocess

model = load()
logits = model(preprocess(["A text.", "Another one."]))
print([labels()[int(row.argmax())] for row in logits])
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

HERE = Path(__file__).parent
HEAD_SHARE = 0.25  # of a long text's room, under `head-tail`
MOST_PIECES = 64


class Classifier(nn.Module):
    """Encoder, pooling and head: tokenised pieces of texts to logits (texts, classes)."""

    def __init__(self, encoder: nn.Module, head: nn.Module, pooling: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.pooling = pooling

    def forward(self, tokens: Mapping[str, Tensor]) -> Tensor:
        """What `preprocess` gives, to logits."""
        owners = tokens["owners"]
        taken = set(inspect.signature(self.encoder.forward).parameters)
        if getattr(self.encoder.config, "type_vocab_size", 2) < 2:
            taken.discard("token_type_ids")
        inputs = {name: value for name, value in tokens.items() if name in taken}
        features = self._pooled(self.encoder(**inputs)[0], inputs["attention_mask"].bool())
        count = torch.bincount(owners)
        total = features.new_zeros(len(count), features.shape[1]).index_add(0, owners, features)
        logits: Tensor = self.head(total / count[:, None])
        return logits

    def _pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "max":
            return hidden.masked_fill(~mask[..., None], -torch.inf).amax(1)
        kept = mask[..., None].to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1)
        return nn.functional.normalize(mean, dim=1) if self.pooling == "unit-mean" else mean


def load(folder: str | Path = HERE) -> nn.Module:
    """The trained model: what `preprocess` gives, to logits (texts, classes)."""
    tensors = load_file(Path(folder) / "head.safetensors")
    layers: list[nn.Module] = []
    for number in range(len(tensors) // 2):
        weight, bias = tensors[f"{number}.weight"], tensors[f"{number}.bias"]
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight, "bias": bias})
        layers += [linear, nn.ReLU()]
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False)
    return Classifier(encoder, nn.Sequential(*layers[:-1]), _spec(folder)["pooling"]).eval()


def labels(folder: str | Path = HERE) -> list[str]:
    """Label names, in the order of the logits."""
    names: list[str] = json.loads((Path(folder) / "graft.json").read_text("utf-8"))["labels"]
    return names


def preprocess(
    texts: Sequence[str | tuple[str, str]], folder: str | Path = HERE
) -> dict[str, Tensor]:
    """Texts, or pairs of texts, as the model's input."""
    tokenizer, spec = _tokenizer(folder), _spec(folder)
    pieces = [piece for n, text in enumerate(texts) for piece in _pieces(tokenizer, text, n, spec)]
    longest = max(len(ids) for ids, _, _ in pieces)
    rows: dict[str, list[Any]] = {"input_ids": [], "attention_mask": [], "token_type_ids": []}
    for ids, segments, _ in pieces:
        missing = longest - len(ids)
        rows["input_ids"].append(ids + [tokenizer.pad_token_id or 0] * missing)
        rows["attention_mask"].append([1] * len(ids) + [0] * missing)
        rows["token_type_ids"].append(segments + [0] * missing)
    found = {name: torch.tensor(values) for name, values in rows.items()}
    return {**found, "owners": torch.tensor([owner for _, _, owner in pieces])}


def _tokenizer(folder: str | Path) -> Any:
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _spec(folder: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "graft.json").read_text("utf-8"))
    return dict(found["preprocess"])


def _pieces(
    tokenizer: Any, text: str | tuple[str, str], owner: int, spec: dict[str, Any]
) -> list[tuple[list[int], list[int], int]]:
    longest = spec["max_length"]
    if not isinstance(text, str):
        found = tokenizer(*text, truncation="longest_first", max_length=longest)
        ids = found["input_ids"]
        return [(ids, found.get("token_type_ids") or [0] * len(ids), owner)]
    bare, whole = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a")["input_ids"]
    at = next(n for n in range(len(whole)) if whole[n : n + len(bare)] == bare)
    before, after = whole[:at], whole[at + len(bare) :]
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    room = longest - len(before) - len(after)
    cut = [ids[:room]]
    if len(ids) > room and spec["long"] == "head-tail":
        head = int(room * HEAD_SHARE)
        cut = [ids[:head] + ids[len(ids) - (room - head) :]]
    elif len(ids) > room and spec["long"] == "chunks":
        cut = [ids[start : start + room] for start in range(0, len(ids), room)][:MOST_PIECES]
    whole_pieces = [before + piece + after for piece in cut]
    return [(piece, [0] * len(piece), owner) for piece in whole_pieces]
