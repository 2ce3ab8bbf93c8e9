"""Run folders: nobody's files are touched, one process writes, and a result means finished."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from graft.errors import ModelError, OutputError
from graft.recipe import Recipe
from graft.runs.folder import RunFolder, default_folder, open_run_folder, read_result


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leave_unfinished(path: Path) -> None:
    """What a process that was killed while it saved its model leaves."""
    with open_run_folder(path) as folder:
        folder.write_recipe(Recipe())
        folder.history.touch()
    (path / ".model-abc123").mkdir()
    (path / ".model-abc123" / "config.json").touch()
    (path / ".partial-result.json").write_text("{")
    (path / "pictures").mkdir()
    (path / ".lock").touch()


def leave_unfinished_and_more(path: Path) -> None:
    leave_unfinished(path)
    (path / "notes.txt").touch()


def finish(path: Path) -> None:
    with open_run_folder(path) as folder:
        folder.write_recipe(Recipe())
        folder.write_result({"labels": ["a"]})


def test_a_finished_run_can_be_read_and_holds_no_lock(tmp_path: Path) -> None:
    finish(tmp_path / "deep" / "run")
    assert read_result(tmp_path / "deep" / "run") == {"labels": ["a"]}
    assert contents(tmp_path / "deep" / "run") == ["recipe.yaml", "result.json"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    finish(tmp_path / "run")
    assert read_result(tmp_path / "run")


@pytest.mark.parametrize(
    "prepare",
    [
        finish,
        lambda path: path.write_text("a file"),
        lambda path: (path.mkdir(), (path / "thesis.doc").touch()),
        lambda path: (path.mkdir(), (path / "pictures").mkdir()),
        lambda path: (path.mkdir(), (path / "model").mkdir(), (path / "report.html").touch()),
        leave_unfinished_and_more,
    ],
    ids=["finished", "file", "foreign", "pictures", "no recipe", "unfinished and more"],
)
def test_what_is_not_an_unfinished_run_is_left_alone(
    tmp_path: Path, prepare: Callable[[Path], object]
) -> None:
    path = tmp_path / "run"
    prepare(path)
    before = sorted(str(p) for p in tmp_path.rglob("*") if p.name != ".lock")
    with pytest.raises(OutputError) as caught, open_run_folder(path):
        raise AssertionError("never reached")
    assert str(path) in caught.value.found
    assert "--out" in caught.value.next
    assert sorted(str(p) for p in tmp_path.rglob("*")) == before


def test_an_unfinished_run_is_not_touched_and_the_way_on_is_told(tmp_path: Path) -> None:
    leave_unfinished(tmp_path / "run")
    before = contents(tmp_path / "run")
    before.remove(".lock")  # of a process that is gone
    with (
        pytest.raises(OutputError, match="did not finish") as caught,
        open_run_folder(tmp_path / "run"),
    ):
        raise AssertionError("never reached")
    assert f"graft fit --resume {tmp_path / 'run'}" in caught.value.next
    assert contents(tmp_path / "run") == before


def test_what_was_half_written_goes_when_a_run_is_taken_up(tmp_path: Path) -> None:
    leave_unfinished(tmp_path / "run")
    with open_run_folder(tmp_path / "run", again=True) as folder:
        assert contents(tmp_path / "run") == [".lock", "history.jsonl", "pictures", "recipe.yaml"]
        folder.write_result({"labels": ["a"]})
    with pytest.raises(OutputError, match="is finished"), open_run_folder(folder.path, again=True):
        raise AssertionError("never reached")


def test_a_process_that_was_killed_before_its_recipe_is_cleared_too(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    finish(tmp_path / "run")
    assert read_result(tmp_path / "run")


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_failure_before_the_recipe_leaves_nothing(
    tmp_path: Path, fault: type[BaseException]
) -> None:
    with pytest.raises(fault), open_run_folder(tmp_path / "run"):
        raise fault
    assert contents(tmp_path) == []


def test_a_failure_in_a_folder_that_was_there_leaves_it_empty(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match="x"), open_run_folder(tmp_path / "run"):
        raise ValueError("x")
    assert contents(tmp_path) == ["run"]
    assert contents(tmp_path / "run") == []


def test_a_failure_after_the_recipe_leaves_an_unfinished_run(tmp_path: Path) -> None:
    def fail(folder: RunFolder) -> None:
        folder.write_recipe(Recipe())
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"), open_run_folder(tmp_path / "run") as folder:
        fail(folder)
    with pytest.raises(ModelError, match="did not finish"):
        read_result(tmp_path / "run")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="cannot be written"),
        open_run_folder(tmp_path / "file" / "run"),
    ):
        raise AssertionError("never reached")


HOLD = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_that_another_process_writes_is_refused_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.mkdir()
    command = [sys.executable, "-c", HOLD, str(path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        for _ in range(3):
            with pytest.raises(OutputError, match="Another process"), open_run_folder(path):
                raise AssertionError("never reached")
            assert contents(path) == [".lock"]
    assert process.returncode == 0
    finish(path)


def test_one_process_cannot_open_a_folder_twice(tmp_path: Path) -> None:
    with open_run_folder(tmp_path / "run") as folder:
        folder.write_recipe(Recipe())
        with pytest.raises(OutputError, match="Another process"), open_run_folder(folder.path):
            raise AssertionError("never reached")
        assert contents(folder.path) == [".lock", "recipe.yaml"]


def test_a_run_that_finished_while_another_waited_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    leave_unfinished(path)
    flock = fcntl.flock

    def finish_first(lock: int, how: int) -> None:
        (path / "result.json").write_text("{}")
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    with pytest.raises(OutputError, match="finished run"), open_run_folder(path):
        raise AssertionError("never reached")
    assert "pictures" in contents(path)


def test_a_lock_on_a_removed_file_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    flock = fcntl.flock

    def remove_first(lock: int, how: int) -> None:
        (path / ".lock").unlink()
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    with pytest.raises(OutputError, match="Another process"), open_run_folder(path):
        raise AssertionError("never reached")


def test_a_result_is_whole_or_not_there(tmp_path: Path) -> None:
    with open_run_folder(tmp_path / "run") as folder:
        folder.write_recipe(Recipe())
        with pytest.raises(ValueError, match="JSON"):
            folder.write_result({"loss": float("nan")})
    with pytest.raises(ModelError, match="did not finish"):
        read_result(tmp_path / "run")


def test_what_is_no_run_is_told_apart_from_what_did_not_finish(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ModelError, match="no run folder"):
            read_result(path)
    leave_unfinished(tmp_path / "run")
    with pytest.raises(ModelError, match="did not finish"):
        read_result(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]"])
def test_a_damaged_result_is_told(tmp_path: Path, content: bytes) -> None:
    finish(tmp_path / "run")
    (tmp_path / "run" / "result.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"result\.json"):
        read_result(tmp_path / "run")


@pytest.mark.parametrize(
    ("data", "stem"),
    [
        ("photos/", "photos"),
        ("/a/b/my data.csv", "my-data"),
        ("hf:owner/name", "name"),
        (None, "data"),
        ("/", "data"),
        ("ümlaut", "ümlaut"),
    ],
)
def test_the_default_folder_is_named_after_time_and_data(data: str | None, stem: str) -> None:
    folder = default_folder(data)
    assert folder.parent == Path("runs")
    assert folder.name[15:] == f"-{stem}"
    assert folder.name[:15].replace("-", "").isdecimal()


def test_the_default_folder_is_always_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.strftime", lambda form: "20260101-000000")
    names = []
    for _ in range(3):
        folder = default_folder("x.csv")
        finish(folder)
        names.append(folder.name)
    assert names == ["20260101-000000-x", "20260101-000000-x-2", "20260101-000000-x-3"]


def test_the_result_is_readable_by_anyone(tmp_path: Path) -> None:
    finish(tmp_path / "run")
    text = (tmp_path / "run" / "result.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"labels": ["a"]}


def test_a_folder_that_is_moved_meanwhile_is_not_made_a_second_time(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with open_run_folder(old) as folder:
        folder.write_recipe(Recipe())
        old.rename(new)
        with pytest.raises(OutputError, match="was moved or removed"):
            folder.write_recipe(Recipe())
    assert not old.exists()
    assert contents(new) == [".lock", "recipe.yaml"]
