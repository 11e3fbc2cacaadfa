"""All that a training needs to know: what a recipe returns."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from quickstudy.core.errors import UserError
from quickstudy.core.learner import Learner
from quickstudy.core.tasks import TaskDistribution, TrainingDistribution

Optimiser = Literal["adam", "rmsprop", "sgd"]
ValidateBy = Literal["queries", "instances", "functions"]
Data = Literal["omniglot", "glyphs"]

TaskSource = Callable[[Path | None], TaskDistribution]
"""Makes a task distribution from the data root. Called late: loading weights must not load data."""

TrainingSource = Callable[[Path | None], TrainingDistribution]
"""The same of what a training draws from."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A learner, the tasks it is trained, validated and tested on, and how it is trained.

    Raises:
        UserError: if no training can be made with a setting.
    """

    learner: Learner
    train: TrainingSource
    validation: TaskSource
    test: Mapping[str, TaskSource]
    """By title: the rows of the table printed at the end of a training."""

    contents: Callable[[Path | None], Mapping[str, Sequence[str]]] | None = None
    """For a user's own pictures: digests of what each part, "train", "validation" and "test", shows. The header of a
    training keeps those it trained on."""

    steps: int
    """Optimiser steps."""
    tasks_per_step: int
    optimiser: Optimiser = "adam"
    """RMSProp with decay 0.95 and momentum 0.9, as recurrent networks were once trained; SGD without momentum."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    """Decoupled from Adam's gradient (AdamW)."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from zero; afterwards it falls along a cosine."""
    gradient_clip: float | None = None
    """Largest norm of the whole gradient."""
    average_decay: float | None = None
    """Decay a step of the exponential moving average of the weights, which then is what is kept."""
    frozen: tuple[str, ...] = ()
    """Parts of the learner, by name, that stay as they started, their running statistics too."""
    validate_every: int = 500
    """Steps between two validations."""
    validation_tasks: int = 200
    validate_by: ValidateBy = "queries"
    """Ask for the classes of queries, or all along a sequence for the 1st, 2nd, … example of each class, or for values
    of functions; the most accurate weights are kept, or those that find the true values likeliest."""
    input_range: tuple[float, float] | None = None
    """What the training's inputs lie between: in eval mode the learner refuses others. None if any number will do."""

    data: Data | None = None
    """The data set with the classes of training and test, which an evaluation uses unless it is given another. None
    for learners of functions."""

    def __post_init__(self) -> None:
        """Refuse settings that no training can be made with, and tell the learner what its inputs lie between."""
        _refuse_settings(self)
        if self.input_range is not None:
            self.learner.input_range = self.input_range


def _refuse_settings(experiment: Experiment) -> None:
    """Raise UserError for the first setting that no training can be made with."""
    for name, least in (
        ("steps", 0),
        ("tasks_per_step", 1),
        ("warmup_steps", 0),
        ("validate_every", 1),
        ("validation_tasks", 1),
    ):
        count = getattr(experiment, name)
        if type(count) is not int or count < least:
            raise UserError(f"{name} = {count!r} was given, but a whole number from {least} was expected.")
    for name in ("learning_rate", "weight_decay"):
        _refuse_number(name, getattr(experiment, name), "from 0", lambda value: value >= 0)
    if experiment.gradient_clip is not None:
        _refuse_number("gradient_clip", experiment.gradient_clip, "above 0", lambda value: value > 0)
    if experiment.average_decay is not None:
        _refuse_number("average_decay", experiment.average_decay, "from 0 and below 1", lambda value: 0 <= value < 1)
    for name, kinds in (("optimiser", get_args(Optimiser)), ("validate_by", get_args(ValidateBy))):
        if getattr(experiment, name) not in kinds:
            raise UserError(f"{name} = {getattr(experiment, name)!r} was given, but one of {kinds} was expected.")
    parts = {name for name, _ in experiment.learner.named_modules()}
    if foreign := set(experiment.frozen) - parts:
        raise UserError(
            f"frozen = {sorted(foreign)} was given, but {type(experiment.learner).__name__} has no such part."
        )


def _refuse_number(name: str, value: object, expected: str, is_fine: Callable[[float], bool]) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not is_fine(value):
        raise UserError(f"{name} = {value!r} was given, but a number {expected} was expected.")
