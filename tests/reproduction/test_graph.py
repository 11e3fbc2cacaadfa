import pytest

from quickstudy.core import UserError
from quickstudy.recipes import RECIPES
from quickstudy.reproduction import graph, in_order, parent_of, weights


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head and its sister that start from an encoder, which starts from nothing."""
    parents = {"head": "encoder", "sister": "encoder", "encoder": None, "one": "other", "other": "one"}
    monkeypatch.setattr(graph, "parent_of", parents.get)


def test_a_parent_comes_before_what_starts_from_it_and_once(family: None) -> None:
    assert in_order(["head", "sister"]) == ["encoder", "head", "sister"]
    assert in_order(["sister", "encoder", "head"]) == ["encoder", "sister", "head"]
    assert in_order([]) == []


def test_a_circle_is_refused(family: None) -> None:
    with pytest.raises(UserError, match="one, other, one start from each other in a circle"):
        in_order(["one"])


def test_declared_parents_are_recipes_that_train_something() -> None:
    for name in weights():
        assert parent_of(name) in (None, *weights())
    assert in_order(weights())


def test_what_has_nothing_to_train_or_needs_a_folder_has_no_weights() -> None:
    nothing_to_train = {"omniglot-nearest", "glyphs-nearest", "feature-means", "table-gp", "table-means"}
    assert {*RECIPES} - {*weights()} == nothing_to_train | {
        name for name in RECIPES if name.startswith(("folder-", "series-"))
    }
