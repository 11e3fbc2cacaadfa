"""The protocol: tasks, learners, states, predictions, checkpoints. Knows no task and no network."""

from quickstudy.core.checkpoint import (
    kept_weights,
    load_checkpoint,
    load_weights,
    read_header,
    save_checkpoint,
    tensors_below,
    unfinished_checkpoints,
)
from quickstudy.core.checks import check_query, check_support, check_tasks, check_values, count_ways
from quickstudy.core.distributions import categorical, unchecked_distributions
from quickstudy.core.errors import UserError
from quickstudy.core.experiment import Experiment, TaskSource, TrainingSource
from quickstudy.core.learner import Learner, OnlineLearner
from quickstudy.core.state import leaves, map_state, move_state, select_tasks
from quickstudy.core.tasks import (
    KnowsAnswers,
    Oracle,
    SharedTasks,
    ShowsImages,
    TaskDistribution,
    Tasks,
    TrainingDistribution,
    TrainingTasks,
    in_random_slots,
)

__all__ = [
    "Experiment",
    "KnowsAnswers",
    "Learner",
    "OnlineLearner",
    "Oracle",
    "SharedTasks",
    "ShowsImages",
    "TaskDistribution",
    "TaskSource",
    "Tasks",
    "TrainingDistribution",
    "TrainingSource",
    "TrainingTasks",
    "UserError",
    "categorical",
    "check_query",
    "check_support",
    "check_tasks",
    "check_values",
    "count_ways",
    "in_random_slots",
    "kept_weights",
    "leaves",
    "load_checkpoint",
    "load_weights",
    "map_state",
    "move_state",
    "read_header",
    "save_checkpoint",
    "select_tasks",
    "tensors_below",
    "unchecked_distributions",
    "unfinished_checkpoints",
]
