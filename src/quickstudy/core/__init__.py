"""The protocol: tasks, learners, states, predictions, checkpoints. Knows no task and no network."""

from quickstudy.core.checkpoint import load_checkpoint, read_header, save_checkpoint
from quickstudy.core.checks import check_query, check_support, check_tasks, check_values, count_ways
from quickstudy.core.distributions import Ink, categorical, independent, mixture, unchecked_distributions
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
    "Ink",
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
    "independent",
    "leaves",
    "load_checkpoint",
    "map_state",
    "mixture",
    "move_state",
    "read_header",
    "save_checkpoint",
    "select_tasks",
    "unchecked_distributions",
]
