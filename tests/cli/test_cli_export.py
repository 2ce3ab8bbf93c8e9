"""`graft export`, and every verb that opens a RUN on one that is damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from graft.cli.main import _run
from graft.engines import onnx
from graft.model import Model

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(trained: Model, tmp_path: Path) -> Path:
    """A copy of a finished run, to be damaged."""
    shutil.copytree(str(trained.folder), tmp_path / "run")
    return tmp_path / "run"


def cut(run: Path) -> None:
    path = run / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def relabel(run: Path) -> None:
    path = run / "model" / "graft.json"
    path.write_text(path.read_text(encoding="utf-8").replace("blue", "bleu"), encoding="utf-8")


def lose(run: Path) -> None:
    shutil.rmtree(run / "model")


def garble(run: Path) -> None:
    (run / "result.json").write_text('{"a":' * 50_000)


def told(capsys: Capture, arguments: list[str]) -> str:
    """The one message of a command that ends with status 2."""
    assert _run(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "Traceback" not in err
    assert err.count("Next: ") == 1
    return err


@pytest.mark.parametrize("verb", ["predict", "evaluate", "export"])
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (cut, "model.safetensors: it is 1,000 bytes too short"),
        (relabel, "graft.json: its content changed; changed are labels"),
        (lose, "lacks graft.json"),
        (garble, "result.json cannot be read"),
    ],
)
def test_a_damaged_run_is_one_clear_message(
    capsys: Capture,
    run: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    damage: Callable[[Path], None],
    named: str,
) -> None:
    monkeypatch.setattr(onnx, "missing", list)
    damage(run)
    given = [] if verb == "export" else [str(photos)]
    assert named in told(capsys, [verb, str(run), *given])
    assert not (run / "model.onnx").exists()


def test_an_unknown_format_and_a_missing_extra_are_told(
    capsys: Capture, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "missing", lambda: ["onnx"])
    assert "Allowed: onnx." in told(capsys, ["export", str(run), "--to", "tflite"])
    assert "pip install" in told(capsys, ["export", str(run)])


@pytest.mark.skipif(not onnx.installed(), reason="ONNX is an extra")
def test_export_says_what_was_written_and_checked(capsys: Capture, run: Path) -> None:
    assert _run(["export", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == str(run / "model.onnx")
    assert found["bytes"] == (run / "model.onnx").stat().st_size
    assert found["checked"]["golden_difference"] <= found["checked"]["tolerance"]
    assert found["shapes"]["logits"] == ["batch", 3]
