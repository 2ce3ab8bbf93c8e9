"""Blocks: timm's groups, every tensor in exactly one."""

from __future__ import annotations

import pytest
import timm
from timm.models import group_parameters
from torch import nn

from graft.backbones.blocks import blocks_of, tensor_names

ARCHITECTURES = [
    *("resnet18", "mobilenetv2_035", "mobilenetv3_small_050", "efficientnet_lite0"),
    *("densenet121", "convnext_atto", "swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"),
    *("test_vit2", "test_vit4", "test_maxvit", "test_coatnet", "test_byobnet", "levit_128s"),
    *("eva02_tiny_patch14_224", "cait_xxs24_224", "inception_v3", "vit_base_patch32_clip_224"),
]


def model_of(architecture: str) -> nn.Module:
    model: nn.Module = timm.create_model(architecture, num_classes=0, device="meta")
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_belongs_to_exactly_one_block(architecture: str) -> None:
    model = model_of(architecture)
    tensors = [name for block in blocks_of(model) for name in block.tensors]
    every = [name for name, _ in [*model.named_parameters(), *model.named_buffers()]]
    assert sorted(tensors) == sorted(every)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_block_names_are_distinct_and_begin_with_the_stem(architecture: str) -> None:
    names = [block.name for block in blocks_of(model_of(architecture))]
    assert names[0] == "stem"
    assert len(set(names)) == len(names) > 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_block_has_a_parameter(architecture: str) -> None:
    model = model_of(architecture)
    parameters = {name for name, _ in model.named_parameters()}
    assert all(parameters & set(block.tensors) for block in blocks_of(model))


@pytest.mark.parametrize(
    "architecture", ["resnet18", "mobilenetv2_035", "vit_tiny_patch16_224", "test_maxvit"]
)
def test_blocks_are_timms_groups_where_timm_matches_every_layer(architecture: str) -> None:
    model = model_of(architecture)
    groups = group_parameters(model, model.group_matcher(coarse=False))  # type: ignore[operator]
    parameters = {name for name, _ in model.named_parameters()}
    ours = [set(block.tensors) & parameters for block in blocks_of(model)]
    assert ours == [set(groups[number]) for number in sorted(groups)]


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("resnet18", ["stem"] + [f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)]),
        ("vit_tiny_patch16_224", ["stem"] + [f"blocks.{i}" for i in range(12)]),
        ("vgg11", ["stem"] + [f"features.{i}" for i in (3, 6, 8, 11, 13, 16, 18)]),
    ],
)
def test_block_names_are_those_of_modules(architecture: str, names: list[str]) -> None:
    assert [block.name for block in blocks_of(model_of(architecture))] == names


@pytest.mark.parametrize(
    ("architecture", "tensor", "block"),
    [
        ("vgg11", "pre_logits.fc1.weight", -1),  # layers after the last group
        ("mobilenetv3_small_050", "conv_head.weight", -1),
        ("mobilenetv2_035", "bn2.running_mean", -1),
        ("convnext_atto", "head.norm.weight", -1),
        ("vit_tiny_patch16_224", "norm.weight", -1),
        ("vit_base_patch32_clip_224", "norm_pre.weight", 0),  # runs before the blocks
        ("test_vit4", "reg_token", 0),
        ("eva02_tiny_patch14_224", "rope.bands", 0),
        ("swin_tiny_patch4_window7_224", "layers.0.blocks.1.attn_mask", 2),  # not saved
    ],
)
def test_layers_beside_the_groups_belong_where_they_run(
    architecture: str, tensor: str, block: int
) -> None:
    assert tensor in blocks_of(model_of(architecture))[block].tensors


class NoMatcher(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(model_of("resnet18").conv1.weight[:1])  # type: ignore[index, union-attr]
        self.register_buffer("step", self.token.detach())
        self.first = nn.Linear(2, 2)
        self.mask = nn.BatchNorm1d(2, affine=False)  # buffers alone
        self.second = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))


def test_a_model_without_groups_is_divided_by_its_children() -> None:
    blocks = blocks_of(NoMatcher())
    assert [block.name for block in blocks] == ["stem", "second"]
    assert {"token", "step", "first.bias", "mask.running_var"} <= set(blocks[0].tensors)


def test_a_shared_tensor_is_listed_once_under_its_first_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert tensor_names(model) == ["0.weight", "0.bias", "1.bias"]
