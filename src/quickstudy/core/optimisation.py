"""How weights are optimised: the settings that every training by gradients has."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from quickstudy.core.errors import UserError

Optimiser = Literal["adam", "rmsprop", "sgd"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed", "64-true"]


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """The optimiser, its schedule, and how long a training lasts.

    Raises:
        UserError: if no training is possible with a setting.
    """

    steps: int
    """Optimiser steps."""
    tasks_per_step: int
    """Tasks in one optimiser step, all at once."""
    learning_rate: float = 1e-3
    """Highest learning rate. It rises over the warm-up, then falls along a half cosine to zero."""
    optimiser: Optimiser = "adam"
    """Adam, RMSProp with decay 0.95 and momentum 0.9 (usual for older recurrent networks), or SGD without momentum."""
    weight_decay: float = 0.0
    """Each step subtracts this share of each weight, times the learning rate (AdamW)."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from zero."""
    gradient_clip: float | None = None
    """Largest norm of the whole gradient."""
    average_decay: float | None = None
    """Decay per step of an exponential moving average of the weights, which is what the training then keeps."""

    precision: Precision = "32-true"
    """Precision of the arithmetic in training, by Lightning Fabric's names. Mixed ones keep the weights in 32 bits."""

    def __post_init__(self) -> None:
        """Refuse settings with which no training is possible."""
        for name, least in (("steps", 0), ("tasks_per_step", 1), ("warmup_steps", 0)):
            refuse_count(name, getattr(self, name), least)
        for name in ("learning_rate", "weight_decay"):
            refuse_number(name, getattr(self, name), "from 0", lambda value: value >= 0)
        if self.gradient_clip is not None:
            refuse_number("gradient_clip", self.gradient_clip, "above 0", lambda value: value > 0)
        if self.average_decay is not None:
            refuse_number("average_decay", self.average_decay, "from 0 and below 1", lambda value: 0 <= value < 1)
        refuse_kind("optimiser", self.optimiser, get_args(Optimiser))
        refuse_kind("precision", self.precision, get_args(Precision))


def refuse_count(name: str, count: object, least: int) -> None:
    """Refuse a setting that is not a whole number of a given size or more.

    Args:
        name: the name of the setting in the error message.
        count: what was given.
        least: the lowest number that is valid.

    Raises:
        UserError: if the setting is invalid.
    """
    if type(count) is not int or count < least:
        raise UserError(f"{name} = {count!r} was given, but a whole number from {least} was expected.")


def refuse_kind(name: str, kind: object, kinds: tuple[str, ...]) -> None:
    """Refuse a setting that is not one of the given kinds.

    Args:
        name: the name of the setting in the error message.
        kind: what was given.
        kinds: the valid kinds.

    Raises:
        UserError: if the setting is invalid.
    """
    if kind not in kinds:
        raise UserError(f"{name} = {kind!r} was given, but one of {kinds} was expected.")


def refuse_number(name: str, value: object, expected: str, is_fine: Callable[[float], bool]) -> None:
    """Refuse a setting that is not a number in a given range.

    Args:
        name: the name of the setting in the error message.
        value: what was given.
        expected: the range in words.
        is_fine: whether a number is in the range.

    Raises:
        UserError: if the setting is invalid.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not is_fine(value):
        raise UserError(f"{name} = {value!r} was given, but a number {expected} was expected.")
