"""EMA: a running average of the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graft.strategies.base import ContradictionError, Modifier, Phase


@dataclass(frozen=True, slots=True)
class Ema(Modifier):
    """Averages the weights over the last steps; validation and the result use the average.

    After step n the average keeps the share min(decay, (1 + n) / (10 + n)) of itself, so that a
    phase of a few hundred steps averages over about its last tenth and a long one over
    1 / (1 - decay) steps. Running statistics are averaged like weights. Use it where validation
    jumps from epoch to epoch: small batches, noisy labels.

    Source: Polyak and Juditsky (1992) for averaging; Tan and Le (2019), section 5, for decays
    near 0.999 in image classification. The ramp is that of TensorFlow's
    `ExponentialMovingAverage` with `num_updates`.
    """

    decay: float = 0.999

    def modify(self, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        """Average in every gradient phase.

        Raises:
            ContradictionError: There is none.
        """
        if all(phase.solver == "exact" for phase in phases):
            raise ContradictionError(
                "ema averages over steps, and an exact solution takes none", "use head+ema"
            )
        return tuple(replace(phase, average=self.kept) for phase in phases)

    def kept(self, step: int) -> float:
        """The share of the old average that is kept at a step, counted from 1.

        >>> round(Ema(0.9).kept(1), 3), Ema(0.9).kept(1000)
        (0.182, 0.9)
        """
        return min(self.decay, (1 + step) / (10 + step))
