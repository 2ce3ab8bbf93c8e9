"""What a user installs: public names, pinned versions, a README that knows its files."""

from __future__ import annotations

import re
from pathlib import Path

import graft

ROOT = Path(__file__).parents[1]


def test_public_names() -> None:
    for name in graft.__all__:
        assert getattr(graft, name) is not None


def test_versions_are_pinned_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert not [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+", pin)]


def test_readme_map_names_every_room() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = {p.name for p in (ROOT / "src" / "graft").iterdir() if p.is_dir() and p.name[0] != "_"}
    assert not [room for room in rooms if f"{room}/" not in readme]


def test_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{graft.__version__}"' in project
