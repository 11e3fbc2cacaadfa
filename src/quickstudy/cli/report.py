"""An evaluation as a record: the figures with the protocol they were made by."""

from typing import Any

from quickstudy.core import Learner
from quickstudy.evaluation import Evaluation


def evaluation_record(evaluation: Evaluation, learner: Learner, name: str, seed: int) -> dict[str, Any]:
    """What `--json` prints of an evaluation, without the protocol's own options."""
    return {
        "learner": name,
        "accuracy": {"mean": evaluation.accuracy.mean, "interval95": evaluation.accuracy.interval95},
        "negative_log_likelihood": evaluation.negative_log_likelihood,
        "calibration_error": evaluation.calibration_error,
        "tasks": evaluation.tasks,
        "seed": seed,
        "transductive": learner.is_transductive,
    }
