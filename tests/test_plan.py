"""Freezing: exactly what was planned moves, and whatever else moves is found out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graft.errors import AuditError
from graft.network import Network
from graft.plan import Auditor, Plan, apply, movable, set_training_mode

MakeNetwork = Callable[..., Network]
ARCHITECTURES = ("test_resnet", "test_vit", "test_efficientnet")


def names_of(network: Network) -> list[str]:
    return [block.name for block in network.backbone.blocks]


def tensors_of(network: Network) -> dict[str, Tensor]:
    model = network.backbone.model
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def copies(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors_of(network).items()}


def train_a_step(network: Network, plan: Plan) -> None:
    """One step of plain gradient descent on everything that requires a gradient."""
    apply(plan, network)
    set_training_mode(plan, network)
    images = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    network(images).square().mean().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.sub_(0.1 * parameter.grad)


@pytest.mark.parametrize("count", range(4))
def test_frozen_depth_counts_the_leading_frozen_blocks(count: int) -> None:
    plan = Plan.top(["a", "b", "c"], count)
    assert plan.frozen_depth == 3 - count
    assert plan.trained == ("a", "b", "c")[3 - count :]
    assert [block.trains for block in plan.blocks] == [i >= 3 - count for i in range(3)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_exactly_the_planned_tensors_require_gradients(
    architecture: str, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    names = names_of(network)
    for count in (len(names), 2, 0, 1):  # also back and forth
        apply(Plan.top(names, count), network)
        wanted = {
            tensor
            for block in network.backbone.blocks[len(names) - count :]
            for tensor in block.tensors
        }
        for name, parameter in network.backbone.model.named_parameters():
            assert parameter.requires_grad == (name in wanted), name
        assert all(parameter.requires_grad for parameter in network.head.parameters())


@pytest.mark.parametrize("norm", ["frozen", "live"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_moves_what_trains_and_leaves_every_other_bit(
    architecture: str, norm: str, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    plan = Plan.top(names_of(network), 2, norm=norm)
    before, auditor = copies(network), Auditor(network)
    train_a_step(network, plan)
    after = tensors_of(network)
    trained = {
        name
        for block in network.backbone.blocks
        if block.name in plan.trained
        for name in block.tensors
    }
    for name, tensor in before.items():
        if name not in trained:
            assert torch.equal(tensor, after[name]), name
    audit = auditor.compare(movable(plan, network))
    assert audit.moved == (*plan.trained, "head")
    assert audit.frozen == tuple(names_of(network)[:-2])
    assert audit.drift_bytes == 0


@pytest.mark.parametrize("norm", ["frozen", "live"])
def test_running_statistics_move_under_live_and_stay_under_frozen(
    norm: str, make_network: MakeNetwork
) -> None:
    network = make_network("test_resnet")
    plan = Plan.top(names_of(network), len(names_of(network)), norm=norm)
    before = copies(network)
    train_a_step(network, plan)
    statistics = [name for name in before if "running_" in name]
    moved = [n for n in statistics if not torch.equal(before[n], tensors_of(network)[n])]
    assert statistics
    assert moved == (statistics if norm == "live" else [])


def test_model_train_alone_would_have_moved_them(make_network: MakeNetwork) -> None:
    network = make_network("test_resnet")
    before = copies(network)
    auditor = Auditor(network)
    plan = Plan.top(names_of(network), 1)
    apply(plan, network)
    network.train()
    network(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3)))
    assert not torch.equal(before["bn1.running_mean"], tensors_of(network)["bn1.running_mean"])
    with pytest.raises(AuditError, match="frozen tensors moved"):
        auditor.compare(movable(plan, network))


def test_dropout_under_frozen_blocks_is_off_and_under_trained_ones_on(
    make_network: MakeNetwork,
) -> None:
    network = make_network("test_vit")
    model = network.backbone.model
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    plan = Plan.top(names_of(network), 1)
    set_training_mode(plan, network)
    modes = {
        name: module.training
        for name, module in model.named_modules()
        if isinstance(module, nn.Dropout) and name.startswith("blocks.")
    }
    last = f"{plan.trained[0]}."
    assert modes
    assert any(name.startswith(last) for name in modes)
    for name, training in modes.items():
        assert training == name.startswith(last), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_wholly_frozen_backbone_computes_as_in_evaluation(
    architecture: str, make_network: MakeNetwork
) -> None:
    network = make_network(architecture)
    for module in network.backbone.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    expected = network.backbone(images)
    set_training_mode(Plan.top(names_of(network), 0), network)
    assert torch.equal(network.backbone(images), expected)
    assert network.head.training


def tensors_in(network: Network, first: int) -> list[str]:
    """Names of the tensors of all blocks from `first` on."""
    return [name for block in network.backbone.blocks[first:] for name in block.tensors]


def first_of(network: Network, kind: str) -> tuple[str, Tensor]:
    """The first frozen parameter, or the first frozen statistics."""
    names = network.backbone.blocks[0].tensors
    tensors = tensors_of(network)
    for name in names:
        if isinstance(tensors[name], nn.Parameter) == (kind == "parameter"):
            return name, tensors[name]
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["parameter", "buffer"])
def test_a_drift_of_one_bit_under_a_frozen_block_is_found(
    kind: str, make_network: MakeNetwork
) -> None:
    network = make_network("test_resnet")
    auditor = Auditor(network)
    name, tensor = first_of(network, kind)
    flat = tensor.detach().view(-1)
    flat[-1] = torch.nextafter(flat[-1], torch.tensor(torch.inf))
    with pytest.raises(AuditError) as caught:
        auditor.compare(tensors_in(network, 1))
    assert name in caught.value.found
    assert f"({tensor.numel() * tensor.element_size()} bytes)" in caught.value.found
    assert auditor.compare(tensors_in(network, 0)).moved == ("stem", "head")


def test_trained_blocks_that_did_not_move_are_not_called_moved(make_network: MakeNetwork) -> None:
    network = make_network("test_resnet")
    audit = Auditor(network).compare(tensors_in(network, 0))
    assert (audit.moved, audit.frozen, audit.drift_bytes) == (("head",), (), 0)


def test_dropout_after_frozen_layers_is_off_and_after_trained_ones_on(
    make_network: MakeNetwork,
) -> None:
    """It has no tensors, so no block owns it."""
    network = make_network("test_vit")
    model = network.backbone.model
    model.pos_drop, model.fc_norm = nn.Dropout(0.5), nn.Dropout(0.5)
    names = names_of(network)
    for count, stem, end in ((2, False, True), (len(names), True, True), (0, False, False)):
        set_training_mode(Plan.top(names, count), network)
        assert (model.pos_drop.training, model.fc_norm.training) == (stem, end)
    plan = Plan.top(names, 2)
    apply(plan, network)
    set_training_mode(plan, network)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    model.fc_norm.eval()
    assert torch.equal(network(images), network(images))
