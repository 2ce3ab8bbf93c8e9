"""The README.md of a saved model, and the lines that open it."""

from __future__ import annotations

from pathlib import Path

from graft.export.manifest import TIMM, Manifest
from graft.types import Json

_OPEN_TIMM = """\
import timm
from PIL import Image

model = timm.create_model("local-dir:{folder}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
logits = model(transform(Image.open("picture.jpg").convert("{mode}"))[None])
print(model.pretrained_cfg["label_names"][int(logits.argmax())])"""

_OPEN_SEPARATE = """\
import sys
from PIL import Image

sys.path.insert(0, "{folder}")
from load import labels, load, preprocess

logits = load()(preprocess(Image.open("picture.jpg"))[None])
print(labels()[int(logits.argmax())])"""


def snippet(manifest: Manifest, folder: Path) -> str:
    """Python that opens the model without graft and names a picture's label.

    Args:
        manifest: The model's description.
        folder: Where it lies, as seen by who runs the lines.
    """
    text = _OPEN_TIMM if manifest.format == TIMM else _OPEN_SEPARATE
    mode = "L" if manifest.preprocess.channels == 1 else "RGB"
    return text.format(folder=folder, mode=mode)


def model_card(manifest: Manifest, folder: Path) -> str:
    """The model card: labels, preprocessing, figures where there are any, how to open it.

    Args:
        manifest: The model's description.
        folder: Where it is written; the card names its last part alone, as folders move.
    """
    beside = Path(folder.name)
    spec = manifest.preprocess
    height, width = spec.size
    metrics = manifest.extras.get("metrics")
    sections = [
        f"# {manifest.backbone['name']}, {len(manifest.labels)} classes",
        f"Fine-tuned for {manifest.task} from `{manifest.backbone['architecture']}` "
        f"(weights: {manifest.backbone['source']}); head: `{manifest.head['spec']}`.",
        "## Labels\n\n" + "\n".join(f"{i}. `{name}`" for i, name in enumerate(manifest.labels)),
        f"## Input\n\n{height} x {width} pixels, {spec.channels} channels ({spec.channel_order}), "
        f"{spec.interpolation} interpolation, crop {spec.crop_mode} {spec.crop_pct:g}, "
        f"mean {_numbers(spec.mean)}, standard deviation {_numbers(spec.std)}.",
        *([_figures(metrics)] if isinstance(metrics, dict) and metrics else []),
        f"## Use\n\nBeside the folder `{beside}`:\n\n```python\n{snippet(manifest, beside)}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _figures(metrics: Json) -> str:
    rows = [
        f"| {part} | {name} | {figure['value']:.4g} | {figure['low']:.4g} to {figure['high']:.4g} |"
        for part, figures in metrics.items()
        for name, figure in figures.items()
    ]
    head = "## Figures\n\n| part | metric | value | 95 % interval |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows)
