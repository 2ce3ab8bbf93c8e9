"""The house: a file imports only from lower floors, and stays small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "graft"

# From the ground up; what stands on one floor never imports its neighbours.
FLOORS = (
    ("errors", "types", "device", "progress", "recipe", "files", "memory"),
    ("backbones", "heads", "data", "closedform"),
    ("network", "statistics"),
    ("engines",),
    ("plan", "evaluation", "export"),
    ("bank", "tasks"),
    ("strategies", "objectives"),
    ("training",),
    ("scenarios",),
    ("doctor",),
    ("runs",),
    ("run", "report", "features", "model"),
    ("selection", "checkup", "lr_find"),
    ("verbs",),
    ("api",),
    ("demo",),
    ("demo_text",),
    ("cli",),
    ("__main__",),
)
# Within a floor, these lean on one named neighbour below them in the list.
ALLOWED_ON_ONE_FLOOR = {("types", "errors"), ("device", "errors"), ("recipe", "errors")}
ALLOWED_ON_ONE_FLOOR |= {("recipe", "types"), ("memory", "errors")}
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FEW_HOMES = {
    "timm": 2,
    "peft": 1,
    "onnxruntime": 1,
    "pyarrow": 3,
    "datasets": 1,
    "matplotlib": 2,
    "typer": 13,
    "transformers": 3,
    "sacrebleu": 1,
}

LONGEST_FILE = 400
LONGEST_BODY = 60
MEDIAN_BODY = 10
MOST_METHODS = 15

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[0]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    found = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef)]
    return [*found]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def identifier(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms == set(FLOOR_OF)


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return  # the lazy table of public names, checked by test_public_names
    for name in imported(parsed(path)):
        if not name.startswith("graft."):
            continue
        target = name.split(".")[1]
        if target == room or (room, target) in ALLOWED_ON_ONE_FLOOR:
            continue
        assert FLOOR_OF[target] < FLOOR_OF[room], f"{room} must not import {target}"


@pytest.mark.parametrize("package", sorted(FEW_HOMES))
def test_outside_packages_have_few_homes(package: str) -> None:
    homes = [
        identifier(path)
        for path in FILES
        if any(name.split(".")[0] == package for name in imported(parsed(path)))
    ]
    assert len(homes) <= FEW_HOMES[package], homes


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for function in functions(path):
        assert body_lines(function) <= LONGEST_BODY, function.name


def test_functions_are_short_on_the_whole() -> None:
    assert median(body_lines(f) for path in FILES for f in functions(path)) < MEDIAN_BODY


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_classes_have_few_methods(path: Path) -> None:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            assert len(methods) <= MOST_METHODS, node.name


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_no_open_ended_keywords(path: Path) -> None:
    public = [f for f in functions(path) if not f.name.startswith("_")]
    assert not [f.name for f in public if f.args.kwarg]


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_everything_public_is_documented(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), "module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", FILES, ids=identifier)
def test_no_pickle_is_read(path: Path) -> None:
    assert not {"pickle", "dill", "cloudpickle", "joblib"} & set(imported(parsed(path)))
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            settings = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert settings.get("weights_only") == "True"
