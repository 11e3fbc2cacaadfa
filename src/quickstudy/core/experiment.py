"""All that a training needs to know: what a recipe returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quickstudy.core.learner import Learner
from quickstudy.core.tasks import TaskDistribution, TrainingDistribution

TaskSource = Callable[[Path | None], TaskDistribution]
"""Makes a task distribution from the data root. Called late: loading weights must not load data."""

TrainingSource = Callable[[Path | None], TrainingDistribution]
"""The same of what a training draws from."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A learner, the tasks it is trained, validated and tested on, and how it is trained."""

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
    optimiser: Literal["adam", "rmsprop", "sgd"] = "adam"
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
    """Steps between looks at the validation classes."""
    validation_tasks: int = 200
    validate_by: Literal["queries", "instances", "functions"] = "queries"
    """Ask for the classes of queries, or all along a sequence for the 1st, 2nd, … example of each class, or for values
    of functions; the most accurate weights are kept, or those that find the true values likeliest."""
