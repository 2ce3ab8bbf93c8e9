"""The README.md of a saved model."""

from __future__ import annotations

from pathlib import Path

from graft.export.layout import Layout
from graft.export.manifest import Manifest
from graft.types import Json


def model_card(manifest: Manifest, folder: Path, layout: Layout) -> str:
    """The model card: labels, preprocessing, figures where there are any, how to open it.

    Args:
        manifest: The model's description.
        folder: Where it is written; the card names its last part alone, as folders move.
        layout: How its folder looks.
    """
    beside = Path(folder.name)
    code = layout.snippet(manifest, beside)
    metrics = manifest.extras.get("metrics")
    sections = [
        f"# {manifest.backbone['name']}, {len(manifest.labels)} classes",
        f"Fine-tuned for {manifest.task} from `{manifest.backbone['architecture']}` "
        f"(weights: {manifest.backbone['source']}); head: `{manifest.head['spec']}`.",
        "## Labels\n\n" + "\n".join(f"{i}. `{name}`" for i, name in enumerate(manifest.labels)),
        f"## Input\n\n{layout.card_input(manifest)}",
        *([_figures(metrics)] if isinstance(metrics, dict) and metrics else []),
        f"## Use\n\nBeside the folder `{beside}`:\n\n```python\n{code}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _figures(metrics: Json) -> str:
    rows = [
        f"| {part} | {name} | {figure['value']:.4g} | {figure['low']:.4g} to {figure['high']:.4g} |"
        for part, figures in metrics.items()
        for name, figure in figures.items()
    ]
    head = "## Figures\n\n| part | metric | value | 95 % interval |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows)
