"""Evaluations as records: the figures with the protocol they were made by."""

from collections.abc import Mapping
from typing import Any

from quickstudy.core import Learner
from quickstudy.evaluation import Evaluation, FunctionEvaluation, InstanceTable, Interval, first_instance_ceiling
from quickstudy.tasks import SequenceLayout


def evaluation_record(evaluation: Evaluation, learner: Learner, name: str, seed: int) -> dict[str, Any]:
    """What `--json` prints of an evaluation, without the protocol's own options."""
    return {
        "learner": name,
        "accuracy": _interval(evaluation.accuracy),
        "negative_log_likelihood": evaluation.negative_log_likelihood,
        "calibration_error": evaluation.calibration_error,
        "tasks": evaluation.tasks,
        "seed": seed,
        "transductive": learner.is_transductive,
    }


def instances_record(
    table: InstanceTable, learner: Learner, name: str, seed: int, layout: SequenceLayout
) -> dict[str, Any]:
    """The same of an accuracy by instance, over sequences of a fixed number of classes."""
    assert isinstance(layout.classes, int)
    has_strings = layout.labels == "strings"
    return {
        "learner": name,
        "accuracy_by_instance": [_interval(accuracy) for accuracy in table.accuracy],
        "accuracy_after_first": _interval(table.after_first),
        "first_instance_ceiling": first_instance_ceiling(layout.classes, labels_are_strings=has_strings),
        "classes": layout.classes,
        "sequences": table.sequences,
        "seed": seed,
        "transductive": learner.is_transductive,
    }


def functions_records(
    rows: Mapping[str, FunctionEvaluation], learner: Learner, name: str, seed: int
) -> list[dict[str, Any]]:
    """The same of values predicted, a record for each setting; likelihoods in nats a query."""
    return [
        {
            "setting": title,
            "learner": name,
            "log_likelihood": _interval(row.log_likelihood),
            "oracle_log_likelihood": None if row.oracle is None else _interval(row.oracle),
            "prior_log_likelihood": None if row.prior is None else _interval(row.prior),
            "share_closed": row.closed,
            "squared_error": _interval(row.squared_error),
            "coverage90": None if row.coverage90 is None else _interval(row.coverage90),
            "tasks": row.tasks,
            "seed": seed,
            "transductive": learner.is_transductive,
        }
        for title, row in rows.items()
    ]


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "interval95": interval.interval95}
