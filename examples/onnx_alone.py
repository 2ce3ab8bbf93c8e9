"""Answers with an exported model: needs onnxruntime, NumPy and Pillow (texts: tokenizers).

    graft export RUN --out model.onnx
    python onnx_alone.py model.onnx a.jpg b.jpg
    python onnx_alone.py model.onnx "A text." "Another one."

Neither graft nor PyTorch is imported: preprocessing, labels and tokenizer come out of the file, and
before anything is answered the file's golden inputs must give the logits that stand beside them.
"""

import base64
import json
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image, ImageOps

Array = npt.NDArray[Any]
Json = dict[str, Any]

RESAMPLING = {
    name.lower(): getattr(Image.Resampling, name) for name in Image.Resampling.__members__
}


class Exported:
    """A model that `graft export` wrote.

    Attributes:
        about: What the file says about itself.
    """

    def __init__(self, file: str | Path) -> None:
        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        told = self._session.get_modelmeta().custom_metadata_map
        plain = ("format", "task", "tokenizer.json")
        self.about: Json = {k: v if k in plain else json.loads(v) for k, v in told.items()}
        self._check_golden()

    @property
    def takes_texts(self) -> bool:
        """Whether inputs are texts rather than pictures."""
        return bool(self.about["preprocess"].get("modality") == "text")

    def logits(self, inputs: Sequence[Any]) -> Array:
        """Pictures, or texts as lists of one or two: (N, C) outputs."""
        feed = tokenised(inputs, self.about) if self.takes_texts else pixels(inputs, self.about)
        found: Array = self._session.run(None, feed)[0]
        return found

    def answers(self, inputs: Sequence[Any]) -> list[Json]:
        """For every input, task to what the model says of it."""
        return [
            {
                task["name"]: answer(row[slice(*task["outputs"])], task)
                for task in self.about["tasks"]
            }
            for row in self.logits(inputs)
        ]

    def _check_golden(self) -> None:
        golden = self.about["golden"]
        inputs = golden["inputs"]
        if not self.takes_texts:
            inputs = [Image.open(BytesIO(base64.b64decode(text))) for text in inputs]
        wanted = np.array(golden["logits"])
        difference = np.abs(self.logits(inputs) - wanted).max()
        if not difference <= 1e-3 * max(1.0, np.abs(wanted).max()):
            sys.exit(
                f"The file's golden inputs give other logits here: they differ by {difference}"
            )


def answer(outputs: Array, task: Json) -> Any:
    """A class with its probability, labels with theirs, or a number."""
    if task["kind"] == "regression":
        return float(outputs[0])
    if task["kind"] == "multi-label":
        chances = 1 / (1 + np.exp(-outputs.astype(float)))
        return {n: float(p) for n, p in zip(task["labels"], chances, strict=True) if p >= 0.5}
    chances = np.exp(outputs.astype(float) - outputs.max())
    best = int(chances.argmax())
    return {task["labels"][best]: float(chances[best] / chances.sum())}


# Pictures.


def pixels(pictures: Sequence[Image.Image], about: Json) -> dict[str, Array]:
    """Pictures through the preprocessing that the file describes."""
    return {"pixels": np.stack([prepared(picture, about["preprocess"]) for picture in pictures])}


def prepared(picture: Image.Image, spec: Json) -> Array:
    """A picture as (channels, H, W) float32."""
    picture = ImageOps.exif_transpose(picture)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB").convert("RGB" if len(spec["mean"]) == 3 else "L")
    picture = cropped(resized(picture, spec), spec)
    values = np.atleast_3d(np.asarray(picture, dtype=np.float32)).transpose(2, 0, 1) / 255
    if spec["channel_order"] == "BGR":
        values = values[::-1]
    mean, std = (np.array(spec[key], dtype=np.float32)[:, None, None] for key in ("mean", "std"))
    return np.asarray((values - mean) / std, dtype=np.float32)


def resized(picture: Image.Image, spec: Json) -> Image.Image:
    """Short side (`center`), long side (`border`) or both sides (`squash`) to the target."""
    height, width = (int(side / spec["crop_pct"]) for side in spec["size"])
    if spec["crop_mode"] == "center" and height == width:
        longer = int(height * max(picture.size) / min(picture.size))
        size = (height, longer) if picture.width <= picture.height else (longer, height)
    elif spec["crop_mode"] == "squash":
        size = (width, height)
    else:
        ratios = (picture.width / width, picture.height / height)
        ratio = min(ratios) if spec["crop_mode"] == "center" else max(ratios)
        size = (round(picture.width / ratio), round(picture.height / ratio))
    return picture.resize(size, RESAMPLING[spec["interpolation"]])


def cropped(picture: Image.Image, spec: Json) -> Image.Image:
    """The middle of the target's size, filled up where the picture is smaller."""
    height, width = spec["size"]
    right, down = max(width - picture.width, 0), max(height - picture.height, 0)
    if right or down:
        mean = spec["mean"][:: -1 if spec["channel_order"] == "BGR" else 1]
        colour = tuple(round(255 * value) for value in mean)
        fill: Any = 0 if spec["crop_mode"] != "border" else colour if len(colour) > 1 else colour[0]
        border = (right // 2, down // 2, (right + 1) // 2, (down + 1) // 2)
        picture = ImageOps.expand(picture, border=border, fill=fill)
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


# Texts.


def tokenised(texts: Sequence[Sequence[str]], about: Json) -> dict[str, Array]:
    """Texts, or pairs of them, through the tokenizer that the file holds."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(about["tokenizer.json"])
    rows = [(n, *row) for n, text in enumerate(texts) for row in pieces(tokenizer, text, about)]
    longest = max(len(ids) for _, ids, _ in rows)

    def filled(values: Callable[[Any], list[int]], fill: int) -> Array:
        return np.array([values(row) + [fill] * (longest - len(row[1])) for row in rows], np.int64)

    feed = {
        "input_ids": filled(lambda row: row[1], about["tokenizer"]["padding"]),
        "attention_mask": filled(lambda row: [1] * len(row[1]), 0),
        "token_type_ids": filled(lambda row: row[2], 0),
    }
    member = np.array([[row[0] == n for row in rows] for n in range(len(texts))], np.float32)
    feed["pieces"] = member / member.sum(1, keepdims=True)
    return {name: feed[name] for name in about["inputs"]}


def pieces(tokenizer: Any, text: Sequence[str], about: Json) -> list[tuple[list[int], list[int]]]:
    """Token numbers and segments of a text: one piece, or several of a long one."""
    spec, facts = about["preprocess"], about["tokenizer"]
    longest = spec["max_length"]
    if len(text) == 2:
        tokenizer.enable_truncation(longest, strategy="longest_first")
        found = tokenizer.encode(*text)
        tokenizer.no_truncation()
        return [(found.ids, found.type_ids)]
    ids = tokenizer.encode(text[0], add_special_tokens=False).ids
    room = longest - len(facts["before"]) - len(facts["after"])
    cut = [ids[:room]]
    if len(ids) > room and spec["long"] == "head-tail":
        head = int(room * facts["head_share"])
        cut = [ids[:head] + ids[len(ids) - (room - head) :]]
    elif len(ids) > room and spec["long"] == "chunks":
        cut = [ids[at : at + room] for at in range(0, len(ids), room)][: facts["most_pieces"]]
    whole = [facts["before"] + piece + facts["after"] for piece in cut]
    return [(piece, [0] * len(piece)) for piece in whole]


def main(file: str, given: Sequence[str]) -> None:
    """Print what the model says of pictures or texts."""
    model = Exported(file)
    inputs = [[text] for text in given] if model.takes_texts else [Image.open(p) for p in given]
    for name, told in zip(given, model.answers(inputs), strict=True):
        print(name, json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
