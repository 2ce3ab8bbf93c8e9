"""The tree of errors: what a caller may catch, and what a reader is told."""

from __future__ import annotations

import pickle

import pytest

from graft import errors
from graft.errors import DataError, GraftError, UserError, unknown_name

BUILT_IN = {
    "DataError": ValueError,
    "UnknownNameError": ValueError,
    "BackboneError": ValueError,
    "NetworkError": ConnectionError,
    "OutputError": OSError,
    "ResourceError": MemoryError,
    "DivergenceError": ArithmeticError,
    "ModelError": ValueError,
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_users_fault_is_caught_by_its_built_in_kind_too(name: str) -> None:
    kind = getattr(errors, name)
    problem: UserError = kind("Found 3 apples", allowed="2", next="eat one")
    assert isinstance(problem, (UserError, BUILT_IN[name]))
    assert issubclass(kind, BUILT_IN[name])
    assert str(problem) == "Found 3 apples.\nAllowed: 2.\nNext: eat one."
    assert problem.to_dict() == {
        "kind": name,
        "found": "Found 3 apples",
        "allowed": "2",
        "next": "eat one",
    }


def test_a_fault_of_graft_is_not_the_users() -> None:
    assert issubclass(errors.AuditError, GraftError)
    assert not issubclass(errors.AuditError, UserError)


def test_what_is_empty_is_not_printed_and_no_sentence_ends_twice() -> None:
    assert str(GraftError("It broke.")) == "It broke."
    assert str(GraftError("It broke", next="did you mean 'x'?")).endswith("'x'?")


def test_every_class_is_documented_in_the_tree() -> None:
    own = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(own) > len(BUILT_IN)
    for kind in own:
        assert f" {kind.__name__} " in f"{errors.__doc__} ".replace("\n", " ")


def test_an_unknown_name_is_answered_with_the_names_that_exist_and_the_nearest() -> None:
    problem = unknown_name("backbone", "resnet5O", {"vgg16", "resnet50", "resnet18"})
    assert problem.allowed == "resnet18, resnet50, vgg16"
    assert "'resnet50'" in problem.next
    assert "did you mean" not in unknown_name("head", "xyzzy", ["linear"]).next


def test_errors_survive_a_process_boundary() -> None:
    problem = unknown_name("head", "liner", ["linear"])
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), again.to_dict()) == (type(problem), problem.to_dict())


def test_a_name_of_any_length_gives_a_message_that_can_be_read() -> None:
    problem = DataError("A column", allowed="x" * 50_000)
    assert len(str(problem)) < 5000
    assert "50,000 characters" in str(problem)
