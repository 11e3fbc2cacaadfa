"""Weights are their recipe: what `quickstudy train NAME` gives with its defaults, from the weights that it declares."""

import pytest

import quickstudy
from quickstudy.pretrained import describe
from quickstudy.recipes import RECIPES, build, default_arguments

FROM_BEFORE = {
    "omniglot-contrastive",
}
"""Weights that were made in several trainings, or whose recipe has other defaults now. They leave this list when one
command has trained them again; no others may come."""

TRAINED = [name for name in quickstudy.available() if describe(name).is_trained]


def test_only_weights_that_there_are_are_excused() -> None:
    assert {*TRAINED} >= FROM_BEFORE


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in FROM_BEFORE] or [None])
def test_weights_are_what_their_recipe_gives_with_its_defaults(name: str | None) -> None:
    if name is None:
        pytest.skip("No weights were trained by one command yet.")
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
