"""Every number of every recipe: what cannot be trained with is refused, and all else draws tasks and computes."""

import functools
import inspect
import math
from dataclasses import is_dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch

from quickstudy.core import Experiment, Optimisation, UserError, unchecked_distributions
from quickstudy.core.recipe_options import check_arguments, flattened, grouped, options, variant
from quickstudy.datasets import omniglot
from quickstudy.recipes import RECIPES, build, default_arguments

BAD = (-1, 0, -1.0, 0.0, 1.0, math.nan, math.inf, -math.inf)
SMALL = {
    "tasks_per_step": 1,
    "pool": (3, 3),
    "examples": 3,
    "queries": 1,
    "hidden": 16,
    "test_steps": 1,
    "samples": 2,
    "pairs": 4,
}
OWN_DATA = "folder-", "series-"  # Such recipes draw from data of the user's own.


def _numbers(name: str) -> dict[str, set[type]]:
    """The recipe's arguments that are numbers, or hold some."""
    found = {}
    for key, (annotation, _) in options(RECIPES[name]).items():
        kinds = {annotation, *get_args(annotation), *(kind for each in get_args(annotation) for kind in get_args(each))}
        if kinds & {int, float}:
            found[key] = kinds & {int, float}
    return found


def _refusal(name: str, arguments: dict[str, Any]) -> str | None:
    try:
        build(name, arguments)
    except UserError as error:
        return str(error)
    return None


@functools.cache
def _few_characters(size: int) -> omniglot.Omniglot:
    names = omniglot.class_names()
    noise = np.random.default_rng(0).integers(0, 256, (len(names), 1, size, size), dtype=np.uint8)
    return omniglot.Omniglot(np.broadcast_to(noise, (len(names), 20, size, size)), names)


@pytest.fixture
def few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise in place of Omniglot, and no more than 30 classes in each part."""
    split = omniglot.split
    monkeypatch.setattr(omniglot, "load", lambda root=None, size=28: _few_characters(size))
    monkeypatch.setattr(omniglot, "split", lambda name: type(split(name))(*(part[:30] for part in split(name))))


@pytest.mark.parametrize("name", [name for name in RECIPES if default_arguments(name)])
def test_bad_numbers_are_refused_by_name_or_train(name: str, few_characters: None) -> None:
    taken: dict[str, Any] = {}
    for key, kinds in _numbers(name).items():
        for value in BAD:
            if isinstance(value, int) and float in kinds:
                continue  # There the same as its fraction.
            refusal = _refusal(name, {key: value})
            if refusal is None:
                taken[key] = value
            else:
                assert key in refusal
    assert all(value in (0, 1.0) for value in taken.values())
    own = options(RECIPES[name])
    small = {key: value for key, value in SMALL.items() if key in own}
    small |= {"ways": 2} if "ways" in own else {}
    small |= {"shots": 1} if "shots" in own else {}
    experiment = build(name, {**small, **taken})
    if name.startswith(OWN_DATA):
        return
    drawn = experiment.train(None).sample(1, torch.Generator().manual_seed(0))
    with unchecked_distributions():
        loss = experiment.learner(drawn)
    loss.backward()
    assert loss.isfinite()


def test_all_counts_of_all_recipes_are_tried() -> None:
    assert sum(len(_numbers(name)) for name in RECIPES) > 300


@pytest.mark.parametrize("name", RECIPES)
def test_options_are_grouped_and_flattened_without_a_loss(name: str) -> None:
    defaults = default_arguments(name)
    arguments = grouped(RECIPES[name], defaults)
    assert flattened(arguments) == defaults
    assert grouped(RECIPES[name], {}) == {key: value for key, value in arguments.items() if is_dataclass(value)}


def test_an_option_of_a_group_changes_nothing_else_in_it() -> None:
    recipe = RECIPES["omniglot-protonet"]
    found, default = grouped(recipe, {"copies": 3})["characters"], grouped(recipe, {})["characters"]
    assert found == replace(default, copies=3) != default


def _recipe(
    *,
    ways: int | tuple[int, int] = 5,
    pool: tuple[int, int] | None = None,
    dilations: tuple[int, ...] = (1, 2),
    copies: int = 0,
    rate: float = 0.1,
    generated: float = 0.0,
    temperature: float = 1.0,
    bound: float | None = None,
    jitter: bool = True,
    split: Literal["lake", "vinyals"] = "lake",
    folder: str = "",
) -> None:
    """Of all kinds of arguments that recipes have."""


@pytest.mark.parametrize(
    "arguments",
    [
        {"ways": 1},
        {"ways": (2, 20)},
        {"ways": (3, 3)},
        {"pool": (60, 6)},
        {"pool": None},
        {"dilations": (1,)},
        {"copies": 0},
        {"rate": 0},
        {"rate": 1e-9},
        {"bound": None},
        {"bound": 20.0},
        {"jitter": False},
        {"split": "vinyals"},
        {"folder": "pictures"},
        {},
    ],
    ids=str,
)
def test_a_value_of_its_kind_is_taken(arguments: dict[str, Any]) -> None:
    check_arguments(_recipe, arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"ways": 0}, "ways = 0 was given, but a whole number from 1"),
        ({"ways": (0, 5)}, "ways = 0 was given, but a whole number from 1"),
        ({"ways": (20, 2)}, r"ways = \(20, 2\) was given, but of a pair the lowest comes first"),
        ({"ways": (2, 3, 4)}, "a whole number or two whole numbers was expected"),
        ({"ways": ()}, "a whole number or two whole numbers was expected"),
        ({"ways": 5.0}, "ways = 5.0 was given, but a whole number or two whole numbers"),
        ({"ways": True}, "ways = True was given"),
        ({"ways": "5"}, "ways = '5' was given"),
        ({"ways": None}, "ways = None was given"),
        ({"pool": (60, 0)}, "pool = 0 was given"),
        ({"dilations": ()}, "whole numbers was expected"),
        ({"dilations": (1, -2)}, "dilations = -2 was given"),
        ({"copies": -1}, "copies = -1 was given, but a whole number from 0"),
        ({"rate": -1}, "rate = -1 was given, but a number from 0 was"),
        ({"rate": math.nan}, "rate = nan was given"),
        ({"rate": math.inf}, "rate = inf was given"),
        ({"rate": "fast"}, "rate = 'fast' was given, but a number was expected"),
        ({"generated": 1.0}, "a number from 0 and below 1 was expected"),
        ({"temperature": 0.0}, "a number above 0 was expected"),
        ({"bound": math.nan}, "bound = nan was given"),
        ({"jitter": 1}, "jitter = 1 was given, but true or false was expected"),
        ({"split": "moon"}, "split = 'moon' was given, but one of lake, vinyals was expected"),
        ({"folder": 3}, "folder = 3 was given, but a text was expected"),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused_by_name(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_arguments(_recipe, arguments)


def test_a_strength_of_none_is_taken_and_one_below_it_refused() -> None:
    assert build("omniglot-contrastive", {"strength": 0.0}).learner is not None
    with pytest.raises(UserError, match=r"strength = -1\.0 was given, but a number from 0 was expected"):
        build("omniglot-contrastive", {"strength": -1.0})


def test_whatever_cannot_be_built_names_the_recipe_and_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("too large"), TypeError("no such thing"), ZeroDivisionError("zero"), IndexError("far")):

        def fails(*, width: int = 1, error: Any = error) -> None:
            raise error

        fails.__annotations__["error"] = type(error)
        monkeypatch.setitem(RECIPES, "fails", fails)
        with pytest.raises(UserError, match=f"The recipe 'fails' cannot be built with width = 7: {error}"):
            build("fails", {"width": 7})
        with pytest.raises(type(error)):  # Our own fault: nothing was asked for.
            build("fails", {"width": 1})


def test_the_paper_recipe_of_any_ways_has_a_test() -> None:
    assert set(build("omniglot-cnp-paper", {"ways": 3}).test) == {"3-way 1-shot", "3-way 5-shot"}


def test_more_ways_than_slots_and_more_shots_than_reach_are_refused() -> None:
    for name in ("omniglot-snail", "omniglot-mann", "omniglot-metanet", "omniglot-transformer"):
        with pytest.raises(UserError, match=r"ways = \(2, 30\) was given, but there are 20 label slots"):
            build(name, {"ways": [2, 30]})
    with pytest.raises(
        UserError, match="make up to 180 support examples, but max_ways = 20 and max_shots = 5 hold 100"
    ):
        build("omniglot-snail", {"shots": [1, 9]})
    build("omniglot-snail", {"ways": 5, "shots": 9, "pool": None})
    build("omniglot-snail-paper", {"shots": [1, 9], "max_shots": 9})


_SHORT = Optimisation(steps=2, tasks_per_step=1)


def one(*, size: int = 3, optimisation: Optimisation = _SHORT) -> Experiment:
    """A recipe.

    Args:
        size: how large.
        optimisation: how it is trained.
    """
    built = build("omniglot-protonet", {})
    return replace(built, optimisation=optimisation, validate_every=size, starts_from="glyphs-protonet")


def test_a_variant_is_its_recipe_with_other_defaults_in_groups_too() -> None:
    other = variant("other", one, "Another one.", size=5, steps=7)
    assert {name: option.default for name, option in options(other).items()}["steps"] == 7
    assert options(other).keys() == options(one).keys()
    built = other()
    assert (built.validate_every, built.optimisation) == (5, Optimisation(steps=7, tasks_per_step=1))
    assert other(size=9).validate_every == 9
    assert one().validate_every == 3, "the recipe itself stays as it was"


def test_a_variant_has_its_own_summary_and_the_help_of_its_recipes_options() -> None:
    other = variant("other", one, "Another one.", size=5)
    assert other.__name__ == "other"
    documentation = inspect.getdoc(other) or ""
    assert documentation.startswith("Another one.")
    assert "    size: how large." in documentation


def test_a_variant_starts_from_what_its_recipe_does_unless_it_says_otherwise() -> None:
    assert variant("a", one, "A.", size=5)().starts_from == "glyphs-protonet"
    assert variant("b", one, "B.", starts_from=None)().starts_from is None
    assert variant("c", one, "C.", starts_from="omniglot-anil")().starts_from == "omniglot-anil"


def test_a_variant_of_an_option_that_there_is_not_is_our_mistake() -> None:
    with pytest.raises(TypeError, match=r"other changes \['sise'\], but one has no such option"):
        variant("other", one, "Another one.", sise=5)
