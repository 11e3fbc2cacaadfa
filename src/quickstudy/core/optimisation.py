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
    """Adam; RMSProp with decay 0.95 and momentum 0.9, as recurrent networks were once trained; SGD without momentum."""
    weight_decay: float = 0.0
    """Share of each weight that is lost in a step, times the learning rate (AdamW)."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from zero."""
    gradient_clip: float | None = None
    """Largest norm of the whole gradient."""
    average_decay: float | None = None
    """Decay per step of the exponential moving average of the weights. With an average, the average is kept."""

    precision: Precision = "32-true"
    """Precision of the arithmetic in training, by Lightning Fabric's names. Mixed ones keep the weights in 32 bits."""

    def __post_init__(self) -> None:
        """Refuse settings with which no training is possible."""
        for name, least in (("steps", 0), ("tasks_per_step", 1), ("warmup_steps", 0)):
            refuse_count(name, getattr(self, name), least)
        for name in ("learning_rate", "weight_decay"):
            _refuse_number(name, getattr(self, name), "from 0", lambda value: value >= 0)
        if self.gradient_clip is not None:
            _refuse_number("gradient_clip", self.gradient_clip, "above 0", lambda value: value > 0)
        if self.average_decay is not None:
            _refuse_number("average_decay", self.average_decay, "from 0 and below 1", lambda value: 0 <= value < 1)
        refuse_kind("optimiser", self.optimiser, get_args(Optimiser))
        refuse_kind("precision", self.precision, get_args(Precision))


def refuse_count(name: str, count: object, least: int) -> None:
    """Raise UserError where a setting is no whole number from `least` on."""
    if type(count) is not int or count < least:
        raise UserError(f"{name} = {count!r} was given, but a whole number from {least} was expected.")


def refuse_kind(name: str, kind: object, kinds: tuple[str, ...]) -> None:
    """Raise UserError where a setting is none of these."""
    if kind not in kinds:
        raise UserError(f"{name} = {kind!r} was given, but one of {kinds} was expected.")


def _refuse_number(name: str, value: object, expected: str, is_fine: Callable[[float], bool]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not is_fine(value):
        raise UserError(f"{name} = {value!r} was given, but a number {expected} was expected.")
