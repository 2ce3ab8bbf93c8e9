"""Whatever bytes a file holds: it is read, set aside, or refused with a message, never else."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from graft.data import decode_all, read, read_inputs
from graft.data.kinds import find_kind, read_labels
from graft.data.pictures import BytesPicture
from graft.data.texts import Text
from graft.doctor.checks.texts import is_garbled
from graft.doctor.text_look import key_of, language_of
from graft.errors import UserError
from graft.recipe import Recipe, read_recipe
from graft.types import PreprocessSpec
from tests.fuzz import SEEDS

SPEC = PreprocessSpec((8, 8), 1.0, "center", "bilinear", (0.5,) * 3, (0.5,) * 3)
FEW, MANY = 40, 4000


def fuzzed(examples: int) -> settings:
    """The same examples on every machine, without a store of them."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=checks,
    )


@cache
def picture(kind: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


Change = tuple[int, int, bytes]


def changed(content: bytes, changes: list[Change]) -> bytes:
    """Bytes cut out and put in, here and there."""
    for at, cut, new in changes:
        place = at % (len(content) + 1)
        content = content[:place] + new + content[place + cut :]
    return content


CHANGES = st.lists(
    st.tuples(st.integers(0, 2**16), st.integers(0, 30), st.binary(max_size=12)), max_size=4
)


def refusal(attempt: Callable[[], object]) -> str:
    """The message of the user's error that an attempt raises, not too long; '' where it does not.

    Any other exception passes through and fails the test.
    """
    try:
        attempt()
    except UserError as problem:
        message = str(problem)
    else:
        return ""
    assert 0 < len(message) < 5000
    return message


def endure(path: Path, content: bytes) -> None:
    """Read as training data, and as inputs of both kinds."""
    path.write_bytes(content)
    tries: list[Callable[[], object]] = [
        lambda: read(path, min_classes=1).digests(),
        lambda: read_inputs([path], "text"),
        lambda: [*decode_all(read_inputs([path]), SPEC, workers=0)],  # type: ignore[arg-type]
    ]
    for attempt in tries:
        refusal(attempt)


@pytest.mark.parametrize("name", SEEDS)
@fuzzed(FEW)
@given(changes=CHANGES)
def test_tables_and_archives(name: str, changes: list[Change], tmp_path: Path) -> None:
    endure(tmp_path / name, changed(SEEDS[name](), changes))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA"])
@fuzzed(FEW)
@given(changes=CHANGES)
def test_pictures(kind: str, changes: list[Change]) -> None:
    content = changed(picture(kind), changes)
    (outcome,) = decode_all([BytesPicture(content, "it")], SPEC, workers=0)
    assert (outcome.pixels is None) == (outcome.reason is not None)
    assert outcome.pixels is None or outcome.pixels.shape == (3, 8, 8)


CELLS = st.lists(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.binary(max_size=4) | st.lists(st.text(max_size=3) | st.integers(), max_size=3),
    min_size=1,
    max_size=8,
)  # fmt: skip


@fuzzed(4 * FEW)
@given(cells=CELLS)
def test_label_columns(cells: list[object]) -> None:
    def read_them() -> None:
        assert len(read_labels(cells, "label", find_kind(cells, "label"))) == len(cells)

    refusal(read_them)


@fuzzed(FEW)
@given(changes=CHANGES)
def test_recipes(changes: list[Change], tmp_path: Path) -> None:
    content = yaml.safe_dump(Recipe().model_dump()).encode()
    (tmp_path / "recipe.yaml").write_bytes(changed(content, changes))
    refusal(lambda: read_recipe(tmp_path / "recipe.yaml", {}))


@fuzzed(4 * FEW)
@given(content=st.text(max_size=60))
def test_looks_at_texts(content: str) -> None:
    key_of(Text(content, "it"))
    language_of(content)
    if content.isascii():
        assert is_garbled(content) == ("\x00" in content)
    assert is_garbled(content + " Ã©")


@pytest.mark.long
@pytest.mark.parametrize("name", SEEDS)
def test_many_tables_and_archives(name: str, tmp_path: Path) -> None:
    @fuzzed(MANY)
    @given(changes=CHANGES)
    def many(changes: list[Change]) -> None:
        endure(tmp_path / name, changed(SEEDS[name](), changes))

    many()
