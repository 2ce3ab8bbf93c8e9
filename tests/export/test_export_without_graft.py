"""Saved models in a process that cannot import graft."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from small_models import save_both

from graft.export.golden import golden_pictures
from graft.export.manifest import read_manifest
from graft.export.native import LAYOUTS, load_model

SCRIPT = """
import os, sys
sys.modules["graft"] = None  # importing it fails
from safetensors.torch import load_file, save_file
inputs = load_file("inputs.safetensors")["inputs"]
outputs = {}
for form in ("timm", "separate"):
    namespace = {}
    exec(open(f"{form}.txt", encoding="utf-8").read(), namespace)
    model = namespace["model"] if form == "timm" else namespace["load"]()
    outputs[form] = model(inputs).detach()
save_file(outputs, "outputs.safetensors")
"""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_both(tmp_path)


@pytest.fixture
def outcome(saved: Path) -> subprocess.CompletedProcess[str]:
    """The cards' own lines, run beside both formats of the model."""
    for form in ("timm", "separate"):
        lines = LAYOUTS["image"].snippet(read_manifest(saved / form), Path(form))
        assert lines in (saved / form / "README.md").read_text(encoding="utf-8")
        (saved / f"{form}.txt").write_text(lines, encoding="utf-8")
    Image.fromarray(golden_pictures()[0]).save(saved / "picture.jpg")
    save_file({"inputs": torch.randn(3, 3, 32, 32)}, saved / "inputs.safetensors")
    command = [sys.executable, "-I", "-X", "utf8", "-c", SCRIPT]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=saved)


def test_the_lines_of_the_card_run_and_give_the_same_logits(
    saved: Path, outcome: subprocess.CompletedProcess[str]
) -> None:
    assert outcome.returncode == 0, outcome.stderr
    words = outcome.stdout.split()
    assert len(words) == 2
    assert set(words) <= {"ant", "bee", "côté"}
    inputs = load_file(saved / "inputs.safetensors")["inputs"]
    outputs = load_file(saved / "outputs.safetensors")
    for form in ("timm", "separate"):
        with torch.no_grad():
            expected = load_model(saved / form).network(inputs)
        torch.testing.assert_close(outputs[form], expected, rtol=0, atol=1e-5)
