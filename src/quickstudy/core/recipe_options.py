"""A recipe's options, read from its signature: their names, groups and defaults, and which values are valid."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from quickstudy.core.errors import UserError
from quickstudy.core.experiment import Experiment

_LEAST = {
    "copies": 0,
    "steps": 0,
    "warmup_steps": 0,
    "self_attention": 0,
    "support": 0,
    "examples": 2,
    "pairs": 2,
    "residual": 0,
    "split_seed": 0,
}
"""Of counts; of all others there is one at least."""
_ABOVE_ZERO = {"key_gain", "label_scale", "points_per_unit", "sharpness", "temperature"}
"""Numbers that are divided by, or that nothing is left of at zero."""
_BELOW_ONE = {"average_decay", "erased", "few_letters", "generated", "short"}
"""Shares, and decays, that leave something."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "none"}


class Option(NamedTuple):
    """An option of a recipe."""

    annotation: Any
    """What values it takes."""
    default: Any
    """The recipe's own value."""


def options(recipe: Callable[..., Any]) -> dict[str, Option]:
    """All options of a recipe by name, also those in its groups.

    Args:
        recipe: The recipe.
    """
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(recipe).parameters.items():
        group = parameter.default
        if is_dataclass(group):
            hints = get_type_hints(type(group))
            found |= {each.name: Option(hints[each.name], getattr(group, each.name)) for each in fields(group)}
        else:
            found[name] = Option(parameter.annotation, group)
    return found


def flattened(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's arguments, with the options of its groups beside the others.

    Args:
        arguments: The arguments by name.
    """
    flat: dict[str, Any] = {}
    for name, value in arguments.items():
        flat |= vars(value) if is_dataclass(value) else {name: value}
    return flat


def grouped(recipe: Callable[..., Any], flat: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a recipe from options that are not grouped. Options that are not given keep their defaults.

    Args:
        recipe: The recipe.
        flat: Options by name.
    """
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(recipe).parameters.items():
        group: Any = parameter.default
        if is_dataclass(group):
            given = {each.name: flat[each.name] for each in fields(group) if each.name in flat}
            arguments[name] = replace(group, **given)  # type: ignore[type-var]
        elif name in flat:
            arguments[name] = flat[name]
    return arguments


def variant(
    name: str, recipe: Callable[..., Experiment], summary: str, *, starts_from: str | None = "", **changed: Any
) -> Callable[..., Experiment]:
    """A recipe that is another one with other defaults.

    Args:
        name: its name, with underscores.
        recipe: the recipe that it is a variant of.
        summary: the first paragraphs of its help. The help of its options is that of the other recipe.
        starts_from: the recipe whose weights it starts from, or None. An empty text leaves this to the other recipe.
        changed: options whose defaults differ, those in groups too.

    Raises:
        TypeError: if the other recipe has no such option.
    """
    if unknown := set(changed) - set(options(recipe)):
        raise TypeError(f"{name} changes {sorted(unknown)}, but {recipe.__name__} has no such option.")
    defaults = grouped(recipe, changed)

    def varied(**arguments: Any) -> Experiment:
        experiment = recipe(**{**defaults, **arguments})
        return experiment if starts_from == "" else replace(experiment, starts_from=starts_from)

    signature = inspect.signature(recipe)
    parameters = [
        parameter.replace(default=defaults.get(key, parameter.default))
        for key, parameter in signature.parameters.items()
    ]
    _, *details = (inspect.getdoc(recipe) or "").partition("\nArgs:")
    varied.__name__, varied.__doc__ = name, summary + "\n" + "".join(details)
    varied.__annotations__ = dict(recipe.__annotations__)
    varied.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return varied


def check_arguments(recipe: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise UserError if a value is of another type than its option, or if no learner or training can have it.

    Args:
        recipe: The recipe.
        arguments: Values of its options by name.

    Raises:
        UserError: if a value is not valid.
    """
    for name, option in options(recipe).items():
        if name not in arguments:
            continue
        value = arguments[name]
        if not _is_of(value, option.annotation):
            raise UserError(f"{name} = {value!r} was given, but {_in_words(option.annotation)} was expected.")
        is_count = float not in (option.annotation, *get_args(option.annotation))
        for number in _numbers(value):
            _check_count(name, number) if is_count else _check_number(name, number)
        # A pair in place of a single number is a range; other pairs are a number of this and a number of that.
        is_range = get_origin(option.annotation) in (Union, UnionType) and int in get_args(option.annotation)
        if is_range and isinstance(value, tuple) and value[0] > value[1]:
            raise UserError(f"{name} = {value} was given, but of a pair the lowest comes first.")


def _check_count(name: str, number: float) -> None:
    least = _LEAST.get(name, 1)
    if number < least:
        raise UserError(f"{name} = {number} was given, but a whole number from {least} was expected.")


def _check_number(name: str, number: float) -> None:
    expected = "above 0" if name in _ABOVE_ZERO else "from 0"
    expected += " and below 1" if name in _BELOW_ONE else ""
    is_low = number <= 0 if name in _ABOVE_ZERO else number < 0
    if not math.isfinite(number) or is_low or (name in _BELOW_ONE and number >= 1):
        raise UserError(f"{name} = {number} was given, but a number {expected} was expected.")


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value."""
    if isinstance(value, tuple):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _is_of(value: Any, annotation: Any) -> bool:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return value in inner
    if origin in (Union, UnionType):
        return any(_is_of(value, each) for each in inner)
    if origin is tuple:
        if not isinstance(value, tuple) or not value:
            return False
        kinds = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(kinds) and all(map(_is_of, value, kinds))
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is annotation


def _in_words(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if origin in (Union, UnionType):
        return " or ".join(map(_in_words, inner))
    if origin is tuple:
        return "whole numbers" if inner[-1] is Ellipsis else "two whole numbers"
    return _WORDS.get(annotation, str(annotation))
