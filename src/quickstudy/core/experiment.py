"""All that a training needs: what a recipe returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from quickstudy.core.errors import UserError
from quickstudy.core.learner import Learner
from quickstudy.core.optimisation import Optimisation, refuse_count, refuse_kind
from quickstudy.core.practice import PolicyOptimisation
from quickstudy.core.tasks import TaskDistribution, TrainingDistribution

ValidateBy = Literal["queries", "instances", "functions", "trials"]
Data = Literal["omniglot", "glyphs"]

TaskSource = Callable[[Path | None], TaskDistribution]
"""Makes a task distribution from the data root. Called late: loading weights must not load data."""

TrainingSource = Callable[[Path | None], TrainingDistribution]
"""Makes the distribution of training tasks from the data root, also called late."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A learner, the tasks for training, validation and test, and how the learner is trained.

    Raises:
        UserError: if no training is possible with a setting.
    """

    learner: Learner
    """The learner that is trained."""
    train: TrainingSource
    """Draws the tasks of training."""
    validation: TaskSource
    """Draws the tasks of validation."""
    test: Mapping[str, TaskSource]
    """By title: the rows of the table printed at the end of a training."""

    optimisation: Optimisation
    """How the weights are optimised."""
    practice: PolicyOptimisation | None = None
    """How the learner learns from its own trials in the environment of its training tasks. None if it learns from the
    tasks as they are drawn."""
    in_own_trials: bool = False
    """Whether the learner itself acts in the trials in which it is shown what to do."""

    contents: Callable[[Path | None], Mapping[str, Sequence[str]]] | None = None
    """For your own pictures: digests of the pictures of each part, "train", "validation" and "test". The header of a
    training keeps the digests that it trained on."""
    own_classes: Callable[[Any, Any], TaskSource] | None = None
    """For your own classes: from "train", "validation" or "test", and a layout, to tasks of these classes."""
    before_training: Callable[[Path | None], None] | None = None
    """From the data root: gives the learner what it keeps of the training data, such as their units. Called before the
    first step."""
    compared_with: Mapping[str, "str | Callable[[Path | None], Learner]"] = field(default_factory=dict)
    """By title: what a test of values answers beside the learner. Names of trained weights, or from the data root to a
    learner without a training."""
    frozen: tuple[str, ...] = ()
    """Parts of the learner, by name, that keep their first weights and running statistics while they are frozen."""
    frozen_share: float = 1.0
    """Share of the training in which these parts are frozen, from its start."""
    inputs_come_again: bool = False
    """Whether later steps show the same inputs as earlier ones. An encoder that is frozen to the end then reads each
    input once, and the training keeps what it gave."""
    starts_from: str | None = None
    """Weights that a training begins with, by the name of their recipe, wherever name and shape of a tensor agree.
    `--start-from` gives others."""
    validate_every: int = 500
    """Steps between two validations."""
    validation_tasks: int = 200
    """Tasks of one validation."""
    validate_by: ValidateBy = "queries"
    """Accuracy on queries; accuracy at the 1st, 2nd, … example of each class of a sequence; log-likelihood of
    values of functions; or the reward of trials. The weights with the best validation are kept."""
    input_range: tuple[float, float] | None = None
    """Lowest and highest number in the inputs; in eval mode the learner refuses others. None if any number is valid."""

    data: Data | None = None
    """The data set with the classes of training and test, which an evaluation uses unless it is given another. None
    for learners of functions."""

    def __post_init__(self) -> None:
        """Refuse settings with which no training is possible, and set the learner's range of inputs."""
        for name in ("validate_every", "validation_tasks"):
            refuse_count(name, getattr(self, name), 1)
        refuse_kind("validate_by", self.validate_by, get_args(ValidateBy))
        self._refuse_frozen()
        if self.input_range is not None:
            self.learner.input_range = self.input_range

    def _refuse_frozen(self) -> None:
        parts = {name for name, _ in self.learner.named_modules()}
        if foreign := set(self.frozen) - parts:
            raise UserError(
                f"frozen = {sorted(foreign)} was given, but {type(self.learner).__name__} has no such part."
            )
        if not 0 <= self.frozen_share <= 1:
            raise UserError(f"frozen_share = {self.frozen_share} was given, but a share from 0 to 1 was expected.")
