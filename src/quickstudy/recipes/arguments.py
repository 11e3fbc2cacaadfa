"""What a recipe's arguments may be, read off its signature: one rule for all recipes and numbers."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from quickstudy.core import UserError

_LEAST = {"copies": 0, "self_attention": 0, "support": 0, "examples": 2, "pairs": 2}
"""Of counts; of all others there is one at least."""
_ABOVE_ZERO = {"label_scale", "points_per_unit", "sharpness", "temperature"}
"""Numbers that are divided by, or that nothing is left of at zero."""
_BELOW_ONE = {"average_decay", "erased", "generated", "shuffled_channels"}
"""Shares, and decays, that leave something."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "none"}


def check_arguments(recipe: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raise UserError where a value is not of its parameter's kind, or no learner or training could be made with it."""
    for name, parameter in inspect.signature(recipe).parameters.items():
        if name not in arguments:
            continue
        value = arguments[name]
        if not _is_of(value, parameter.annotation):
            raise UserError(f"{name} = {value!r} was given, but {_in_words(parameter.annotation)} was expected.")
        is_count = float not in (parameter.annotation, *get_args(parameter.annotation))
        for number in _numbers(value):
            _check_count(name, number) if is_count else _check_number(name, number)
        # A pair in place of a single number is a range; other pairs are a number of this and a number of that.
        is_range = get_origin(parameter.annotation) in (Union, UnionType) and int in get_args(parameter.annotation)
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
