"""How good is it? Means with intervals, likelihood, calibration, pictures."""

from quickstudy.evaluation.calibration import expected_calibration_error
from quickstudy.evaluation.evaluate import Evaluation, Interval, evaluate
from quickstudy.evaluation.instances import InstanceTable, evaluate_instances, first_instance_ceiling
from quickstudy.evaluation.machine import provenance

__all__ = [
    "Evaluation",
    "InstanceTable",
    "Interval",
    "evaluate",
    "evaluate_instances",
    "expected_calibration_error",
    "first_instance_ceiling",
    "provenance",
]
