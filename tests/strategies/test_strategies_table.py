"""Strategies: what each promises in its docstring, in phases."""

from __future__ import annotations

import pytest

from graft.errors import UnknownNameError
from graft.plan import NORM_POLICIES
from graft.strategies import STRATEGIES, Phase, build_strategy

BLOCKS = ("stem", "a", "b", "c")


def phases_of(name: str) -> tuple[Phase, ...]:
    return build_strategy(name).phases(BLOCKS)


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
            assert 0 <= phase.share <= 1
            assert phase.lr > 0
            # What is solved exactly is the head alone.
            assert phase.solver == "gradient" or phase.plan.trained == ()
        assert not phases[0].keep_start  # there is nothing to keep yet
        # Later phases never freeze what an earlier one trained.
        depths = [phase.plan.frozen_depth for phase in phases]
        assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize("name", ["linear-probe", "head"])
def test_probe_and_head_leave_the_whole_backbone_frozen(name: str) -> None:
    (phase,) = phases_of(name)
    assert phase.plan.trained == ()
    assert phase.solver == ("exact" if name == "linear-probe" else "gradient")


def test_full_trains_everything_with_live_statistics() -> None:
    (phase,) = phases_of("full")
    assert (phase.plan.trained, phase.plan.norm, phase.solver) == (BLOCKS, "live", "gradient")


def test_lp_ft_solves_the_head_then_trains_everything_and_may_return_to_the_probe() -> None:
    probe, tune = phases_of("lp-ft")
    assert (probe.solver, probe.plan.trained, probe.share) == ("exact", (), 0.0)
    assert (tune.solver, tune.plan.trained, tune.plan.norm) == ("gradient", BLOCKS, "frozen")
    assert tune.keep_start


@pytest.mark.parametrize("k", range(1, 5))
def test_top_k_trains_the_last_k_blocks(k: int) -> None:
    probe, top = phases_of(f"top-k:{k}")
    assert probe.plan.trained == ()
    assert top.plan.trained == BLOCKS[-k:]
    assert top.keep_start


@pytest.mark.parametrize("k", [0, 5, 100])
def test_top_k_says_which_k_fit(k: int) -> None:
    with pytest.raises(UnknownNameError) as caught:
        phases_of(f"top-k:{k}")
    assert f"'top-k:{k}'" in caught.value.found
    assert caught.value.allowed == "top-k:1 to top-k:4"


@pytest.mark.parametrize("name", ["", "fulll", "Full", ":2"])
def test_an_unknown_strategy_is_answered_with_all_names(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_strategy(name)
    assert caught.value.allowed.split(", ") == sorted(STRATEGIES)


@pytest.mark.parametrize("spec", ["full:2", "top-k:x", "top-k:-1", "top-k:1.5", "lp-ft:1"])
def test_a_setting_that_is_not_taken_is_refused(spec: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build_strategy(spec)
    assert f"'{spec}'" in caught.value.found
    assert "top-k:2" in caught.value.allowed
