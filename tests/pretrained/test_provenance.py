"""Weights are their recipe: what `quickstudy train NAME` gives with its defaults, from the weights that it declares."""

import pytest

import quickstudy
from quickstudy.pretrained import describe
from quickstudy.recipes import RECIPES, build, default_arguments

TRAINED = [name for name in quickstudy.available() if describe(name).is_trained]


@pytest.mark.parametrize("name", TRAINED)
def test_weights_are_what_their_recipe_gives_with_its_defaults(name: str) -> None:
    header = describe(name)
    assert header.recipe == name
    assert name in RECIPES
    defaults = default_arguments(name)
    assert {**defaults, **header.arguments} == defaults
    declared = build(name, {}).starts_from
    assert [parent.name for parent in header.parents] == ([] if declared is None else [declared])
    assert (header.minutes, header.seed) == (None, 0)
    assert not header.commit.endswith("-dirty")
    assert header.step is not None
