"""Evaluations as records: the figures with the protocol they were made by."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from quickstudy.cli.functions import Layout, Measured
from quickstudy.core import Learner
from quickstudy.evaluation import (
    LEVELS,
    Evaluation,
    FunctionEvaluation,
    InstanceTable,
    first_instance_ceiling,
)
from quickstudy.tasks import PointLayout, SequenceLayout


def json_text(value: Any, *, indent: int | None = 2, ensure_ascii: bool = True) -> str:
    """Strict JSON: a number that is not finite, for which JSON has no word, is null."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)


def evaluation_record(evaluation: Evaluation, learner: Learner, name: str, seed: int) -> dict[str, Any]:
    """What `--json` prints of an evaluation, without the protocol's own options."""
    return {
        "learner": name,
        "accuracy": evaluation.accuracy.record(),
        "accuracy_by_shots": {str(shots): each.record() for shots, each in evaluation.by_shots.items()} or None,
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
        "accuracy_by_instance": [accuracy.record() for accuracy in table.accuracy],
        "accuracy_after_first": table.after_first.record(),
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
        "log_likelihood": row.log_likelihood.record(),
        "oracle": None if row.oracle is None else row.oracle.record(),
        "prior": None if row.prior is None else row.prior.record(),
        "share_closed": row.closed,
        "squared_error": row.squared_error.record(),
        "coverage": None if covered is None else {level: share.mean for level, share in covered.items()},
        "coverage90": None if row.coverage90 is None else row.coverage90.record(),
    }


def _points(layout: Layout | None) -> dict[str, Any]:
    """How many points there are and where; nothing where tasks are made in another way."""
    counts = {name: getattr(layout, name) for name in _COUNTS if hasattr(layout, name)}
    if not isinstance(layout, PointLayout):
        return counts
    within = layout.low, layout.high
    return {**counts, "range": within, "query_range": layout.asked or within}


_COUNTS = ("support", "queries", "predicts_support", "order")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
