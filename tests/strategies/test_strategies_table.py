"""Strategies: what each promises in its docstring, in phases; names, settings and combinations."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

import graft.cli.fit
from graft.backbones.parts import PARTS
from graft.errors import UnknownNameError
from graft.plan import NORM_POLICIES
from graft.strategies import MODIFIERS, STRATEGIES, Phase, build_strategy, strategy_help
from graft.strategies.combine import Combined
from graft.strategies.table import pattern

BLOCKS = ("stem", "a", "b", "c")
FROM_A_PROBE = sorted(set(STRATEGIES) - {"linear-probe", "head", "full", "contrastive"})


def phases_of(name: str, blocks: tuple[str, ...] = BLOCKS) -> tuple[Phase, ...]:
    return build_strategy(name).phases(blocks)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_yields_phases_that_a_runner_can_run(name: str) -> None:
    strategy = build_strategy(name)
    assert type(strategy).__doc__
    for blocks in (BLOCKS, BLOCKS[:1]):
        phases = strategy.phases(blocks)
        assert phases
        assert len({phase.name for phase in phases}) == len(phases)
        assert max(phase.share for phase in phases) > 0
        for phase in phases:
            assert tuple(block.name for block in phase.plan.blocks) == blocks
            assert phase.plan.norm in NORM_POLICIES
            assert phase.plan.part in PARTS
            assert (phase.plan.part == "adapters") == (phase.attach is not None)
            assert all(0 < block.lr_scale <= 1 for block in phase.plan.blocks)
            assert 0 <= phase.share <= 1
            assert phase.lr > 0
            # What is solved exactly is the head alone.
            assert phase.solver == "gradient" or phase.plan.trained == ()
        assert not phases[0].keep_start  # there is nothing to keep yet
        # Later phases never freeze what an earlier one trained, but for an exact head on top.
        for early, late in itertools.pairwise(phases):
            assert late.solver == "exact" or set(early.plan.trained) <= set(late.plan.trained)


@pytest.mark.parametrize("name", ["linear-probe", "head"])
def test_probe_and_head_leave_the_whole_backbone_frozen(name: str) -> None:
    (phase,) = phases_of(name)
    assert phase.plan.trained == ()
    assert phase.solver == ("exact" if name == "linear-probe" else "gradient")


def test_full_trains_everything_with_live_statistics() -> None:
    (phase,) = phases_of("full")
    assert (phase.plan.trained, phase.plan.norm, phase.solver) == (BLOCKS, "live", "gradient")


@pytest.mark.parametrize("name", FROM_A_PROBE)
def test_the_others_begin_with_a_probe_and_may_return_to_it(name: str) -> None:
    first, *rest = phases_of(name)
    assert (first.solver, first.plan.trained, first.share) == ("exact", (), 0.0)
    for phase in rest:
        assert (phase.solver, phase.plan.norm, phase.keep_start) == ("gradient", "frozen", True)
    assert sum(phase.share for phase in rest) == pytest.approx(1)


@pytest.mark.parametrize("k", range(1, 5))
def test_top_k_and_first_k_train_their_end_of_the_backbone(k: int) -> None:
    assert phases_of(f"top-k:{k}")[1].plan.trained == BLOCKS[-k:]
    assert phases_of(f"first-k:{k}")[1].plan.trained == BLOCKS[:k]


@pytest.mark.parametrize("name", ["top-k", "first-k"])
@pytest.mark.parametrize("k", [0, 5, 100])
def test_top_k_and_first_k_say_which_k_fit(name: str, k: int) -> None:
    with pytest.raises(UnknownNameError) as caught:
        phases_of(f"{name}:{k}")
    assert f"'{name}:{k}'" in caught.value.found
    assert caught.value.allowed == f"{name}:1 to {name}:4"


@pytest.mark.parametrize("depth", [1, 2, 4, 5, 12])
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_gradual_unfreezes_from_the_top_in_steps_of_equal_size(steps: int, depth: int) -> None:
    blocks = tuple(f"block{number}" for number in range(depth))
    phases = phases_of(f"gradual:{steps}", blocks)[1:]
    assert len(phases) == min(steps, depth)
    sizes = [len(phase.plan.trained) for phase in phases]
    steps_taken = [late - early for early, late in itertools.pairwise([0, *sizes])]
    assert max(steps_taken) - min(steps_taken) <= 1
    assert sizes[-1] == depth
    for phase in phases:
        assert phase.plan.trained == blocks[depth - len(phase.plan.trained) :]
        # A block's rate does not depend on when it begins to train.
        assert [b.lr_scale for b in phase.plan.blocks] == [
            b.lr_scale for b in phases[-1].plan.blocks
        ]
    rates = sorted({b.lr_scale for b in phases[-1].plan.blocks}, reverse=True)
    assert rates == pytest.approx([2.6**-group for group in range(len(phases))])


def test_discriminative_rates_are_a_geometric_series_below_the_head() -> None:
    plan = phases_of("discriminative:0.5")[1].plan
    assert [block.lr_scale for block in plan.blocks] == [0.0625, 0.125, 0.25, 0.5]


# Names and settings.


@pytest.mark.parametrize("name", ["", "fulll", "Full", ":2", "lp-ft ", "+ema"])
def test_an_unknown_strategy_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_strategy(name)
    lines = caught.value.allowed.splitlines()[1:]
    assert [line.split()[0].partition("[")[0] for line in lines] == sorted(STRATEGIES)
    assert all(len(line.split()) > 1 for line in lines)


@pytest.mark.parametrize("name", ["full", "wize", "", "EMA", "lp-ft"])
def test_an_unknown_modifier_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no modifier") as caught:
        build_strategy(f"lp-ft+{name}")
    lines = caught.value.allowed.splitlines()[1:]
    assert [line.split()[0].partition("[")[0] for line in lines] == sorted(MODIFIERS)


@pytest.mark.parametrize(
    "spec",
    [
        "full:2", "lp-ft:1", "head:", "top-k:x", "top-k:-1", "top-k:1.5", "top-k:", "first-k:²",
        "gradual:0", "discriminative:0", "discriminative:1.01", "discriminative:nan",
        "lora:0", "dora:-3", "l2-sp:0", "l2-sp:inf", "lp-ft+ema:1", "lp-ft+ema:0", "lp-ft+wise:2",
        "lp-ft+wise:-0.1", "lp-ft+bn-live:1",
    ],
)  # fmt: skip
def test_a_setting_that_is_not_taken_is_refused(spec: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_strategy(spec)
    assert f"'{spec.rpartition('+')[2]}'" in caught.value.found
    assert "setting" in caught.value.found
    build_strategy(caught.value.next.split("'")[1].partition("+")[0] if "+" not in spec else "full")


@pytest.mark.parametrize("table", [STRATEGIES, MODIFIERS])
def test_every_example_of_a_setting_is_taken(table: object) -> None:
    for name, entry in (STRATEGIES if table is STRATEGIES else MODIFIERS).items():
        if entry.setting:
            assert entry.setting.example.startswith(f"{name}:")
            base = "" if table is STRATEGIES else "lp-ft+"
            build_strategy(f"{base}{entry.setting.example}").phases(BLOCKS)


def test_the_help_lists_everything() -> None:
    said = strategy_help()
    source = Path(graft.cli.fit.__file__).read_text(encoding="utf-8")
    options = source[source.index("    strategy: Annotated") : source.index("    head: Annotated")]
    for name, entry in STRATEGIES.items():
        assert entry.says in said
        assert pattern(name, entry) in options
    for name, modifier in MODIFIERS.items():
        assert modifier.says in said
        assert f"+{pattern(name, modifier)}" in options


# Combinations.


@pytest.mark.parametrize(
    "order", [*itertools.permutations(["ema", "wise", "l2-sp", "bn-reestimate"])]
)
def test_the_order_of_modifiers_does_not_matter(order: tuple[str, ...]) -> None:
    found = build_strategy("+".join(["lp-ft", *order]))
    expected = build_strategy("lp-ft+l2-sp+ema+wise+bn-reestimate")
    assert isinstance(found, Combined)
    assert isinstance(expected, Combined)
    assert found.modifiers == expected.modifiers
    # Statistics belong to the weights that stay: they are taken last.
    finalize = found.phases(BLOCKS)[-1].finalize
    assert [f.__name__ for f in finalize] == ["mix", "reestimate"]


@pytest.mark.parametrize("policy", ["frozen", "live"])
@pytest.mark.parametrize("name", ["full", "lp-ft", "top-k:2", "norm-only"])
def test_a_batchnorm_policy_replaces_the_strategys_own(name: str, policy: str) -> None:
    assert phases_of(f"{name}+bn-{policy}")[-1].plan.norm == policy


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("lp-ft+ema+ema", "ema stands there together"),
        ("lp-ft+ema:0.9+ema:0.99", "ema stands there together"),
        ("lp-ft+bn-live+bn-frozen", "bn-frozen and bn-live stand there together"),
        ("l2-sp+l2-sp", "twice"),
        ("linear-probe+ema", "takes none"),
        ("linear-probe+wise", "none is fine-tuned"),
        ("head+wise", "none is fine-tuned"),
        ("full+wise", "random head"),
        ("head+l2-sp", "none does"),
        ("lora+l2-sp", "adapters"),
        ("head+bn-live", "none does"),
        ("linear-probe+bn-reestimate", "none does"),
    ],
)
def test_contradictions_get_one_clear_message(spec: str, words: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        phases_of(spec)
    assert caught.value.found.startswith(f"'{spec}' contradicts itself: ")
    assert words in caught.value.found
    assert caught.value.next


@pytest.mark.parametrize("spec", ["ema", "wise+lp-ft", "bn-live"])
def test_a_modifier_alone_is_no_strategy(spec: str) -> None:
    with pytest.raises(UnknownNameError, match="begins with the modifier") as caught:
        build_strategy(spec)
    build_strategy(caught.value.next.split("'")[1])
