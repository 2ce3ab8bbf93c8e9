"""Writing: whole or not at all, and clear about what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report_samples import history, pictures, probe

from graft.errors import DataError, OutputError
from graft.report import write_report


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run one"
    (folder / "pictures").mkdir(parents=True)
    # Without what is drawn: these tests are about files.
    built = {**probe(), "metrics": {}, "baseline": {}, "confusion": [], "reliability": []}
    built["samples"] = [{"label": "class-0", "picture": "pictures/sample-0.png"}]
    (folder / "result.json").write_text(json.dumps(built), encoding="utf-8")
    for name, data in pictures(1).items():
        (folder / name).write_bytes(data)
    return folder


def test_report_stands_in_the_run_folder_alone(run: Path) -> None:
    before = {path.name for path in run.iterdir()}
    target = write_report(run)
    assert target == run / "report.html"
    assert {path.name for path in run.iterdir()} == before | {"report.html"}
    page = target.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("data:image/png;base64,") == 1
    assert "graft predict &#39;run one&#39; picture.jpg" in page
    assert str(run.parent) not in page


def test_history_reaches_the_report(run: Path) -> None:
    lines = [json.dumps(row) for row in history()[:2]]
    (run / "history.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert "Loss, phase “head”" in write_report(run).read_text(encoding="utf-8")


def test_same_run_gives_same_bytes(run: Path) -> None:
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_interrupted_write_leaves_the_old_report(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write_report(run).read_bytes()
    names = {path.name for path in run.iterdir()}

    def interrupted(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(OutputError, match="No space left on device"):
        write_report(run)
    assert (run / "report.html").read_bytes() == old
    assert {path.name for path in run.iterdir()} == names


def test_place_that_cannot_be_written_is_an_output_error(run: Path) -> None:
    (run / "report.html").mkdir()  # a folder in the way: fails for every user, root too
    with pytest.raises(OutputError, match=r"report\.html cannot be written"):
        write_report(run)
    assert not [path for path in run.iterdir() if path.name.startswith(".report")]


def test_folder_without_permission_is_an_output_error(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: "{}")
    monkeypatch.setattr(Path, "read_bytes", lambda self: b"")
    with pytest.raises(OutputError, match="Permission denied"):
        write_report(run)


@pytest.mark.parametrize(
    ("content", "found"),
    [(None, "cannot be read"), ("{", "is not JSON"), ("[1]", "holds a list, not an object")],
)
def test_folder_that_is_no_run_is_a_data_error(run: Path, content: str | None, found: str) -> None:
    (run / "result.json").unlink()
    if content is not None:
        (run / "result.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=found):
        write_report(run)


@pytest.mark.parametrize("line", ["{broken", "[1, 2]"])
def test_broken_line_of_history_is_named(run: Path, line: str) -> None:
    good = json.dumps(history()[0])
    (run / "history.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match="Line 2 of"):
        write_report(run)
