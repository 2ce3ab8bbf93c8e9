"""Which weights move, and how. Adding a strategy: one file, one line in `STRATEGIES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from graft.errors import UnknownNameError
from graft.heads.kept import KeptHead
from graft.network import Network
from graft.plan import fit
from graft.strategies.base import Attached, Ending, Modifier, Phase, Solver, Strategy, Weights
from graft.strategies.batchnorm import BatchNorm
from graft.strategies.bias_only import BiasOnly
from graft.strategies.combine import Combined
from graft.strategies.contrastive import Contrastive
from graft.strategies.discriminative import Discriminative
from graft.strategies.ema import Ema
from graft.strategies.first_k import FirstK
from graft.strategies.full import Full
from graft.strategies.gradual import Gradual
from graft.strategies.head import Head
from graft.strategies.l2_sp import L2SP, LpFtWithL2SP
from graft.strategies.linear_probe import LinearProbe
from graft.strategies.lora import Lora
from graft.strategies.lp_ft import LinearProbeThenFineTune
from graft.strategies.norm_only import NormOnly
from graft.strategies.table import Entry, Setting, between, build_entry, listing, whole, within
from graft.strategies.top_k import TopK
from graft.strategies.wise import Wise

__all__ = [
    "MODIFIERS",
    "STRATEGIES",
    "Attached",
    "Ending",
    "Modifier",
    "Phase",
    "Solver",
    "Strategy",
    "Weights",
    "build_strategy",
    "phases_for",
    "strategy_help",
]

STRATEGIES: Mapping[str, Entry[Strategy]] = MappingProxyType(
    {
        "linear-probe": Entry(LinearProbe, "a linear head, solved exactly; try it first"),
        "head": Entry(Head, "the head, by gradient descent; for heads with hidden layers"),
        "full": Entry(Full, "everything at once; many examples, or random weights"),
        "top-k": Entry(
            TopK,
            "the last K blocks, from a probe; cheaper than lp-ft",
            Setting("K", "a number of blocks", "top-k:2", lambda text: TopK(whole(text, 0))),
        ),
        "first-k": Entry(
            FirstK,
            "the first K blocks, from a probe; the pictures look different (blur, sensor)",
            Setting("K", "a number of blocks", "first-k:2", lambda text: FirstK(whole(text, 0))),
        ),
        "lp-ft": Entry(LinearProbeThenFineTune, "everything, from a probe; the default"),
        "contrastive": Entry(
            Contrastive,
            "the upper half, by pairs of rows as in SetFit, then a probe; few texts a class",
        ),
        "gradual": Entry(
            Gradual,
            "the last blocks first, then more and more; few examples, deep backbones",
            Setting("STEPS", "a number of steps", "gradual:4", lambda text: Gradual(whole(text))),
        ),
        "discriminative": Entry(
            Discriminative,
            "everything, early blocks at smaller rates; transformers",
            Setting(
                "DECAY",
                "a factor per block above 0 and at most 1",
                "discriminative:0.75",
                lambda text: Discriminative(between(0, 1, text)),
            ),
        ),
        "norm-only": Entry(NormOnly, "scale and shift of normalisation layers; tiny updates"),
        "bias-only": Entry(BiasOnly, "biases (BitFit); tiny updates"),
        "lora": Entry(
            Lora,
            "low-rank updates of every linear and convolutional layer; little memory",
            Setting("R", "a rank of at least 1", "lora:8", lambda text: Lora(whole(text))),
        ),
        "dora": Entry(
            partial(Lora, magnitude=True),
            "lora with a trained magnitude; slower, often a little better",
            Setting(
                "R",
                "a rank of at least 1",
                "dora:8",
                lambda text: Lora(whole(text), magnitude=True),
            ),
        ),
        "l2-sp": Entry(
            LpFtWithL2SP,
            "short for lp-ft+l2-sp: fine-tuning pulled towards the pretrained weights",
            Setting(
                "BETA",
                "a strength above 0 and at most 1000",
                "l2-sp:0.01",
                lambda text: LpFtWithL2SP(between(0, 1000, text)),
            ),
        ),
    }
)

# In the order in which they act, whatever the order they are written in.
MODIFIERS: Mapping[str, Entry[Modifier]] = MappingProxyType(
    {
        "l2-sp": Entry(
            L2SP,
            "pulls what trains towards the pretrained weights",
            Setting(
                "BETA",
                "a strength above 0 and at most 1000",
                "l2-sp:0.01",
                lambda text: L2SP(between(0, 1000, text)),
            ),
        ),
        "bn-frozen": Entry(
            partial(BatchNorm, "frozen"), "BatchNorm keeps its pretrained statistics"
        ),
        "bn-live": Entry(partial(BatchNorm, "live"), "BatchNorm statistics follow the batches"),
        "ema": Entry(
            Ema,
            "keeps a running average of the weights",
            Setting(
                "DECAY",
                "a decay above 0 and below 1",
                "ema:0.999",
                lambda text: Ema(between(0, 1 - 1e-9, text)),
            ),
        ),
        "wise": Entry(
            Wise,
            "mixes pretrained and fine-tuned weights as validation likes best",
            Setting(
                "ALPHA",
                "a share of the fine-tuned weights from 0 to 1",
                "wise:0.5",
                lambda text: Wise(within(0, 1, text)),
            ),
        ),
        "bn-reestimate": Entry(
            partial(BatchNorm, "reestimated"), "live, then computed afresh on the training rows"
        ),
    }
)


def build_strategy(spec: str) -> Strategy:
    """The strategy of a name, with its setting after a colon and modifiers after plus signs.

    >>> build_strategy("top-k:2")
    TopK(k=2)
    >>> build_strategy("lp-ft+wise+ema").modifiers
    (Ema(decay=0.999), Wise(alpha=None))

    Raises:
        UnknownNameError: No such strategy or modifier, a setting that it does not take, or two
            modifiers that exclude each other.
    """
    first, *rest = spec.split("+")
    if _is_modifier(first):
        raise _not_first(spec, first)
    strategy = build_entry("strategy", first, STRATEGIES)
    if not rest:
        return strategy
    built = {text: build_entry("modifier", text, MODIFIERS) for text in rest}
    _refuse_clashes(spec, rest)
    order = [*MODIFIERS]
    texts = sorted(rest, key=lambda text: order.index(text.partition(":")[0]))
    return Combined(spec, strategy, tuple(built[text] for text in texts))


def _is_modifier(text: str) -> bool:
    name = text.partition(":")[0]
    return name in MODIFIERS and name not in STRATEGIES


def _not_first(spec: str, first: str) -> UnknownNameError:
    return UnknownNameError(
        f"'{spec}' begins with the modifier '{first}'",
        allowed="a strategy first, then modifiers",
        next=f"use 'lp-ft+{first}'",
    )


def _refuse_clashes(spec: str, texts: list[str]) -> None:
    names = [text.partition(":")[0] for text in texts]
    twice = {name for name in names if names.count(name) > 1}
    policies = {name for name in names if name.startswith("bn-")}
    for clash in (twice, policies if len(policies) > 1 else set()):
        if clash:
            raise UnknownNameError(
                f"'{spec}' contradicts itself: {' and '.join(sorted(clash))} "
                f"{'stand' if len(clash) > 1 else 'stands'} there together",
                next="keep one of them",
            )


def phases_for(spec: str, network: Network) -> tuple[Phase, ...]:
    """The phases of a strategy on a network, their plans fitted to what its blocks hold.

    Raises:
        UnknownNameError: The strategy does not exist, contradicts itself or does not fit.
    """
    names = [block.name for block in network.backbone.blocks]
    phases = build_strategy(spec).phases(names)
    if isinstance(network.head, KeptHead):
        phases = _without_probes(spec, phases, network.head)
    return tuple(replace(phase, plan=fit(phase.plan, network)) for phase in phases)


def _without_probes(spec: str, phases: tuple[Phase, ...], head: KeptHead) -> tuple[Phase, ...]:
    """A probe gives a new head its first weights; a head that is kept has learnt its own."""
    rest = tuple(phase for phase in phases if phase.solver != "exact")
    if any(phase.contrast for phase in rest):
        raise UnknownNameError(
            f"The strategy '{spec}' compares labelled rows, and translations have no labels",
            allowed="full, top-k, gradual, discriminative, lora, ...",
            next="use full or lora",
        )
    still = head.tied and not any(phase.plan.trained for phase in rest)
    if rest and not still:
        return rest
    why = "has no exact solution" if not rest else "shares its weights with the frozen embeddings"
    raise UnknownNameError(
        f"The strategy '{spec}' trains the output layer alone, which for this model {why}",
        allowed="strategies that train blocks: full, top-k, gradual, discriminative, lora, ...",
        next="use top-k:1, lora or full",
    )


def strategy_help() -> str:
    """All strategies and modifiers, one line each."""
    return (
        f"{listing(STRATEGIES)}\nmodifiers, added with +, as in lp-ft+ema+wise:{listing(MODIFIERS)}"
    )
