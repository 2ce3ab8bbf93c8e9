"""A gradient phase: what it is made of, and how it is taken up again in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from graft.device import precision
from graft.errors import ModelError
from graft.network import Network
from graft.objectives import Objective
from graft.strategies import Phase, Weights
from graft.training.average import Average, all_finite, moving, snapshot
from graft.training.best import Best
from graft.training.loop import Loop, Place, Scores, run_epochs
from graft.training.mixing import Mixer
from graft.training.modes import Modes
from graft.training.optimizer import build_optimizer, optimizer_state, resume_optimizer
from graft.training.randomness import random_state, resume_random
from graft.training.rates import phase_rate
from graft.training.rescue import start_rescue
from graft.training.rows import Rows
from graft.training.schedule import build_schedule
from graft.training.watch import outputs_of
from graft.types import Batch, Json


@dataclass(frozen=True, slots=True)
class Ground:
    """What a gradient phase stands on.

    Attributes:
        phase: The phase.
        network: What is trained, in place.
        rows: What it learns from.
        objective: What it minimises.
        origin: The weights before any block trained, where the phase asks for them.
        mixer: Blends rows, if anything does.
    """

    phase: Phase
    network: Network
    rows: Rows
    objective: Objective
    origin: Weights
    mixer: Mixer | None

    @property
    def rate(self) -> float:
        """The learning rate: the user's, or else the phase's own."""
        options = self.rows.options
        if options.lr is not None:
            return options.lr
        return phase_rate(self.phase, self.network.backbone, options.optimizer)

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        with precision(self.rows.device, self.rows.options.precision):
            suffix, objective = self.rows.source.suffix, self.objective
            losses = (
                self.mixer.losses(objective, suffix, batch)
                if self.mixer
                else objective(suffix, batch)
            )
        if self.phase.penalty:
            losses = {**losses, "penalty": self.phase.penalty(self.network, self.origin)}
        first, *more = losses.values()
        return torch.stack([first, *more]).sum() if more else first

    def average(self) -> Average | None:
        """The running average of what moves, where the phase asks for one."""
        if self.phase.average is None:
            return None
        return Average(moving(self.network, self.phase.plan), self.phase.average)

    def loop(self, steps: int, average: Average | None) -> Loop:
        """What takes the steps; its schedule ends after `steps`."""
        phase, network, options = self.phase, self.network, self.rows.options
        optimizer = build_optimizer(
            options.optimizer,
            phase.plan,
            network,
            self.objective,
            lr=self.rate,
            weight_decay=0.0 if phase.penalty else options.weight_decay,
        )
        batches = self.rows.training()

        def inputs() -> Iterator[Tensor]:
            return (batch.inputs for batch in batches.epoch(0))

        suffix = self.rows.source.suffix
        return Loop(
            step=self.loss,
            weigh=self.objective.weigh,
            batches=batches,
            optimizer=optimizer,
            schedule=build_schedule(options.schedule, optimizer, steps),
            modes=Modes(phase.plan, network, optimizer, suffix, inputs, average),
            clip=options.clip,
            accumulate=options.accumulate,
            after_step=self._after_step(average),
        )

    def _after_step(self, average: Average | None) -> Callable[[], None]:
        """Tell all that follow the steps."""

        def told() -> None:
            self.objective.after_step()
            if average:
                average.after_step()

        return told

    def best(self) -> Best:
        """The best weights, of which there are none yet."""
        return Best(
            take=partial(snapshot, self.network, self.phase.plan),
            restore=partial(self.network.load_state_dict, strict=False),
            finite=partial(all_finite, self.network, self.phase.plan),
        )


@dataclass(slots=True)
class Descent:
    """A gradient phase under way.

    Attributes:
        ground: What it stands on.
        loop: Takes the steps.
        best: The best weights so far.
        average: The running average of the weights, if there is one.
        validate: Scores the network, if there are validation rows.
    """

    ground: Ground
    loop: Loop
    best: Best
    average: Average | None
    validate: Callable[[], Scores] | None

    def run(
        self,
        epochs: int,
        *,
        record: Callable[[Json], None],
        tell: Callable[[str], None],
        pause: Callable[[], None],
        state: Json | None,
    ) -> None:
        """Descend for at most so many epochs, from the start or from where `state` was taken.

        Args:
            epochs: Counted from the phase's start.
            record: Gets a row per epoch.
            tell: Gets a sentence per rescue.
            pause: Called where a checkpoint can be taken.
            state: What `state` gave in an earlier process.

        Raises:
            DivergenceError: Training went wrong too often and no usable epoch came before it.
        """
        ground, loop = self.ground, self.loop
        loop.pause = pause
        if state is None and ground.phase.keep_start and self.validate is not None:
            self.best.offer(0, self.validate())
        with outputs_of(ground.network.head) as outputs:
            if not ground.phase.contrast:  # what the rescue watches is the head
                loop.guard = start_rescue(
                    ground.phase.plan,
                    ground.network,
                    ground.rows.source.suffix,
                    ground.objective,
                    loop,
                    outputs,
                    tell,
                )
            if state is not None:
                self._resume(state)
            run_epochs(
                loop,
                epochs,
                validate=self.validate,
                best=self.best,
                patience=ground.rows.options.patience,
                record=record,
            )
        if self.best.epoch and self.best.temperature != 1.0:  # a probe is given back as it was
            ground.network.head.temper(self.best.temperature)

    def state(self) -> Json:
        """What a checkpoint keeps of the phase."""
        ground, loop = self.ground, self.loop
        return {
            "place": loop.place.state(),
            "network": moving(ground.network, ground.phase.plan),
            "optimizer": optimizer_state(loop.optimizer),
            "schedule": loop.schedule.state(),
            "guard": loop.guard.state(),
            "best": self.best.state(),
            "average": self.average.state() if self.average else None,
            "mixer": ground.mixer.state() if ground.mixer else None,
            "objective": ground.objective.state(ground.rows.source.suffix),
            "depth": ground.rows.source.depth,
            "random": random_state(),
        }

    def _resume(self, state: Json) -> None:
        """Put everything that moves where it was.

        Raises:
            ModelError: The phase cannot go on as it began.
        """
        ground, loop = self.ground, self.loop
        if state["depth"] != ground.rows.source.depth:
            raise ModelError(
                f"The phase read its rows at depth {state['depth']} before, and now reads them at "
                f"depth {ground.rows.source.depth}",
                next="begin a new run: this one cannot go on to the same bytes",
            )
        loop.place = Place(**state["place"])
        ground.network.load_state_dict(state["network"], strict=False)
        resume_optimizer(loop.optimizer, state["optimizer"])
        loop.schedule.resume(state["schedule"])
        loop.guard.resume(state["guard"])
        self.best.resume(state["best"])
        if self.average:
            self.average.resume(state["average"])
        if ground.mixer:
            ground.mixer.resume(state["mixer"])
        ground.objective.resume(state["objective"], ground.rows.source.suffix)
        resume_random(state["random"])


def descent_of(ground: Ground, steps: int) -> Descent:
    """A descent of `steps` steps, before its first one."""
    validate = None
    if not ground.phase.contrast:
        validate = ground.rows.validation(ground.network, ground.objective)
    average = ground.average()
    return Descent(ground, ground.loop(steps, average), ground.best(), average, validate)
