"""Self-rescue: what goes wrong is seen soon and undone; what goes well is left alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from graft.errors import DivergenceError
from graft.network import Network
from graft.objectives import Classification
from graft.plan import Plan, apply
from graft.training.best import Best
from graft.training.loop import Loop, run_epochs
from graft.training.optimizer import OPTIMIZERS
from graft.training.rescue import DIVISOR, MOST_RESCUES, Rescue, chance_loss, pretrained_weights
from graft.training.schedule import build_schedule
from graft.training.watch import LOOK, Outputs, Watch, outputs_of
from graft.types import Batch

CLASSES = 5
LEARNABLE = torch.randn(CLASSES, 12, generator=torch.Generator().manual_seed(7))
NORM = torch.tensor(1.0)


class Clusters:
    """Ten batches of 32 rows around class means."""

    def __init__(self, noise: float = 0.5) -> None:
        self.noise = noise

    def epoch(self, number: int, first: int = 0) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(number)
        for _ in range(10):
            targets = torch.randint(CLASSES, (32,), generator=generator)
            inputs = LEARNABLE[targets] + self.noise * torch.randn(32, 12, generator=generator)
            yield Batch(inputs, targets)


class Small:
    """A phase on a small network: body and head, with a rescue."""

    def __init__(self, optimizer: str, lr: float, *, epochs: int = 12, noise: float = 0.5) -> None:
        torch.manual_seed(0)
        hidden = nn.Linear(32, 32)
        self.body = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), hidden, nn.ReLU())
        self.hidden = hidden
        self.head = nn.Linear(32, CLASSES)
        self.model = nn.Sequential(self.body, self.head)
        self.told: list[str] = []
        self.epochs = epochs
        self.batches = Clusters(noise)
        parameters = [*self.model.parameters()]
        groups: list[dict[str, object]] = [{"params": parameters, "lr": lr, "weight_decay": 0.0}]
        self.optimizer = OPTIMIZERS[optimizer].build(groups, lr)
        self.objective = Classification(CLASSES)

    def train(self) -> None:
        self.model.train()
        if "train_mode" in self.optimizer.defaults:
            self.optimizer.train()  # type: ignore[attr-defined]

    def begin_again(self) -> None:
        self.train()

    def evaluate(self) -> None:
        self.model.eval()
        if "train_mode" in self.optimizer.defaults:
            self.optimizer.eval()  # type: ignore[attr-defined]

    def run(self) -> float:
        """Train; returns the accuracy."""
        schedule = build_schedule("cosine", self.optimizer, 10 * self.epochs)
        loop = Loop(
            step=self._loss,
            weigh=self.objective.weigh,
            batches=self.batches,
            optimizer=self.optimizer,
            schedule=schedule,
            modes=self,
            clip=1.0,
        )
        chance = chance_loss(self.objective, self.model, next(self.batches.epoch(1)))
        with outputs_of(self.head) as outputs:
            self.rescue = Rescue(
                Watch(chance, outputs),
                pretrained=[p for p in self.body.parameters() if p.ndim > 1],
                tensors=[*self.model.parameters()],
                optimizer=self.optimizer,
                schedule=schedule,
                again=self.begin_again,
                tell=self.told.append,
            )
            loop.guard = self.rescue
            best = Best(self.model.state_dict, lambda _: None, self._finite)
            run_epochs(
                loop, self.epochs, validate=None, best=best, patience=99, record=lambda _: None
            )
        return self.objective.score(self.model, self.batches.epoch(99))["accuracy"]

    def _loss(self, batch: Batch) -> Tensor:
        return self.objective(self.model, batch)["cross_entropy"]  # type: ignore[no-any-return]

    def _finite(self) -> bool:
        return all(bool(p.isfinite().all()) for p in self.model.parameters())


@pytest.mark.parametrize("optimizer", ["adamw", "schedule-free"])
def test_a_rate_far_too_high_ends_nearly_where_a_good_one_does(optimizer: str) -> None:
    tuned = Small(optimizer, 1e-2)
    reached = tuned.run()
    assert tuned.told == []
    assert reached > 0.9
    wild = Small(optimizer, 30.0)
    assert wild.run() >= 0.95 * reached
    assert 1 <= len(wild.told) <= MOST_RESCUES
    step = int(wild.told[0].split("step ")[1].split()[0])
    assert step <= 50
    assert "back to step 0" in wild.told[0]


@pytest.mark.parametrize("noise", [0.5, 3.0, 30.0])
@pytest.mark.parametrize("lr", [1e-4, 1e-3, 1e-2])
def test_sensible_training_is_left_alone(lr: float, noise: float) -> None:
    """Also where there is next to nothing to learn."""
    small = Small("adamw", lr, noise=noise)
    small.run()
    assert small.told == []


def test_a_dead_head_is_seen_and_in_the_end_an_error() -> None:
    small = Small("sgd", 1e-2, epochs=30)
    with torch.no_grad():
        small.hidden.bias.fill_(-1e4)
    with pytest.raises(DivergenceError, match=f"{MOST_RESCUES} rescues"):
        small.run()
    assert len(small.told) == MOST_RESCUES
    assert "same for every row" in small.told[0]


def test_the_same_run_twice_gives_the_same_bytes() -> None:
    runs = [Small("adamw", 30.0, epochs=4) for _ in range(2)]
    for run in runs:
        run.run()
    assert runs[0].told == runs[1].told
    for name, tensor in runs[0].model.state_dict().items():
        assert torch.equal(tensor, runs[1].model.state_dict()[name])


def see_all(watch: Watch, losses: list[float], moved: Callable[[], float] = lambda: 0.0) -> int:
    """The step at which something was found, 0 for none."""
    for step, loss in enumerate(losses, start=1):
        if watch.see(loss, NORM, moved):
            return step
    return 0


def quiet() -> Outputs:
    outputs = Outputs()
    outputs.latest = torch.eye(4)
    return outputs


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e6])
def test_an_absurd_loss_is_seen_at_once(bad: float) -> None:
    assert see_all(Watch(2.3, quiet()), [2.3, 2.2, bad]) == 3


def test_a_rise_that_stays_is_seen_within_fifty_steps_and_a_spike_is_not() -> None:
    good = [0.5] * 100
    assert 100 < see_all(Watch(2.3, quiet()), [*good, *[2.3] * 60]) <= 120
    assert see_all(Watch(2.3, quiet()), [*good, 9.0, 5.0, 2.0, *good]) == 0


def test_a_first_step_that_destroys_what_a_probe_had_learnt_is_seen() -> None:
    """Only the loss before it knows how good the start was."""
    assert see_all(Watch(2.3, quiet()), [0.3, 6.0, 5.0, *[4.0] * 40]) == LOOK
    assert see_all(Watch(2.3, quiet()), [0.3, *[0.8, 0.1, 0.5, 1.2] * 20]) == 0


def test_what_was_learnt_and_lost_is_seen_although_it_is_no_worse_than_chance() -> None:
    assert 0 < see_all(Watch(2.3, quiet()), [*[1.3] * 30, *[2.1] * 60]) <= 50


def test_pretrained_weights_that_moved_far_and_know_nothing_go_back() -> None:
    losses = [2.3] * 50
    assert see_all(Watch(2.3, quiet()), losses) == 0
    assert see_all(Watch(2.3, quiet()), losses, moved=lambda: 0.5) == 0
    assert see_all(Watch(2.3, quiet()), losses, moved=lambda: 3.0) == LOOK
    assert see_all(Watch(2.3, quiet()), [1.0] * 50, moved=lambda: 3.0) == 0


@pytest.mark.parametrize(
    ("loss", "spread", "moved", "expected"),
    [(2.3, 0.1, 0.2, LOOK), (1.9, 0.1, 0.2, 0), (2.3, 0.5, 0.2, 0), (2.3, 0.1, 0.05, 0)],
)
def test_outputs_that_fade_with_weights_that_moved_somewhat_are_seen_where_nothing_was_learnt(
    loss: float, spread: float, moved: float, expected: int
) -> None:
    """Transformers: all pretrained layers are gone before they have moved by their own size."""
    outputs = quiet()
    watch = Watch(2.3, outputs)
    assert watch.see(2.3, NORM, lambda: 0.0) is None
    outputs.latest = spread * torch.eye(4)
    found = see_all(watch, [loss] * 2 * LOOK, moved=lambda: moved)
    assert found == max(0, expected - 1)  # one step was taken before


def test_no_gradient_is_a_dead_head_unless_all_is_learnt() -> None:
    for loss, expected in ((2.0, LOOK), (1e-4, 0)):
        watch, found = Watch(2.3, quiet()), 0
        for step in range(1, 31):
            if watch.see(loss, torch.tensor(0.0), lambda: 0.0):
                found = step
                break
        assert found == expected


def test_outputs_that_stay_the_same_for_every_row_are_a_collapse() -> None:
    outputs = quiet()
    watch = Watch(2.3, outputs)
    assert watch.see(2.3, NORM, lambda: 0.0) is None
    outputs.latest = torch.ones(4, 4)
    assert 0 < see_all(watch, [2.3] * 60) <= 50


def test_chance_is_the_loss_of_knowing_nothing() -> None:
    batch = next(Clusters().epoch(0))
    found = chance_loss(Classification(CLASSES), nn.Linear(12, CLASSES), batch)
    assert found == pytest.approx(math.log(CLASSES))
    assert found == pytest.approx(float(F.cross_entropy(torch.zeros(32, CLASSES), batch.targets)))


def test_the_schedule_begins_again_over_the_steps_that_are_left() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = build_schedule("linear", optimizer, 100)
    for _ in range(40):
        optimizer.step()
        schedule.step()
    schedule.restart(DIVISOR)
    found = []
    for _ in range(60):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    fresh = build_schedule("linear", torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1), 60)
    assert found[0] == pytest.approx(fresh.get_last_lr()[0])
    assert found[3] == max(found) == pytest.approx(0.1)
    assert found[3:] == pytest.approx([0.1 * (1 - step / 57) for step in range(57)])


def test_pretrained_weights_are_filters_of_blocks_that_train(
    make_network: Callable[..., Network],
) -> None:
    network = make_network()
    plan = Plan.top([block.name for block in network.backbone.blocks], 1)
    apply(plan, network)
    assert pretrained_weights(plan, network.backbone) == []  # they are random
    network.backbone.origin = "somewhere"
    found = pretrained_weights(plan, network.backbone)
    assert found
    last = set(network.backbone.blocks[-1].tensors)
    names = {id(p): name for name, p in network.backbone.model.named_parameters()}
    assert all(names[id(p)] in last and p.ndim > 1 for p in found)
