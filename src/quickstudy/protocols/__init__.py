"""How each kind of learner is measured: a protocol takes weights and options, and gives a typed result.

Every result has a `record()` for JSON. `quickstudy evaluate` and the benchmarks call the same functions.
"""

from quickstudy.protocols.calibrating import CalibrationOptions, CalibrationResult, calibrate
from quickstudy.protocols.completion_errors import CompletionOptions, CompletionResult, measure_completion
from quickstudy.protocols.few_shot import FewShotOptions, FewShotResult, measure_few_shot
from quickstudy.protocols.final_test import FinalResult, FinalTest
from quickstudy.protocols.measuring import Progress
from quickstudy.protocols.regression import PointOptions, RegressionOptions, RegressionResult, measure_regression
from quickstudy.protocols.sequence_accuracy import SequenceOptions, SequenceResult, measure_sequences
from quickstudy.protocols.weights import Weights, open_weights

__all__ = [
    "CalibrationOptions",
    "CalibrationResult",
    "CompletionOptions",
    "CompletionResult",
    "FewShotOptions",
    "FewShotResult",
    "FinalResult",
    "FinalTest",
    "PointOptions",
    "Progress",
    "RegressionOptions",
    "RegressionResult",
    "SequenceOptions",
    "SequenceResult",
    "Weights",
    "calibrate",
    "measure_completion",
    "measure_few_shot",
    "measure_regression",
    "measure_sequences",
    "open_weights",
]
