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
        f"# {manifest.backbone['name']}, {_outputs(manifest)}",
        f"Fine-tuned for {manifest.task} from `{manifest.backbone['architecture']}` "
        f"(weights: {manifest.backbone['source']}); head: `{manifest.head['spec']}`.",
        *([_labels(manifest)] if manifest.labels else []),
        f"## Input\n\n{layout.card_input(manifest)}",
        *([_figures(metrics)] if isinstance(metrics, dict) and metrics else []),
        f"## Use\n\nBeside the folder `{beside}`:\n\n```python\n{code}\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _labels(manifest: Manifest) -> str:
    return "## Labels\n\n" + "\n".join(f"{i}. `{name}`" for i, name in enumerate(manifest.labels))


def _outputs(manifest: Manifest) -> str:
    if not manifest.tasks:
        return f"{len(manifest.labels)} classes"
    if not manifest.labels:
        return manifest.task
    count = len(manifest.labels)
    return f"{count} output{'s' if count > 1 else ''} for {manifest.task}"


def _figures(metrics: Json) -> str:
    rows = [
        f"| {part} | {name} | {figure['value']:.4g} | {figure['low']:.4g} to {figure['high']:.4g} |"
        for part, figures in metrics.items()
        for name, figure in _flat(figures)
    ]
    head = "## Figures\n\n| part | metric | value | 95 % interval |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows)


def _flat(figures: Json) -> list[tuple[str, Json]]:
    """Figures by name; those of several tasks as `column: name`."""
    return [
        (f"{name}: {key}", inner) if "value" not in figure else (name, figure)
        for name, figure in figures.items()
        for key, inner in (figure.items() if "value" not in figure else [("", figure)])
    ]
