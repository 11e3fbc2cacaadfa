"""Validation during a training: which figures are noted, and which weights are kept."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor

from quickstudy.core import Experiment, Learner, TaskDistribution
from quickstudy.evaluation import Interval, evaluate, evaluate_functions, evaluate_instances

_SEED = 1_000_000_007  # Any number: the same tasks in each validation.
INSTANCE_NAMES = tuple(f"instance_{number}" for number in range(1, 11))
FUNCTION_NAMES = ("log_likelihood", "log_likelihood_interval95", "squared_error", "coverage90", "oracle")
COLUMNS = {"queries": (), "instances": INSTANCE_NAMES, "functions": FUNCTION_NAMES}
"""Of the log, beside accuracy and its interval, by what a training is validated by."""


class Validation(NamedTuple):
    """The result of one validation."""

    score: float
    """The weights with the highest score are kept."""
    figures: dict[str, float | None]
    """For the log."""
    text: str
    """For the display."""
    problem: str | None = None
    """What was not a finite number. None if all were. With a problem, the validation says nothing about the weights."""


def validate(experiment: Experiment, learner: Learner, tasks: TaskDistribution) -> Validation:
    """Evaluate a learner on validation tasks, as the experiment says.

    Args:
        experiment: says what is measured, and on how many tasks.
        learner: what is evaluated.
        tasks: draws the validation tasks.
    """
    if experiment.validate_by == "functions":
        return _at_functions(experiment, learner, tasks)
    if experiment.validate_by == "instances":
        return _by_instance(experiment, learner, tasks)
    found = evaluate(learner, tasks, experiment.validation_tasks, seed=_SEED)
    # Of predictions that are no numbers one class is still the first, so the accuracy alone would look sound.
    problem = "negative log-likelihood nan" if math.isnan(found.negative_log_likelihood) else None
    return _of_accuracy(found.accuracy, {}, problem)


def _by_instance(experiment: Experiment, learner: Learner, tasks: TaskDistribution) -> Validation:
    with _watched(learner) as has_nan:
        table = evaluate_instances(learner, tasks, experiment.validation_tasks, seed=_SEED)
    details = {name: each.mean for name, each in zip(INSTANCE_NAMES, table.accuracy, strict=True)}
    return _of_accuracy(table.after_first, details, "predictions nan" if any(has_nan) else None)


def _of_accuracy(accuracy: Interval, details: dict[str, float], problem: str | None) -> Validation:
    if not math.isfinite(accuracy.mean):
        problem = f"accuracy {accuracy.mean}"
    figures = {"accuracy": accuracy.mean, "interval95": accuracy.interval95, **details}
    return Validation(accuracy.mean, figures, str(accuracy), problem)


@contextmanager
def _watched(learner: Any) -> Iterator[list[bool]]:
    """Record for each prediction along a sequence whether it has NaN, which accuracies do not show."""
    has_nan: list[bool] = []
    original = learner.predict_sequence

    def watched(x: Tensor, y: Tensor) -> Any:
        said = original(x, y)
        has_nan.append(bool(said.log_prob(y).isnan().any()))
        return said

    learner.predict_sequence = watched
    try:
        yield has_nan
    finally:
        del learner.predict_sequence


def _at_functions(experiment: Experiment, learner: Learner, tasks: TaskDistribution) -> Validation:
    found = evaluate_functions(learner, tasks, experiment.validation_tasks, seed=_SEED)
    likelihood = found.log_likelihood
    figures: dict[str, float | None] = {
        "log_likelihood": likelihood.mean,
        "log_likelihood_interval95": likelihood.interval95,
        "squared_error": found.squared_error.mean,
    }
    if found.coverage90 is not None:
        figures["coverage90"] = found.coverage90.mean
    if found.oracle is not None:
        figures["oracle"] = found.oracle.mean
    beside = "" if found.oracle is None else f" (oracle {found.oracle.mean:.3f})"
    text = f"{likelihood.text(3, ' nats')}{beside}, error {found.squared_error.mean:.3f}"
    finite = math.isfinite(likelihood.mean)
    return Validation(likelihood.mean, figures, text, None if finite else f"log-likelihood {likelihood.mean}")
