"""How good is it? Means with intervals, likelihood, calibration, pictures."""

from quickstudy.evaluation.calibration import expected_calibration_error
from quickstudy.evaluation.evaluate import Evaluation, evaluate
from quickstudy.evaluation.functions import LEVELS, FunctionEvaluation, evaluate_functions
from quickstudy.evaluation.instances import InstanceTable, evaluate_instances, first_instance_ceiling
from quickstudy.evaluation.intervals import Interval
from quickstudy.evaluation.machine import provenance

__all__ = [
    "LEVELS",
    "Evaluation",
    "FunctionEvaluation",
    "InstanceTable",
    "Interval",
    "evaluate",
    "evaluate_functions",
    "evaluate_instances",
    "expected_calibration_error",
    "first_instance_ceiling",
    "provenance",
]
