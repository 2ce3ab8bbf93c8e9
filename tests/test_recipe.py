"""The recipe: written down and read again, and strict about what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.errors import DataError, UnknownNameError, UserError
from graft.recipe import Recipe, make_recipe, read_recipe, settings_among
from graft.types import Json

OUT_OF_RANGE: list[tuple[str, object]] = [
    ("validation", 1.0),
    ("validation", -0.1),
    ("validation", float("nan")),
    ("size", 4),
    ("dropout", 1.0),
    ("epochs", 0),
    ("epochs", 2.5),
    ("batch_size", 0),
    ("lr", 0.0),
    ("lr", float("nan")),
    ("lr", float("inf")),
    ("weight_decay", -1e-9),
    ("weight_decay", float("inf")),
    ("label_smoothing", 1.0),
    ("patience", 0),
    ("seed", -1),
    ("seed", 2**32),  # what NumPy and scikit-learn take as a seed ends here
    ("threads", 0),
    ("backbone", 5),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_named_with_its_setting(name: str, value: object) -> None:
    with pytest.raises(UserError) as caught:
        make_recipe({name: value})
    assert name in caught.value.found
    assert repr(value) in caught.value.found
    assert caught.value.allowed


def test_an_unknown_setting_is_answered_with_the_settings() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make_recipe({"learning_rate": 1})
    assert "weight_decay" in caught.value.allowed


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "data": TEXT,
        "label": TEXT,
        "strategy": st.one_of(st.none(), TEXT),
        "validation": st.floats(0, 0.99),
        "lr": st.floats(1e-12, 10),
        "seed": st.integers(0, 2**32 - 1),
        "epochs": st.one_of(st.none(), st.integers(1, 10**6)),
    },
)


@given(fields=FIELDS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_written_is_read_again(tmp_path: Path, fields: Json) -> None:
    recipe = make_recipe(fields)
    recipe.write(tmp_path / "recipe.yaml")
    assert read_recipe(tmp_path / "recipe.yaml", {}) == recipe


def test_changes_win_over_the_file(tmp_path: Path) -> None:
    make_recipe({"seed": 3, "lr": 0.5}).write(tmp_path / "r.yaml")
    changed = read_recipe(tmp_path / "r.yaml", {"seed": 4})
    assert (changed.seed, changed.lr) == (4, 0.5)


@pytest.mark.parametrize(
    "content", [b"", b"- a\n- b\n", b"just words", b"a: [", b"\xff\xfe\x00", b"!!python/object:x 1"]
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"r\.yaml"):
        read_recipe(path, {})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_recipe(tmp_path / "nothing.yaml", {})


def test_a_setting_in_the_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"epoch": 3}))
    with pytest.raises(UnknownNameError, match="'epoch'"):
        read_recipe(tmp_path / "r.yaml", {})


def test_every_field_is_documented() -> None:
    for name in Recipe.model_fields:
        assert f"        {name}: " in str(Recipe.__doc__)


def test_a_recipe_is_a_value() -> None:
    recipe = Recipe()
    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 1
    assert Recipe() == recipe


def test_arguments_that_name_a_setting_and_have_a_value_are_settings() -> None:
    arguments = {"data": "a", "lr": 0.1, "size": None, "compare": True, "clip": 0.0}
    assert settings_among(arguments) == {"lr": 0.1, "clip": 0.0}
