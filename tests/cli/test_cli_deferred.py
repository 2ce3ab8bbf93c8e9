"""Claims about the compiler's stand-in: nothing loads it needlessly, and compiling still works."""

from __future__ import annotations

import subprocess
import sys

from graft.cli.deferred import COMPILER, defer_compiler

TRAIN = """
import sys
from graft.cli.deferred import COMPILER, StandIn, defer_compiler
defer_compiler()
import timm, torch, torchvision.ops
model = torch.nn.Linear(3, 2)
for kind in (torch.optim.Adam, torch.optim.AdamW):
    optimizer = kind(model.parameters(), lr=0.1, fused=True)
    optimizer.load_state_dict(optimizer.state_dict())
    before = model.weight.detach().clone()
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    assert not torch.equal(before, model.weight)
    assert model.weight.grad is None
assert isinstance(sys.modules[COMPILER], StandIn), "training loaded the compiler"
assert not any(name.startswith(COMPILER + ".") and name != COMPILER + ".utils"
               for name in sys.modules)

seen = []
def backend(graph, inputs):
    seen.append(graph)
    return graph.forward
assert torch.compile(lambda x: 2 * x + 1, backend=backend)(torch.ones(2)).tolist() == [3.0, 3.0]
assert seen, "nothing was compiled"
assert not isinstance(sys.modules[COMPILER], StandIn)
model(torch.ones(1, 3)).sum().backward()
optimizer.step()
"""


def test_training_does_not_load_the_compiler_and_compiling_does() -> None:
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_question_is_answered_by_the_package_itself() -> None:
    asked = (
        "from graft.cli.deferred import COMPILER, StandIn, defer_compiler\ndefer_compiler()\n"
        "import sys, torch, torch._dynamo\nfound = torch._dynamo.utils.counters\n"
        "assert not isinstance(sys.modules[COMPILER], StandIn)\n"
        "import torch._dynamo.exc\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_process_that_has_pytorch_is_left_alone() -> None:
    import torch  # noqa: F401

    before = sys.modules.get(COMPILER)
    defer_compiler()
    assert sys.modules.get(COMPILER) is before
