"""From a source to rows that can be trained on: read, decode or tokenise, set aside, split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graft.backbones.backbone import Backbone
from graft.backbones.load import modality_of
from graft.bank.inputs import Opened
from graft.data import Examples, Split, duplicates_across, groups_across, read, split
from graft.data.examples import TRANSLATION
from graft.data.order import in_order, split_order
from graft.data.targets import is_plain
from graft.data.units import unit_numbers
from graft.doctor.finding import Finding
from graft.doctor.in_run import look_before, refuse_pointless, sentence
from graft.errors import DataError
from graft.progress import Progress
from graft.recipe import Recipe
from graft.runs.modality import parts_of
from graft.runs.translation_parts import check
from graft.types import IntArray, Json, Targets

SHOWN_BAD = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data set ready for a run.

    Attributes:
        examples: The readable rows.
        digests: Digest of each row's picture.
        opened: What depth 0 reads of them.
        split: Row numbers of the three parts.
        facts: Modes and native sizes, or lengths, for the result.
        warnings: Sentences for the result.
        findings: What the doctor says of the rows.
        size: The recipe's, with which the rows were opened.
    """

    examples: Examples
    digests: tuple[bytes, ...]
    opened: Opened
    split: Split
    facts: Json
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    size: int | None = None

    def targets(self) -> Targets:
        """The targets of all rows, as training takes them."""
        return parts_of(self.examples.modality).targets(self.examples, self.opened, self.digests)

    def units(self) -> IntArray | None:
        """The number of what each row must not be parted from, (N,): its group and its copies."""
        groups = self.examples.groups
        given = [] if groups is None else [groups.tolist()]
        return unit_numbers(len(self.examples), [list(self.digests), *given])


def read_examples(recipe: Recipe, data: object) -> Examples:
    """The labelled rows of the recipe's source, of the kind that its backbone takes.

    Raises:
        DataError: The source is not a data set that can be learnt from.
    """
    examples = read(
        data,
        input=recipe.input,
        label=recipe.label,
        labels=label_columns(recipe),
        task=recipe.task,
        group=recipe.group,
        test=recipe.test,
        modality=_modality(recipe),
        languages=(recipe.source_language, recipe.target_language),
    )
    examples = in_order(examples, split_order(recipe.order), recipe.task)
    check_losses(recipe, examples)
    check_bad_files(recipe, examples)
    return examples


def _modality(recipe: Recipe) -> str | None:
    """What the rows must be; None leaves it to the data."""
    if recipe.task == TRANSLATION:
        check(recipe)
        return TRANSLATION
    _refuse_pairs(recipe)
    return modality_of(recipe.backbone) if recipe.backbone else None


def _refuse_pairs(recipe: Recipe) -> None:
    """Refuse choices about translation where there is none."""
    for name in ("source_language", "target_language", "prefix", "beams", "length_penalty"):
        if getattr(recipe, name) is not None:
            raise DataError(
                f"--{name.replace('_', '-')} is given, and the task is not translation",
                next="say --task translation, or leave the option away",
            )


def prepare(
    recipe: Recipe, examples: Examples, backbone: Backbone, root: Path, progress: Progress
) -> Prepared:
    """Decode (or tokenise) every row once and split what can be read.

    Raises:
        DataError: Too little is left to learn from.
    """
    opened = parts_of(backbone.modality).open_inputs(examples, backbone, root, progress)
    digests = [d for row, d in enumerate(opened.digests) if d and row not in opened.faults]
    examples = examples.without(opened.faults)
    check_bad_files(recipe, examples)
    examples = examples.without_empty_classes()
    refuse_pointless(examples, tuple(digests))
    parts = split(examples, validation=recipe.validation, seed=recipe.seed)
    facts = opened.facts(examples.source, digests)
    findings = look_before(examples, parts, opened, tuple(digests))
    faults = [sentence(finding) for finding in findings if finding.severity == "fault"]
    warnings = (*_leaks(examples, parts), *examples.notes, *faults, *facts.get("notes", ()))
    return Prepared(examples, tuple(digests), opened, parts, facts, warnings, findings, recipe.size)


def check_bad_files(recipe: Recipe, examples: Examples) -> None:
    """Stop where too many inputs cannot be read; a single one never stops a run.

    Raises:
        DataError: There are more of them than the recipe lets pass.
    """
    bad = [entry for entry in examples.set_aside if entry.bad]
    whole = len(examples) + len(bad)
    if len(bad) < 2 or len(bad) <= recipe.bad_files * whole:
        return
    shown = "; ".join(f"{entry.input}: {entry.reason}" for entry in bad[:SHOWN_BAD])
    raise DataError(
        f"{len(bad):,} of {whole:,} inputs of {examples.source} ({len(bad) / whole:.1%}) cannot be "
        f"read, such as {shown}",
        allowed=f"at most {recipe.bad_files:.1%} (--bad-files {recipe.bad_files:g})",
        next="repair or remove them (graft doctor lists them), or raise --bad-files",
    )


def _leaks(examples: Examples, parts: Split) -> tuple[str, ...]:
    found = {
        f"pairs of equal {parts_of(examples.modality).plural}": duplicates_across(examples, parts),
        "pairs of rows of one group": groups_across(examples, parts),
    }
    return tuple(_leak(examples, what, pairs) for what, pairs in found.items() if pairs)


def _leak(examples: Examples, what: str, pairs: list[tuple[int, int]]) -> str:
    first = " and ".join(examples.inputs[row].name for row in pairs[0])
    return (
        f"{len(pairs)} {what} stand on two sides of the split as the data declare it "
        f"({first}): the held-out figures are too good by their share."
    )


def check_losses(recipe: Recipe, examples: Examples) -> None:
    """Refuse choices about classes where there are none, and about quantities where there are none.

    Raises:
        DataError: A choice has nothing that it could apply to.
    """
    quantities = [task.kind == "regression" for task in examples.tasks]
    useless = {
        "class weights": all(quantities) and recipe.class_weights not in ("auto", "none"),
        "a loss of classes": all(quantities) and recipe.loss != "cross-entropy",
        "balanced sampling": not is_plain(examples.tasks) and recipe.sampling == "balanced",
        "label smoothing": all(quantities) and bool(recipe.label_smoothing),
        "a regression loss": not any(quantities) and recipe.regression_loss != "squared",
        "a balance of tasks": len(quantities) == 1 and recipe.balance != "start",
    }
    named = [name for name, found in useless.items() if found]
    if named:
        kinds = ", ".join(task.kind for task in examples.tasks)
        raise DataError(
            f"{named[0].capitalize()} cannot be used here: the task is {kinds}",
            next="leave the option away",
        )


def label_columns(recipe: Recipe) -> tuple[str, ...]:
    """The columns of `--labels`; none where it is not given.

    Raises:
        DataError: `--label` is given too, or a name is empty.
    """
    if recipe.labels is None:
        return ()
    names = tuple(name.strip() for name in recipe.labels.split(","))
    if recipe.label is not None:
        raise DataError(
            f"--label {recipe.label} and --labels {recipe.labels} are both given",
            allowed="one of them",
            next="put all label columns into --labels",
        )
    if not all(names):
        raise DataError(
            f"--labels is '{recipe.labels}', which names an empty column",
            allowed="column names with commas between them",
        )
    return names
