"""The command line: exit status, exactly one JSON object, and nothing left by what fails."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command

import graft
from graft import api
from graft.cli.main import _run, app
from graft.errors import AuditError, DataError
from graft.model import Model
from graft.types import Json

TINY = ["--backbone", "test_resnet", "--weights", "random", "--size", "32", "--device", "cpu"]
FIT = [*TINY, "--threads", "1", "--epochs", "1", "--strategy", "linear-probe"]
VERBS = sorted(get_command(app).commands)  # type: ignore[attr-defined]

Capture = pytest.CaptureFixture[str]


def json_of(capsys: Capture, arguments: list[str], status: int = 0) -> Json:
    """Run a verb with --json: the one object on standard output."""
    assert _run([*arguments, "--json"]) == status
    out = capsys.readouterr().out
    assert out.count("\n") == 1

    def refuse(word: str) -> object:
        raise AssertionError(word)

    found: Json = json.loads(out, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def error_of(capsys: Capture, arguments: list[str], status: int = 2) -> Json:
    found = json_of(capsys, arguments, status)
    assert set(found) == {"error"}
    assert set(found["error"]) == {"kind", "found", "allowed", "next"}
    error: Json = found["error"]
    return error


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def run_folder(trained: Model) -> str:
    assert trained.folder is not None
    return str(trained.folder)


# What succeeds.


def test_fit_prints_the_result_and_the_run(capsys: Capture, photos: Path, tmp_path: Path) -> None:
    found = json_of(capsys, ["fit", str(photos), *FIT, "--out", "run"])
    assert found.pop("run") == "run"
    assert found == json.loads((tmp_path / "run" / "result.json").read_text())
    assert (tmp_path / "run" / "report.html").is_file()


def test_fit_without_json_ends_with_the_next_command(
    capsys: Capture, photos: Path, new_photos: Path
) -> None:
    assert _run(["fit", str(photos), *FIT, "--out", "run"]) == 0
    captured = capsys.readouterr()
    assert "3 classes" in captured.out
    assert "graft predict run" in captured.out
    assert "raw pixels" in captured.out
    assert "\x1b" not in captured.out
    assert _run(["predict", "run", str(new_photos / "red" / "00.png")]) == 0
    assert "red  " in capsys.readouterr().out


def test_evaluate_prints_metrics_and_counts(
    capsys: Capture, run_folder: str, new_photos: Path
) -> None:
    found = json_of(capsys, ["evaluate", run_folder, str(new_photos)])
    assert found["counts"] == {"test": 12, "set_aside": 0}
    assert found == api.evaluate(run_folder, new_photos)
    assert _run(["evaluate", run_folder, str(new_photos)]) == 0
    assert "balanced accuracy" in capsys.readouterr().out


def test_predict_prints_a_row_per_input_and_some_may_fail(
    capsys: Capture, run_folder: str, new_photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"broken")
    inputs = [str(new_photos / "red" / "00.png"), "bad.png", str(new_photos / "blue")]
    found = json_of(capsys, ["predict", run_folder, *inputs])
    assert set(found) == {"rows"}
    assert [row["input"] for row in found["rows"][:2]] == inputs[:2]
    assert len(found["rows"]) == 6
    for row in found["rows"]:
        assert set(row) == {"input", "label", "probabilities", "error"}
    assert found["rows"][1]["error"]
    assert _run(["predict", run_folder, *inputs]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 6
    assert "1 of 6 inputs could not be read" in captured.err
    assert _run(["predict", run_folder, "bad.png"]) == 0
    assert "1 of 1 inputs could not be read" in capsys.readouterr().err


def test_predict_takes_lines_of_standard_input(
    capsys: Capture, run_folder: str, new_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(new_photos / "red" / "00.png"), "missing.png"]
    lines = io.TextIOWrapper(io.BytesIO("\r\n".join([*paths, ""]).encode()))
    monkeypatch.setattr(sys, "stdin", lines)
    found = json_of(capsys, ["predict", run_folder, "-"])
    assert [row["input"] for row in found["rows"]] == paths
    assert found["rows"][0]["label"]
    assert found["rows"][1]["error"]


def test_features_writes_a_file_and_says_what_is_in_it(
    capsys: Capture, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 2, "red": 2})
    (folder / "red" / "01.png").write_bytes(b"broken")
    found = json_of(capsys, ["features", str(folder), *TINY, "--out", "f.npz"])
    assert found == {"file": "f.npz", "rows": 4, "features": found["features"], "failed": 1}
    assert (tmp_path / "f.npz").is_file()


def test_report_backbones_and_version(capsys: Capture, run_folder: str) -> None:
    path = json_of(capsys, ["report", run_folder])["report"]
    assert path == str(Path(run_folder) / "report.html")
    assert json_of(capsys, ["backbones", "bundled"])["backbones"][0] == "bundled"
    assert _run(["backbones", "test_resnet"]) == 0
    assert "test_resnet" in capsys.readouterr().out
    assert _run(["--version"]) == 0
    assert capsys.readouterr().out == f"graft {graft.__version__}\n"


def test_demo_compares_its_contenders(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, trained: Model
) -> None:
    import graft.demo as demo_file

    seen: list[Json] = []

    def quick(data: str, **settings: object) -> Model:
        seen.append({"data": data, **settings})
        return trained

    monkeypatch.setattr(demo_file, "fit", quick)
    found = json_of(capsys, ["demo", "--out", "d"])
    assert set(found) == {"from scratch", "linear probe", "LP-FT"}
    assert {item["data"] for item in seen} == {"d/digits.npz"}
    assert _run(["demo", "--out", "d2"]) == 0
    assert "LP-FT" in capsys.readouterr().out
    assert error_of(capsys, ["demo", "sound"])["kind"] == "UnknownNameError"


# What fails.


def bad_column(folder: Path) -> list[str]:
    (folder / "t.csv").write_text("path,label\na.png,x\nb.png,y\n")
    return ["fit", "t.csv", "--label", "species"]


def one_class(folder: Path) -> list[str]:
    (folder / "p" / "a").mkdir(parents=True)
    (folder / "p" / "a" / "x.png").write_bytes(b"x")
    return ["fit", "p"]


def occupied(folder: Path) -> list[str]:
    (folder / "run").mkdir()
    (folder / "run" / "thesis").touch()
    return ["fit", "PHOTOS", "--out", "run"]


FAULTS: list[tuple[str, Callable[[Path], list[str]] | list[str], str, str]] = [
    ("backbone", ["fit", "PHOTOS", "--backbone", "resnet5O"], "UnknownNameError", "resnet5O"),
    ("strategy", ["fit", "PHOTOS", "--strategy", "ful"], "UnknownNameError", "ful"),
    ("blocks", ["fit", "PHOTOS", "--strategy", "top-k:99"], "UnknownNameError", "top-k:99"),
    ("path", ["fit", "nowhere"], "DataError", "nowhere"),
    ("no data", ["fit"], "DataError", "No data"),
    ("column", bad_column, "DataError", "species"),
    ("class", one_class, "DataError", "1 class"),
    ("out", occupied, "OutputError", "run"),
    ("seed", ["fit", "PHOTOS", "--seed", "-1"], "UserError", "seed"),
    ("share", ["fit", "PHOTOS", "--validation", "1.5"], "UserError", "validation"),
    ("recipe", ["fit", "PHOTOS", "--recipe", "no.yaml"], "DataError", "no.yaml"),
    ("device", ["fit", "PHOTOS", "--device", "gpu"], "UnknownNameError", "gpu"),
    ("weights", ["fit", "PHOTOS", "--weights", "no.pth"], "BackboneError", "no.pth"),
    ("option", ["fit", "PHOTOS", "--epoch", "3"], "UserError", "--epoch"),
    ("number", ["fit", "PHOTOS", "--epochs", "three"], "UserError", "--epochs"),
    ("argument", ["evaluate", "run"], "UserError", "DATA"),
    ("verb", ["fitt"], "UserError", "fitt"),
    ("model", ["predict", "nowhere", "a.png"], "ModelError", "nowhere"),
    ("model 2", ["evaluate", "nowhere", "PHOTOS"], "ModelError", "nowhere"),
    ("no report", ["report", "nowhere"], "DataError", "nowhere"),
    ("no features", ["features", "nowhere", "--out", "f.npz"], "DataError", "nowhere"),
    ("ending", ["features", "PHOTOS", "--out", "f.csv"], "OutputError", "f.csv"),
    ("no demo", ["demo", "sound"], "UnknownNameError", "sound"),
]


@pytest.mark.parametrize(
    ("arguments", "kind", "word"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_users_fault_is_one_clear_message_and_leaves_nothing(
    arguments: Callable[[Path], list[str]] | list[str],
    kind: str,
    word: str,
    capsys: Capture,
    photos: Path,
    tmp_path: Path,
) -> None:
    given = arguments(tmp_path) if callable(arguments) else arguments
    given = [str(photos) if word == "PHOTOS" else word for word in given]
    # What an option does not say is small and quick.
    defaults = {"--backbone": "test_resnet", "--weights": "random", "--size": "32"}
    if given[0] in ("fit", "features"):
        for name, value in {**defaults, "--out": "run"}.items():
            given += [] if name in given else [name, value]
    before = names_in(tmp_path)
    error = error_of(capsys, given)
    assert error["kind"] == kind
    assert word in error["found"]
    assert error["next"]
    assert names_in(tmp_path) == before
    assert _run(given) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert error["found"].rstrip(".") in captured.err
    assert names_in(tmp_path) == before


def test_a_finished_run_is_not_written_over(capsys: Capture, photos: Path, run_folder: str) -> None:
    before = {p: p.stat().st_mtime_ns for p in Path(run_folder).rglob("*")}
    error = error_of(capsys, ["fit", str(photos), *FIT, "--out", run_folder])
    assert (error["kind"], "finished run" in error["found"]) == ("OutputError", True)
    assert {p: p.stat().st_mtime_ns for p in Path(run_folder).rglob("*")} == before


def test_a_label_unknown_to_the_model_is_told(
    capsys: Capture, run_folder: str, tmp_path: Path, make_photos: Callable[..., Path]
) -> None:
    folder = make_photos(tmp_path / "p", {"blue": 1, "red": 1})
    (folder / "red").rename(folder / "pink")
    error = error_of(capsys, ["evaluate", run_folder, str(folder)])
    assert (error["kind"], "pink" in error["found"]) == ("DataError", True)


RAISED: list[tuple[BaseException, int, str]] = [
    (DataError("Found a stone", next="remove it"), 2, "DataError"),
    (AuditError("A tensor moved", next="report it"), 1, "AuditError"),
    (MemoryError(), 2, "ResourceError"),
    (RuntimeError("CUDA out of memory. Tried to allocate"), 2, "ResourceError"),
    (OSError(28, "No space left on device"), 2, "ResourceError"),
    (PermissionError(13, "Permission denied", "x"), 2, "OutputError"),
    (RuntimeError("a hole in the logic"), 1, "GraftError"),
    (KeyError("x"), 1, "GraftError"),
]


@pytest.mark.parametrize(("problem", "status", "kind"), RAISED, ids=lambda value: repr(value)[:30])
def test_who_is_at_fault_decides_the_status(
    problem: BaseException,
    status: int,
    kind: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(pattern: str = "") -> list[str]:
        raise problem

    monkeypatch.setattr(api, "backbones", fail)
    assert error_of(capsys, ["backbones"], status)["kind"] == kind
    assert _run(["backbones"]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("Traceback" in captured.err) == (kind == "GraftError")


@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_is_130(as_json: bool, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(pattern: str = "") -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "backbones", stop)
    assert _run(["backbones", *(["--json"] if as_json else [])]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


# Help.


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: Capture) -> None:
    assert _run([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"graft {verb}" in shown
    assert "--json" in shown


def test_help_lists_the_verbs(capsys: Capture) -> None:
    assert _run(["--help"]) == 0
    shown = capsys.readouterr().out
    for verb in VERBS:
        assert f" {verb} " in shown


def test_nothing_given_shows_the_help(capsys: Capture) -> None:
    assert _run([]) in (0, 2)
    captured = capsys.readouterr()
    assert "fit" in captured.out + captured.err


def test_help_costs_no_heavy_import() -> None:
    code = (
        "import sys\n"
        "from graft.cli.main import _run\n"
        "status = _run(['--help']) or _run(['fit', '--help'])\n"
        "heavy = ('torch', 'timm', 'sklearn', 'PIL', 'datasets', 'pyarrow', 'numpy')\n"
        "print('LOADED', [name for name in heavy if name in sys.modules])\n"
        "sys.exit(status)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_goes_away_is_no_fault(options: list[str]) -> None:
    """As in `graft --help | head -1`."""
    code = (
        "import sys, types\n"
        "names = [str(number) for number in range(100000)]\n"
        "sys.modules['graft.api'] = types.SimpleNamespace(backbones=lambda pattern: names)\n"
        "from graft.cli.main import main\n"
        f"main(['backbones', *{options}])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert (process.returncode, errors) == (0, "")


def test_ctrl_c_while_the_program_loads_stops_it_without_a_traceback() -> None:
    code = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "from graft.__main__ import main\n"
        "main()\n"
    )
    stopped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (stopped.returncode, stopped.stderr) == (130, "Stopped.\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
def test_where_standard_output_is_full_the_message_goes_to_the_other() -> None:
    arguments = [sys.executable, "-m", "graft", "bank", "list", "--json"]
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    assert told.returncode == 2
    assert "The disk is full" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_run_ends_without_words_of_its_libraries(photos: Path, tmp_path: Path) -> None:
    """Cold, which loads more of them, and warm."""
    for name in ("cold", "warm"):
        arguments = ["fit", str(photos), *FIT, "--out", str(tmp_path / name)]
        done = subprocess.run(
            [sys.executable, "-m", "graft", *arguments], capture_output=True, text=True, check=True
        )
        assert "report.html" in done.stdout
        assert "leaked" not in done.stderr
