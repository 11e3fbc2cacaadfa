"""How good is it? Means with intervals, likelihood, calibration, pictures."""

from quickstudy.evaluation.calibration import expected_calibration_error
from quickstudy.evaluation.evaluate import Evaluation, Interval, evaluate
from quickstudy.evaluation.machine import provenance

__all__ = ["Evaluation", "Interval", "evaluate", "expected_calibration_error", "provenance"]
