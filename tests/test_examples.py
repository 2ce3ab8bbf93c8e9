"""The walkthrough runs, end to end, on a generated set in CIFAR's own layout."""

from __future__ import annotations

from pathlib import Path

from examples import cifar10_walkthrough
from graft.cli.main import _run
from graft.data.synthetic import synthetic_cifar
from graft.runs.folder import read_result


def test_script_and_command_line_are_the_same_run(tmp_path: Path) -> None:
    synthetic_cifar(tmp_path / "cifar", rows=60, test_rows=20, seed=0)
    model = cifar10_walkthrough.train(tmp_path / "cifar", "random", tmp_path / "script")
    command = cifar10_walkthrough.__doc__.split("graft fit cifar-10-batches-bin")[1]
    options = command.replace("\\", " ").split()
    where = ["--weights", "random", "--out", str(tmp_path / "line")]
    assert _run(["fit", str(tmp_path / "cifar"), *options, *where]) == 0
    line = read_result(tmp_path / "line")
    assert model.result["counts"] == {"train": 48, "validation": 12, "test": 20, "set_aside": 0}
    assert model.result["plan"]["phases"][0]["epochs"] == 10
    assert model.result["head"] == "mlp:1024"
    assert model.result["frozen_depth"] == 17
    assert model.result["audit"]["moved"] == ["head"]
    assert line["metrics"] == model.result["metrics"]
    assert line["bank"]["computed"] == 0, "the frozen network ran once for both"
