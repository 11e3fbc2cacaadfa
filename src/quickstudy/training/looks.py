"""What a training sees when it looks at tasks that it is not trained on, and which weights it keeps for it."""

from typing import NamedTuple

from quickstudy.core import Experiment, Learner, TaskDistribution
from quickstudy.evaluation import evaluate, evaluate_functions, evaluate_instances

_SEED = 1_000_000_007  # Any number: the same tasks at every look.
INSTANCE_NAMES = tuple(f"instance_{number}" for number in range(1, 11))
FUNCTION_NAMES = ("log_likelihood", "log_likelihood_interval95", "squared_error", "coverage90", "oracle")
COLUMNS = {"queries": (), "instances": INSTANCE_NAMES, "functions": FUNCTION_NAMES}
"""Of the log, beside accuracy and its interval, by what a training is validated by."""


class Look(NamedTuple):
    """What was seen."""

    score: float
    """The weights that have the highest are kept."""
    figures: dict[str, float | None]
    """For the log."""
    text: str
    """For the display."""


def look(experiment: Experiment, learner: Learner, tasks: TaskDistribution) -> Look:
    """Ask the learner as the experiment has it validated."""
    if experiment.validate_by == "functions":
        return _at_functions(experiment, learner, tasks)
    if experiment.validate_by == "instances":
        table = evaluate_instances(learner, tasks, experiment.validation_tasks, seed=_SEED)
        accuracy = table.after_first
        details = {name: each.mean for name, each in zip(INSTANCE_NAMES, table.accuracy, strict=True)}
    else:
        accuracy, details = evaluate(learner, tasks, experiment.validation_tasks, seed=_SEED).accuracy, {}
    return Look(accuracy.mean, {"accuracy": accuracy.mean, "interval95": accuracy.interval95, **details}, str(accuracy))


def _at_functions(experiment: Experiment, learner: Learner, tasks: TaskDistribution) -> Look:
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
    return Look(likelihood.mean, figures, text)
