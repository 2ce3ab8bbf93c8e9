"""`graft lr`: a learning-rate range test through the same data path and phases as `graft fit`."""

from __future__ import annotations

from pathlib import Path

from graft.errors import OutputError, UserError
from graft.progress import Progress, Silent
from graft.recipe import Recipe, recipe_for, settings_among
from graft.report.svg import ACCENT, INK, SECOND, Margins, draw
from graft.run import begin, stages
from graft.runs.names import check_names
from graft.training.range_test import RULE, range_test
from graft.types import Json

FEWEST_STEPS = 10


def lr(
    data: object = None,
    *,
    input: str | None = None,  # noqa: A002 - the command line's name
    label: str | None = None,
    group: str | None = None,
    task: str | None = None,
    backbone: str | None = None,
    weights: str | None = None,
    size: int | None = None,
    head: str | None = None,
    strategy: str | None = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    recipe: str | Path | None = None,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    plot: str | Path | None = None,
    progress: Progress | None = None,
) -> Json:
    """Suggest a learning rate by a range test; leaves no run folder.

    The rate rises by the same factor from step to step, through the same data and phases as in
    `fit`; the first phase with a rate is tested (Smith 2017, section 3.3).

    Args:
        data: As for `fit`.
        input: Column of paths, pictures or texts, in tables.
        label: Column of labels, in tables.
        group: Column whose values must not be split over train and test.
        task: As for `fit`; languages and prefix of a translation stand in `recipe`.
        backbone: `bundled`, a timm name or a folder.
        weights: `pretrained`, `random` or a weights file.
        size: Height and width in pixels, or longest text in tokens, instead of the checkpoint's.
        head: `linear`, or `mlp:WIDTH[,WIDTH]`.
        strategy: As for `fit`.
        batch_size: Rows per batch.
        optimizer: As for `fit`.
        seed: Of splits, heads, orders and augmentations.
        device: `auto`, `cpu`, `cuda` or `mps`.
        recipe: A `recipe.yaml` with all other settings.
        lowest: First rate.
        highest: Last rate.
        steps: From the first to the last.
        plot: Where to write the curve, as one HTML page.
        progress: Told how far the work is.

    Returns:
        `suggestion`, `rule`, `phase`, `strategy`, `backbone`, `optimizer`, `rates`, `losses`,
        `smoothed` and `warnings`.

    Raises:
        UserError: The data, a name, the range or the machine is at fault.
    """
    chosen = recipe_for(data, settings_among(locals()), recipe)
    source = chosen.data if data is None else data
    found = find_rate(
        chosen, source, lowest=lowest, highest=highest, steps=steps, progress=progress
    )
    if plot is not None:
        write_plot(found, Path(plot))
    return found


def find_rate(
    recipe: Recipe,
    data: object,
    *,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    progress: Progress | None = None,
) -> Json:
    """The range test of a recipe's first gradient phase; nothing is written but the bank.

    Args:
        recipe: As for `run`; its rate and schedule do not matter.
        data: The data set.
        lowest: First rate.
        highest: Last rate.
        steps: From the first to the last.
        progress: Told how far the work is.

    Returns:
        `suggestion`, `rule`, `phase`, `strategy`, `backbone`, `optimizer`, `rates`, `losses`,
        `smoothed` and `warnings`.

    Raises:
        UserError: The data, a name, the range or the machine is at fault.
    """
    if not 0 < lowest < highest or steps < FEWEST_STEPS:
        raise UserError(
            f"The range is {lowest:g} to {highest:g} in {steps} steps",
            allowed=f"two rising rates above 0, and at least {FEWEST_STEPS} steps",
            next="change --lowest, --highest or --steps",
        )
    check_names(recipe)
    attempt = begin(recipe, data, progress or Silent())
    stage = next(iter(stages(attempt)))
    found = range_test(
        attempt.runner,
        attempt.phases,
        stage.data,
        stage.objective,
        lowest=lowest,
        highest=highest,
        steps=steps,
    )
    chosen = attempt.recipe
    return {
        **found.to_dict(),
        "strategy": chosen.strategy,
        "backbone": chosen.backbone,
        "optimizer": chosen.optimizer,
        "batch_size": chosen.batch_size,
        "warnings": attempt.runner.warnings,
    }


def write_plot(found: Json, path: Path) -> Path:
    """One self-contained HTML page with the curve.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        path.write_text(_page(found), encoding="utf-8")
    except OSError as problem:
        raise OutputError(
            f"The plot {path} cannot be written ({problem.strerror})",
            allowed="a file in a folder that exists and that you may write to",
            next="choose another with --plot",
        ) from problem
    return path


def _page(found: Json) -> str:
    title = f"Learning-rate range test: {found['backbone']}, {found['strategy']}"
    alt = f"Loss over rising learning rates; suggested is {found['suggestion']:g}"

    def paint(figure: object) -> None:
        axes = figure.subplots()  # type: ignore[attr-defined]
        axes.plot(found["rates"], found["losses"], color=SECOND, linewidth=0.8, label="loss")
        axes.plot(found["rates"], found["smoothed"], color=ACCENT, label="smoothed")
        axes.axvline(found["suggestion"], color=INK, linewidth=0.8, label="suggested")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")  # the page's drawings have no mathematical text
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)

    picture = draw((6.4, 3.6), Margins(left=0.6, bottom=0.5, top=0.3), paint, alt)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{_escape(title)}</title><style>:root{{--ink:#1d1d1f;--muted:#55585e;"
        "--line:#d9dbe0;--accent:#0b62b0;--second:#b05a0b;--on-accent:#fff}"
        "body{font:15px system-ui,sans-serif;max-width:46rem;margin:2rem auto;color:var(--ink);"
        f"background:#fff}}svg{{max-width:100%}}</style><h1>{_escape(title)}</h1>{picture}"
        f"<p>Suggested rate: <b>{found['suggestion']:g}</b>, for phase "
        f"{_escape(found['phase'])} with {found['optimizer']}: {_escape(RULE)}.</p></html>\n"
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
