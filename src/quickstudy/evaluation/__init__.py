"""How good is it? Means with intervals, likelihood, calibration, pictures."""

from quickstudy.evaluation.calibration import expected_calibration_error
from quickstudy.evaluation.classification import Evaluation, evaluate
from quickstudy.evaluation.forgetting import Continues, Forgetting, measure_forgetting
from quickstudy.evaluation.function_values import LEVELS, FunctionEvaluation, evaluate_functions
from quickstudy.evaluation.instance_table import InstanceTable, evaluate_instances, first_instance_ceiling
from quickstudy.evaluation.intervals import Interval
from quickstudy.evaluation.machine import provenance
from quickstudy.evaluation.trial_totals import evaluate_trials, total_reward

__all__ = [
    "LEVELS",
    "Continues",
    "Evaluation",
    "Forgetting",
    "FunctionEvaluation",
    "InstanceTable",
    "Interval",
    "evaluate",
    "evaluate_functions",
    "evaluate_instances",
    "evaluate_trials",
    "expected_calibration_error",
    "first_instance_ceiling",
    "measure_forgetting",
    "provenance",
    "total_reward",
]
