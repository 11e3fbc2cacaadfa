"""Recipes: functions whose typed defaults are a setting, and which return an `Experiment`.

A recipe is a configuration, a command (`quickstudy train NAME`) and the header of a checkpoint in one.
One with published weights is frozen: a change gets a new name.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import Any

from quickstudy.core import Experiment, UserError, choose_one_of
from quickstudy.core.recipe_options import check_arguments, grouped, options


def _recipes() -> Iterator[tuple[str, Callable[..., Experiment]]]:
    """Names and recipes: the public functions in this folder that need no argument and return an experiment."""
    for module in iter_modules(__path__):
        members = vars(import_module(f"{__name__}.{module.name}"))
        for name, member in members.items():
            if isinstance(member, FunctionType) and not name.startswith("_") and _is_recipe(member):
                yield name.replace("_", "-"), member


def _is_recipe(function: Callable[..., Any]) -> bool:
    found = inspect.signature(function)
    needs_none = all(parameter.default is not parameter.empty for parameter in found.parameters.values())
    return found.return_annotation is Experiment and needs_none


RECIPES: dict[str, Callable[..., Experiment]] = dict(sorted(_recipes()))
"""All recipes by name."""


def find_recipe(name: str) -> Callable[..., Experiment]:
    """The recipe of a name.

    Args:
        name: Name of a recipe.

    Raises:
        UserError: if there is none.
    """
    try:
        return RECIPES[name]
    except KeyError:
        raise UserError(f"There is no recipe '{name}'. {choose_one_of(name, list(RECIPES))}") from None


def default_arguments(name: str) -> dict[str, Any]:
    """A recipe's setting: all its options, those in groups too, and their defaults.

    Args:
        name: Name of a recipe.
    """
    return {key: option.default for key, option in options(find_recipe(name)).items()}


def build(name: str, arguments: Mapping[str, Any]) -> Experiment:
    """The experiment of a recipe with these options, as stored in a header of weights.

    Args:
        name: Name of a recipe.
        arguments: Options by name; those left out have their defaults.

    Raises:
        UserError: if there is no such recipe, it has no such option, or nothing can be built with a value.
    """
    recipe = find_recipe(name)
    unknown = set(arguments) - set(default_arguments(name))
    if unknown:
        raise UserError(
            f"The recipe '{name}' has no argument {', '.join(sorted(unknown))}. "
            "The checkpoint was written by another version of quickstudy; use that one."
        )
    # JSON has no tuples: what was a pair came back as a list.
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()}
    changed = {key: value for key, value in given.items() if value != default_arguments(name)[key]}
    try:
        check_arguments(recipe, given)
    except UserError as error:
        raise UserError(f"The recipe '{name}' cannot be built so: {error}") from None
    try:
        return recipe(**grouped(recipe, given))
    except UserError:
        raise
    except Exception as error:
        if not changed:
            raise  # Our own fault: with its defaults a recipe can be built.
        # Of what is built, for whoever builds it; here the values are the user's.
        values = ", ".join(f"{key} = {value}" for key, value in changed.items())
        raise UserError(f"The recipe '{name}' cannot be built with {values}: {error}") from error


__all__ = ["RECIPES", "build", "default_arguments", "find_recipe"]
