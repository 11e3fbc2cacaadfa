"""Evaluations as records: the figures with the protocol they were made by."""

from collections.abc import Sequence
from typing import Any

from quickstudy.cli.functions import Layout, Measured
from quickstudy.core import Learner
from quickstudy.evaluation import (
    LEVELS,
    Evaluation,
    FunctionEvaluation,
    InstanceTable,
    Interval,
    first_instance_ceiling,
)
from quickstudy.tasks import PointLayout, SequenceLayout


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


def functions_records(measured: Sequence[Measured], learner: Learner, name: str, seed: int) -> list[dict[str, Any]]:
    """The same of values predicted, a record for each setting; likelihoods in nats a query."""
    return [
        {
            "setting": each.setting.title,
            "learner": name,
            **_figures(each.evaluation),
            **_points(each.layout),
            "tasks": each.evaluation.tasks,
            "seed": seed,
            "transductive": learner.is_transductive,
        }
        for each in measured
    ]


def _figures(row: FunctionEvaluation) -> dict[str, Any]:
    covered = None if row.coverage is None else dict(zip(map(str, LEVELS), row.coverage, strict=True))
    return {
        "log_likelihood": _interval(row.log_likelihood),
        "oracle": None if row.oracle is None else _interval(row.oracle),
        "prior": None if row.prior is None else _interval(row.prior),
        "share_closed": row.closed,
        "squared_error": _interval(row.squared_error),
        "coverage": None if covered is None else {level: share.mean for level, share in covered.items()},
        "coverage90": None if row.coverage90 is None else _interval(row.coverage90),
    }


def _points(layout: Layout | None) -> dict[str, Any]:
    """How many points there are and where; nothing where tasks are made in another way."""
    counts = {name: getattr(layout, name) for name in _COUNTS if hasattr(layout, name)}
    if not isinstance(layout, PointLayout):
        return counts
    within = layout.low, layout.high
    return {**counts, "range": within, "query_range": layout.asked or within}


_COUNTS = ("support", "queries", "asks_support", "order")


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "interval95": interval.interval95}
