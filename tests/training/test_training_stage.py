"""Stages: the same weights as a plain PyTorch loop, and no worse than where they began."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from graft.bank.feed import Feed
from graft.bank.source import open_source
from graft.data.augment import light
from graft.errors import DivergenceError
from graft.network import CannotSplit, Network, Split
from graft.objectives import Classification
from graft.plan import Plan
from graft.progress import Silent
from graft.strategies import Phase, build_strategy
from graft.training import History, StageRunner, TrainingOptions
from graft.training.rows import Rows
from graft.training.stage import StageData, phase_epochs
from graft.types import Batch

MakeNetwork = Callable[..., Network]
MakeFeed = Callable[..., Feed]
TRAIN, HELD_OUT = np.arange(0, 36, 2), np.arange(1, 36, 4)
TARGETS = np.repeat(np.arange(3), 12)
DATA = StageData(TRAIN, HELD_OUT, TARGETS)
BARE = replace(DATA, validation=np.zeros(0, dtype=np.int64))
OPTIONS = TrainingOptions(batch_size=5, augment="none", lr=0.01, seed=3)


def names_of(network: Network) -> list[str]:
    return [block.name for block in network.backbone.blocks]


def runner_of(
    network: Network, feed: Feed, options: TrainingOptions = OPTIONS, history: Path | None = None
) -> StageRunner:
    return StageRunner(network, feed, torch.device("cpu"), options, History(history), Silent())


def state_of(network: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


def order_of(epoch: int, seed: int, size: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    order = np.random.default_rng([seed, epoch]).permutation(len(TRAIN))
    return [TRAIN[order[start : start + size]] for start in range(0, len(TRAIN), size)]


@pytest.mark.parametrize("augment", ["none", "light"])
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_full_training_is_the_plain_loop_bit_for_bit(
    kind: str, augment: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    epochs, lr, decay = 3, 0.01, 0.05
    network, plain = make_network(), make_network()
    feed = make_feed(network)
    options = replace(OPTIONS, optimizer=kind, weight_decay=decay, augment=augment)
    phases = build_strategy("full").phases(names_of(network))
    runner_of(network, feed, options).run(phases, BARE, Classification(3), epochs)

    matrices = [p for p in plain.parameters() if p.ndim > 1]
    vectors = [p for p in plain.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizer: torch.optim.Optimizer
    if kind == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=lr, fused=True)
    else:
        optimizer = torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)
    steps = epochs * math.ceil(len(TRAIN) / 5)
    step, warmup = 0, max(1, round(0.05 * steps))
    plain.train()
    for epoch in range(1, epochs + 1):
        for index, rows in enumerate(order_of(epoch, 3, 5)):
            factor = (
                (step + 1) / (warmup + 1)
                if step < warmup
                else 0.5 * (1 + math.cos(math.pi * ((step - warmup) / (steps - warmup))))
            )
            for group in optimizer.param_groups:
                group["lr"] = lr * factor
            pixels = feed.raw(rows)
            if augment == "light":
                state = np.random.SeedSequence([3, epoch, index]).generate_state(1, np.uint64)
                pixels = light(pixels, torch.Generator().manual_seed(int(state[0] >> 1)))
            optimizer.zero_grad()
            images = feed.inputs.prepare(pixels)
            logits = plain(images.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, torch.from_numpy(TARGETS[rows]))
            loss.backward()
            # Joint clipping in another order of the parameters differs in the last bit.
            ordered = [p for g in optimizer_order(plain) for p in g]
            torch.nn.utils.clip_grad_norm_(ordered, 1.0)
            optimizer.step()
            step += 1
    assert_same(state_of(network), state_of(plain))


def optimizer_order(network: Network) -> Iterable[list[torch.nn.Parameter]]:
    """Block by block, matrices before vectors, the head last."""
    tensors = dict(network.backbone.model.named_parameters())
    members = [
        [tensors[name] for name in block.tensors if name in tensors]
        for block in network.backbone.blocks
    ]
    for group in [*members, [*network.head.parameters()]]:
        yield [p for p in group if p.ndim > 1]
        yield [p for p in group if p.ndim <= 1]


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit"])
def test_training_from_the_bank_is_training_from_pixels(
    architecture: str,
    make_network: MakeNetwork,
    make_feed: MakeFeed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train() -> tuple[dict[str, Tensor], list[str]]:
        network = make_network(architecture)
        plan = Plan.top(names_of(network), 2)
        runner = runner_of(network, make_feed(network))
        runner.run([Phase("top", plan, "gradient")], DATA, Classification(3), 3)
        return state_of(network), runner.warnings

    def refuse(self: Network, depth: int) -> Split:
        raise CannotSplit("not today")

    cached, silence = train()
    monkeypatch.setattr(Network, "split", refuse)
    uncached, warnings = train()
    assert silence == []
    assert any("not today" in warning for warning in warnings)
    for name, tensor in cached.items():
        assert torch.allclose(tensor, uncached[name], rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("norm", ["frozen", "live"])
def test_frozen_tensors_keep_every_bit_while_the_rest_trains(
    norm: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    before = state_of(network)
    plan = Plan.top(names_of(network), 2, norm=norm)
    runner = runner_of(network, make_feed(network))
    runner.run([Phase("top", plan, "gradient")], BARE, Classification(3), 2)
    for name, tensor in state_of(network).items():
        trains = name.startswith(("head.weight", "head.bias")) or any(
            block in name for block in ("layer3.0.", "layer4.0.")
        )
        constant = "head." in name or (norm == "frozen" and ("running" in name or "num_" in name))
        if trains and not (constant and not name.startswith(("head.weight", "head.bias"))):
            assert not torch.equal(tensor, before[name]), name
        else:
            assert torch.equal(tensor, before[name]), name


def test_an_exact_phase_sets_the_head_and_nothing_else(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    before = state_of(network)
    runner = runner_of(network, make_feed(network))
    runner.run(
        build_strategy("linear-probe").phases(names_of(network)), DATA, Classification(3), None
    )
    (record,) = runner.records
    assert (record.outcome.solver, record.outcome.epochs, record.trained) == ("exact", 0, ("head",))
    assert runner.history.rows == []
    moved = [n for n, t in state_of(network).items() if not torch.equal(t, before[n])]
    assert sorted(moved) == ["head.bias", "head.weight"]


def test_no_exact_solution_means_gradient_descent_and_a_word_about_it(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network(head="mlp:8")
    runner = runner_of(network, make_feed(network))
    runner.run(build_strategy("linear-probe").phases(names_of(network)), DATA, Classification(3), 2)
    (record,) = runner.records
    assert (record.outcome.solver, record.outcome.epochs) == ("gradient", 2)
    assert "no exact solution" in record.note
    assert any("'probe'" in warning for warning in runner.warnings)


def test_a_backbone_that_cannot_be_cached_is_not_solved_from_its_pixels(
    make_network: MakeNetwork, make_feed: MakeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Network, depth: int) -> Split:
        raise CannotSplit("not today")

    network = make_network()
    monkeypatch.setattr(Network, "split", refuse)
    runner = runner_of(network, make_feed(network))
    runner.run(build_strategy("linear-probe").phases(names_of(network)), DATA, Classification(3), 2)
    assert [record.outcome.solver for record in runner.records] == ["gradient"]


class Worsening(Classification):
    """Pushes the wrong way, so that every step hurts."""

    def forward(self, model: torch.nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"wrong": -super().forward(model, batch)["cross_entropy"]}


@pytest.mark.parametrize("name", ["lp-ft", "top-k:2"])
def test_fine_tuning_that_only_hurts_gives_the_probe_back_bit_for_bit(
    name: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    runner = runner_of(network, make_feed(network))
    probe, tune = build_strategy(name).phases(names_of(network))
    runner.run([probe], DATA, Worsening(3), 4)
    before = state_of(network)
    runner.run([tune], DATA, Worsening(3), 4)
    assert_same(state_of(network), before)
    assert [record.outcome.best_epoch for record in runner.records] == [None, 0]


def test_the_best_epochs_weights_are_those_of_a_run_that_stopped_there(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    options = replace(OPTIONS, lr=0.05, schedule="constant", batch_size=4)
    phases = build_strategy("full").phases(names_of(make_network()))
    long = make_network()
    runner = runner_of(long, make_feed(long), options)
    runner.run(phases, DATA, Classification(3), 8)
    best = runner.records[0].outcome.best_epoch
    assert best is not None
    losses = [row["validation_tempered"] for row in runner.history.rows]
    assert best == 1 + int(np.argmin(losses))
    short = make_network()
    runner_of(short, make_feed(short), options).run(phases, BARE, Classification(3), best)
    # But for how sure the answers are, which the validation rows decide.
    short.head.temper(runner.history.rows[best - 1]["validation_temperature"])
    assert_same(state_of(long), state_of(short))


def test_a_divergence_at_once_is_an_error_and_after_a_probe_leaves_it(
    make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    options = replace(OPTIONS, lr=1e30)
    network = make_network()
    with pytest.raises(DivergenceError, match="loss"):
        runner_of(network, make_feed(network), options).run(
            build_strategy("full").phases(names_of(network)), DATA, Classification(3), 4
        )
    network = make_network()
    probe, tune = build_strategy("lp-ft").phases(names_of(network))
    runner = runner_of(network, make_feed(network), options)
    runner.run([probe], DATA, Classification(3), 2)
    before = state_of(network)
    runner.run([tune], DATA, Classification(3), 4)
    assert_same(state_of(network), before)


def test_the_history_tells_phase_epoch_and_figures(
    tmp_path: Path, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    network = make_network()
    path = tmp_path / "history.jsonl"
    runner = runner_of(network, make_feed(network), OPTIONS, path)
    runner.run(build_strategy("lp-ft").phases(names_of(network)), DATA, Classification(3), 3)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows == runner.history.rows
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert row["phase"] == "fine-tune"
        assert set(row) >= {"loss", "validation_loss", "validation_accuracy", "lr", "seconds"}
        assert all(math.isfinite(row[name]) for name in row if name != "phase")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("architecture", ["test_vit", "test_resnet"])
def test_accumulated_batches_make_the_step_of_one_large_batch(
    architecture: str, weighted: bool, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    weights = np.array([0.5, 1.0, 2.0]) if weighted else None
    states = []
    for size, accumulate in ((8, 1), (2, 4)):
        network = make_network(architecture)
        plan = Plan.top(names_of(network), len(names_of(network)), norm="frozen")
        options = replace(OPTIONS, optimizer="sgd", batch_size=size, accumulate=accumulate)
        runner = runner_of(network, make_feed(network), options)
        phase = Phase("all", plan, "gradient")
        runner.run([phase], BARE, Classification(3, weights=weights), 3)
        states.append((state_of(network), [row["loss"] for row in runner.history.rows]))
    (large, losses), (small, others) = states
    assert others == pytest.approx(losses, rel=1e-4)
    for name, tensor in large.items():
        assert torch.allclose(tensor, small[name], atol=1e-5), name


@pytest.mark.parametrize("strategy", ["full", "lp-ft", "head"])
def test_schedule_free_ends_with_the_weights_that_answer(
    strategy: str, make_network: MakeNetwork, make_feed: MakeFeed
) -> None:
    """The weights kept are those that validation saw, and a higher rate does not spoil them."""
    options = replace(OPTIONS, optimizer="schedule-free", schedule="warm-up")
    network = make_network()
    runner = runner_of(network, make_feed(network), options)
    runner.run(build_strategy(strategy).phases(names_of(network)), DATA, Classification(3), 6)
    rows = [row for row in runner.history.rows if "rescue" not in row]
    best = min(row["validation_tempered"] for row in rows)
    source = open_source(network, 0, runner.feed, [])
    score = Classification(3).score(
        source.suffix, Rows(source, DATA, runner.options, runner.device).held_out().epoch(0)
    )
    if runner.records[-1].outcome.best_epoch:
        assert score["loss"] == pytest.approx(best, rel=1e-3)
    assert score["accuracy"] >= 0.6


def test_the_record_tells_the_rate(make_network: MakeNetwork, make_feed: MakeFeed) -> None:
    for options, rate in ((OPTIONS, 0.01), (replace(OPTIONS, lr=None, optimizer="sgd"), 0.03)):
        network = make_network()
        runner = runner_of(network, make_feed(network), options)
        runner.run(build_strategy("head").phases(names_of(network)), DATA, Classification(3), 1)
        assert runner.records[0].to_dict()["lr"] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("epochs", "share", "batches", "expected"),
    [
        (None, 1.0, 1, 30),  # at most
        (None, 1.0, 10, 30),
        (None, 1.0, 15, 20),  # about 300 steps
        (None, 1.0, 16, 19),
        (None, 1.0, 10**6, 8),  # at least
        (None, 0.5, 15, 10),
        (7, 1.0, 1, 7),
        (7, 0.0, 1, 1),
        (1, 0.4, 1, 1),
        (None, 1.0, 0, 30),
    ],
)
def test_epochs_of_a_phase(epochs: int | None, share: float, batches: int, expected: int) -> None:
    phase = Phase("x", Plan.top(["a"], 1), "gradient", share=share)
    assert phase_epochs(phase, epochs, batches) == expected


@pytest.mark.parametrize(
    ("epochs", "batches", "expected"), [(None, 1, 8), (None, 3, 3), (None, 12, 1), (5, 12, 5)]
)
def test_a_phase_can_say_how_many_steps_it_needs(
    epochs: int | None, batches: int, expected: int
) -> None:
    phase = Phase("x", Plan.top(["a"], 1), "gradient", steps=8)
    assert phase_epochs(phase, epochs, batches) == expected
