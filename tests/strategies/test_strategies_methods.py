"""Each method against its definition, or against the library that made it known."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import timm.optim
import torch
from timm import create_model
from torch import Tensor, nn

from graft.errors import AuditError, UnknownNameError
from graft.network import Network
from graft.plan import Plan, apply, movable, trained_parameters
from graft.strategies import Ending, Weights, build_strategy, phases_for
from graft.strategies.ema import Ema
from graft.strategies.l2_sp import L2SP
from graft.strategies.lora import Lora, adaptable
from graft.strategies.wise import CANDIDATES, Wise, set_mixture
from graft.training.average import Average

MakeNetwork = Callable[..., Network]


def names_of(network: Network) -> list[str]:
    return [block.name for block in network.backbone.blocks]


def state_of(network: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def images(rows: int = 4) -> Tensor:
    return torch.randn(rows, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def shaken(network: Network, scale: float = 0.05) -> Network:
    """The same network with every weight moved."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def part_of(network: Network, part: str) -> dict[str, nn.Parameter]:
    plan = replace(Plan.top(names_of(network), len(names_of(network))), part=part)
    return {n: p for _, found in trained_parameters(plan, network) for n, p in found.items()}


# Finer than blocks.


def test_norm_only_trains_exactly_the_norms(make_network: MakeNetwork) -> None:
    for architecture, kinds in (("test_resnet", nn.BatchNorm2d), ("test_vit", nn.LayerNorm)):
        network = make_network(architecture)
        layers = [m for m in network.backbone.modules() if isinstance(m, kinds)]
        norms = {id(p) for layer in layers for p in layer.parameters()}
        assert {id(p) for p in part_of(network, "norm").values()} == norms


def test_bias_only_trains_exactly_the_biases(make_network: MakeNetwork) -> None:
    network = make_network("test_vit")
    found = part_of(network, "bias")
    every = dict(network.backbone.model.named_parameters())
    assert set(found) == {name for name in every if name.endswith("bias")}
    assert all(parameter.ndim == 1 for parameter in found.values())


def test_blocks_without_anything_to_train_are_frozen_and_a_backbone_without_is_refused(
    make_network: MakeNetwork,
) -> None:
    network = make_network("test_vit")  # its stem has a bias and no norm
    (_, norms), (_, biases) = (phases_for(name, network) for name in ("norm-only", "bias-only"))
    assert (norms.plan.frozen_depth, biases.plan.frozen_depth) == (1, 0)
    for module in network.backbone.modules():
        if isinstance(module, nn.LayerNorm):
            module.weight, module.bias = None, None  # type: ignore[assignment]
    with pytest.raises(UnknownNameError, match="no parameters of the kind 'norm'"):
        phases_for("norm-only", network)


def test_running_statistics_may_move_where_the_policy_lets_them(make_network: MakeNetwork) -> None:
    network = make_network()
    plan = Plan.top(names_of(network), 2)
    frozen, live = movable(plan, network), movable(plan.with_norm("live"), network)
    assert not any("running_" in name for name in frozen)
    statistics = live - frozen
    assert statistics
    assert all(name.startswith(("layer3.", "layer4.")) for name in statistics)


# Rates.


@pytest.mark.parametrize("architecture", ["test_vit", "resnet10t", "mobilenetv3_small_050"])
def test_discriminative_rates_are_timms_layer_decay(
    architecture: str, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    model = create_model(architecture, num_classes=3)
    groups = timm.optim.param_groups_layer_decay(model, weight_decay=0.05, layer_decay=0.7)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    theirs = {names[id(p)]: g["lr_scale"] for g in groups for p in g["params"]}
    plan = phases_for("discriminative:0.7", network)[1].plan
    ours = {n: b.lr_scale for b, found in trained_parameters(plan, network) for n in found}
    last = plan.blocks[-1].lr_scale
    for name, scale in ours.items():
        # What timm counts to the classifier, a final norm, is here part of the last block.
        assert scale == pytest.approx(theirs[name] if theirs[name] < 1 else last), name
    assert sum(theirs[name] == 1 for name in ours) <= 2


# EMA.


def test_the_average_follows_its_definition_and_the_weights_come_back() -> None:
    weight, count = torch.tensor([1.0, 2.0]), torch.tensor(0)
    average = Average({"weight": weight, "count": count}, Ema(0.9).kept)
    expected = weight.clone()
    for step in range(1, 100):
        weight += step
        count += 1
        average.after_step()
        kept = min(0.9, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * weight
    present = weight.clone()
    for _ in range(2):  # showing twice is showing once
        average.show()
        assert torch.allclose(weight, expected)
        assert count == 99
    for _ in range(2):
        average.hide()
        assert torch.equal(weight, present)


# WiSE-FT.


def ending_of(network: Network, origin: Weights, losses: Iterator[float] | None) -> Ending:
    plan = Plan.top(names_of(network), len(names_of(network)))
    score = None if losses is None else (lambda: next(losses))
    return Ending(network, plan, origin, network, score, lambda: iter(()))


def test_alpha_0_and_1_are_the_very_bits(make_network: MakeNetwork) -> None:
    network = make_network()
    origin = state_of(network)
    tuned = state_of(shaken(network))
    for alpha, expected in ((0.0, origin), (1.0, tuned), (0.0, origin)):
        set_mixture(network, origin, tuned, alpha)
        found = network.state_dict()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    logits = make_network()(images())
    set_mixture(network, origin, tuned, 0.0)
    assert torch.equal(network(images()), logits)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_a_linear_models_mixture_is_the_mixture_of_its_answers(
    alpha: float, make_network: MakeNetwork
) -> None:
    network = make_network()
    origin, head = state_of(network), network.head
    features = torch.randn(5, head.features, generator=torch.Generator().manual_seed(4))
    before = head(features)
    shaken(network)
    after = head(features)
    set_mixture(network, origin, state_of(network), alpha)
    assert torch.allclose(head(features), (1 - alpha) * before + alpha * after, atol=1e-5)


@pytest.mark.parametrize("best", CANDIDATES)
def test_alpha_is_the_one_with_the_smallest_loss(best: float, make_network: MakeNetwork) -> None:
    network = make_network()
    origin = state_of(network)
    tuned = state_of(shaken(network))
    losses = [abs(alpha - best) for alpha in reversed(CANDIDATES)]
    note = Wise().mix(ending_of(network, origin, iter(losses)))
    assert f"alpha {best} " in note
    found = state_of(network)
    set_mixture(network, origin, tuned, best)
    assert all(torch.equal(found[n], t) for n, t in network.state_dict().items())


def test_equal_losses_keep_the_fine_tuned_and_no_validation_means_half_way(
    make_network: MakeNetwork,
) -> None:
    network = make_network()
    origin = state_of(network)
    tuned = state_of(shaken(network))
    Wise().mix(ending_of(network, origin, iter([1.0] * 11)))
    assert all(torch.equal(tuned[n], t) for n, t in network.state_dict().items())
    assert "alpha 0.5" in Wise().mix(ending_of(network, origin, None))
    weight = network.state_dict()["head.weight"]
    assert torch.allclose(weight, (origin["head.weight"] + tuned["head.weight"]) / 2)


# L2-SP.


def test_the_pull_is_zero_at_the_start_and_its_gradient_the_distance(
    make_network: MakeNetwork,
) -> None:
    network = make_network()
    apply(Plan.top(names_of(network), 2), network)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.zero_()
    origin = state_of(network)
    assert L2SP(0.3).penalty(network, origin).detach() == 0
    shaken(network)
    L2SP(0.3).penalty(network, origin).backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None
            assert torch.allclose(parameter.grad, 0.3 * (parameter - origin[name]), atol=1e-7)
        else:
            assert parameter.grad is None, name


def test_the_strategy_is_short_for_the_modifier_and_the_backbones_decay_is_off() -> None:
    short, spelt = (
        build_strategy(spec).phases(("a", "b")) for spec in ("l2-sp:0.2", "lp-ft+l2-sp:0.2")
    )
    assert [phase.penalty is None for phase in short] == [True, False]
    assert [replace(p, penalty=None) for p in short] == [replace(p, penalty=None) for p in spelt]


# LoRA and DoRA.


@pytest.mark.parametrize("magnitude", [False, True])
@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "mobilenetv3_small_050"])
def test_adapters_change_nothing_at_first_and_nothing_when_merged(
    architecture: str, magnitude: bool, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    before, blocks, expected = state_of(network), network.backbone.blocks, network(images())
    targets = adaptable(network.backbone)
    attached = Lora(3, magnitude=magnitude).attach(network, seed=0)
    network.eval()
    assert torch.allclose(network(images()), expected, atol=1e-5)
    adapters = part_of(network, "adapters")
    pairs = [p for name, p in adapters.items() if "magnitude" not in name]
    shapes = [before[f"backbone.model.{name}.weight"].shape for name in targets]
    fan_in = [shape[1:].numel() for shape in shapes]
    assert sum(p.numel() for p in pairs) == sum(
        3 * (inputs + shape[0]) for inputs, shape in zip(fan_in, shapes, strict=True)
    )
    assert attached.tensors == tuple(f"{name}.weight" for name in targets)
    attached.merge()
    assert network.backbone.blocks == blocks
    assert network.state_dict().keys() == before.keys()
    for name, tensor in network.state_dict().items():
        assert torch.allclose(tensor, before[name], atol=1e-6), name


def test_a_merge_that_moves_answers_is_an_error(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora import LoraModel

    network = make_network("test_resnet")
    attached = Lora(2).attach(network, seed=0)
    with torch.no_grad():
        for parameter in part_of(network, "adapters").values():
            parameter.add_(0.1)
    forgetful = lambda self, safe_merge: self.unload()  # noqa: E731 - the adapters are lost
    monkeypatch.setattr(LoraModel, "merge_and_unload", forgetful)
    with pytest.raises(AuditError, match="after merging the adapters"):
        attached.merge()


@pytest.mark.parametrize("magnitude", [False, True])
def test_merging_keeps_what_the_adapters_learnt(magnitude: bool, make_network: MakeNetwork) -> None:
    network = make_network("mobilenetv3_small_050")
    attached = Lora(2, magnitude=magnitude).attach(network, seed=0)
    before = state_of(network)
    with torch.no_grad():
        for parameter in part_of(network, "adapters").values():
            parameter.mul_(1.1).add_(0.01)
    network.eval()
    expected = network(images())
    attached.merge()
    assert torch.allclose(network(images()), expected, rtol=1e-3, atol=1e-4)
    for name, tensor in network.state_dict().items():
        if name in before and name.removeprefix("backbone.model.") not in attached.tensors:
            assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(("rank", "magnitude"), [(3, False), (32, False), (3, True)])
def test_training_adapters_and_merging_them_is_pefts(
    rank: int, magnitude: bool, make_network: MakeNetwork
) -> None:
    """The same seed and steps, once through peft's own front door, once through the strategy.

    In float64: AdamW makes steps of full length of gradients that are nothing but rounding.
    """
    from peft import LoraConfig, get_peft_model

    network = make_network("test_vit").double()
    lora = Lora(rank, magnitude=magnitude)
    config = LoraConfig(
        r=rank,
        lora_alpha=16,
        use_rslora=rank >= 32,
        use_dora=magnitude,
        target_modules=adaptable(network.backbone),
    )
    theirs = copy.deepcopy(network.backbone.model)
    attached = lora.attach(network, seed=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        wrapped = get_peft_model(theirs, config)
    (phase,) = (found for found in lora.phases(names_of(network)) if found.attach)
    apply(phase.plan, network)
    mine = [p for n, p in network.backbone.model.named_parameters() if p.requires_grad]
    yours = [p for p in wrapped.parameters() if p.requires_grad]
    assert [p.shape for p in mine] == [p.shape for p in yours]
    for model, parameters in ((network.backbone.model, mine), (wrapped, yours)):
        optimizer = torch.optim.AdamW(parameters, lr=phase.lr)
        model.eval()
        for _ in range(3):
            optimizer.zero_grad()
            model(images().double()).square().mean().backward()
            optimizer.step()
    attached.merge()
    merged = wrapped.merge_and_unload().state_dict()
    before = make_network("test_vit").double().state_dict()
    for name, tensor in network.backbone.model.state_dict().items():
        assert torch.allclose(tensor, merged[name], rtol=1e-6, atol=1e-8), name
        moved = not torch.equal(tensor, before[f"backbone.model.{name}"])
        assert moved == (name in attached.tensors), name


def test_layers_that_are_read_but_not_called_or_grouped_get_no_adapter(
    make_network: MakeNetwork,
) -> None:
    network = make_network("mobilenetv3_small_050")
    modules = dict(network.backbone.model.named_modules())
    depthwise = {n for n, m in modules.items() if isinstance(m, nn.Conv2d) and m.groups > 1}
    assert depthwise
    assert depthwise.isdisjoint(adaptable(network.backbone))
    network = make_network("test_vit")
    network.backbone.model.unused = nn.Linear(2, 2)
    assert "unused" not in adaptable(network.backbone)
    assert "blocks.0.attn.qkv" in adaptable(network.backbone)


def test_the_seed_draws_the_adapters_and_leaves_the_global_state_alone(
    make_network: MakeNetwork,
) -> None:
    drawn = []
    for seed in (0, 0, 1):
        network = make_network()
        state = torch.get_rng_state()
        Lora(2).attach(network, seed)
        assert torch.equal(torch.get_rng_state(), state)
        drawn.append([p.clone() for n, p in part_of(network, "adapters").items() if "lora_A" in n])
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(drawn[0], drawn[2], strict=True))
