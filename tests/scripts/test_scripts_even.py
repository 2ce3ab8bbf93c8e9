"""Features of equal deviation, folded into the network's weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from scripts.pretrain.even import even_out
from scripts.pretrain.model import create_network


def test_folding_divides_every_feature_by_its_deviation() -> None:
    torch.manual_seed(0)
    network = create_network().eval()
    last: Any = network.get_submodule("layer4.0")
    for norm in (last.bn2, last.downsample[-1]):
        torch.nn.init.uniform_(norm.weight, 0.5, 2.0)
        torch.nn.init.uniform_(norm.bias, 2.0, 4.0)  # so that no feature is cut to zero throughout
    pictures = torch.randn(32, 3, 32, 32)
    with torch.inference_mode():
        before = network(pictures)
    even_out(network, before.double().std(0))
    with torch.inference_mode():
        after = network(pictures)
    kept = before.std(0).square().mean().sqrt()
    torch.testing.assert_close(after.std(0), kept.expand(len(after[0])), rtol=1e-4, atol=0)
    torch.testing.assert_close(after * before.std(0) / kept, before, rtol=1e-4, atol=1e-5)


def test_a_feature_that_does_not_vary_is_refused() -> None:
    with pytest.raises(ValueError, match="1 features"):
        even_out(create_network(), torch.tensor([1.0, 0.0]))
