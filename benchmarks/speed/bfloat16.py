"""The same workload in bfloat16, beside itself in float32: for processors that have it."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.speed.summary import Figure, Term
from benchmarks.speed.workloads import Variant, Workload

SUFFIX = ", bfloat16"
OPTIONS = {"graft": ("--precision", "bfloat16"), "PyTorch": ("--bfloat16",)}
"""By the first letters of a variant's name."""


def in_bfloat16(variant: Variant) -> Variant | None:
    """The variant in bfloat16; None where it knows none, or reads what another one stored.

    >>> in_bfloat16(Variant("PyTorch loop", "graft", ("-m", "loop"))).name
    'PyTorch loop, bfloat16'
    """
    options = next((o for start, o in OPTIONS.items() if variant.name.startswith(start)), None)
    if options is None or (variant.name.startswith("graft") and not variant.cold):
        return None
    return replace(variant, name=variant.name + SUFFIX, command=(*variant.command, *options))


def with_bfloat16(workload: Workload) -> Workload:
    """The workload with bfloat16 groups, and its figures with them on both sides.

    A figure whose slower side has no bfloat16 compares with its float32.
    """
    made = [in_bfloat16(variant) for group in workload.groups for variant in group]
    extra = [variant for variant in made if variant is not None]
    names = {variant.name for variant in extra}

    def other(term: Term) -> Term:
        renamed = tuple(n + SUFFIX if n + SUFFIX in names else n for n in term.variants)
        return replace(term, variants=renamed)

    more: list[Figure] = []
    for figure in workload.figures:
        over, under = other(figure.over), figure.under and other(figure.under)
        graft = [term for term in (over, under) if term and term.variants[0].startswith("graft")]
        if any(term.variants[0] in names for term in graft):
            more.append(replace(figure, text=figure.text + SUFFIX, over=over, under=under))
    groups = (*workload.groups, *((variant,) for variant in extra))
    return replace(workload, groups=groups, figures=(*workload.figures, *more))
