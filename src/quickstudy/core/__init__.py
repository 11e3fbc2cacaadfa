"""The protocol: tasks, learners, states, predictions, checkpoints. Knows no task and no network."""

from quickstudy.core.acting import (
    ActedBy,
    ActingLearner,
    ActsByValues,
    Agent,
    ChoosesAtOnce,
    Environment,
    HasEnvironment,
    Outcome,
    ReadsThePast,
)
from quickstudy.core.calibrated import CalibratedSetting, Calibration
from quickstudy.core.checkpoint import (
    kept_weights,
    load_checkpoint,
    load_weights,
    read_header,
    save_checkpoint,
    tensors_below,
    unfinished_checkpoints,
)
from quickstudy.core.checks import check_tasks, count_ways, read_query, read_support, read_values
from quickstudy.core.distributions import Ink, categorical, independent, mixture, sampled, unchecked_distributions
from quickstudy.core.errors import UserError, choose_one_of
from quickstudy.core.experience import Experience, check_observation, read_experience
from quickstudy.core.experiment import Experiment, TaskSource, TrainingSource
from quickstudy.core.header import Header, Parent, header_of, in_half_precision, load_trained, save_trained
from quickstudy.core.learner import Learner, OnlineLearner
from quickstudy.core.optimisation import Optimisation, Optimiser
from quickstudy.core.practice import PolicyOptimisation, Practice
from quickstudy.core.ragged import adapted_by_size, num_real, packed, without_padding
from quickstudy.core.state import leaves, map_state, move_state, select_tasks
from quickstudy.core.stored_states import about_state, load_state, register_state, save_state
from quickstudy.core.tasks import (
    KnowsAnswers,
    Oracle,
    SharedTasks,
    ShowsImages,
    StagedDistribution,
    TaskDistribution,
    Tasks,
    TrainingDistribution,
    TrainingTasks,
    in_random_slots,
)
from quickstudy.core.tracing import is_traced
from quickstudy.core.trials import Trials, play

__all__ = [
    "ActedBy",
    "ActingLearner",
    "ActsByValues",
    "Agent",
    "CalibratedSetting",
    "Calibration",
    "ChoosesAtOnce",
    "Environment",
    "Experience",
    "Experiment",
    "HasEnvironment",
    "Header",
    "Ink",
    "KnowsAnswers",
    "Learner",
    "OnlineLearner",
    "Optimisation",
    "Optimiser",
    "Oracle",
    "Outcome",
    "Parent",
    "PolicyOptimisation",
    "Practice",
    "ReadsThePast",
    "SharedTasks",
    "ShowsImages",
    "StagedDistribution",
    "TaskDistribution",
    "TaskSource",
    "Tasks",
    "TrainingDistribution",
    "TrainingSource",
    "TrainingTasks",
    "Trials",
    "UserError",
    "about_state",
    "adapted_by_size",
    "categorical",
    "check_observation",
    "check_tasks",
    "choose_one_of",
    "count_ways",
    "header_of",
    "in_half_precision",
    "in_random_slots",
    "independent",
    "is_traced",
    "kept_weights",
    "leaves",
    "load_checkpoint",
    "load_state",
    "load_trained",
    "load_weights",
    "map_state",
    "mixture",
    "move_state",
    "num_real",
    "packed",
    "play",
    "read_experience",
    "read_header",
    "read_query",
    "read_support",
    "read_values",
    "register_state",
    "sampled",
    "save_checkpoint",
    "save_state",
    "save_trained",
    "select_tasks",
    "tensors_below",
    "unchecked_distributions",
    "unfinished_checkpoints",
    "without_padding",
]
