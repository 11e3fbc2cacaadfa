"""Evaluations as JSON records, how they are written, and how stored figures are read."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quickstudy.core import Learner
from quickstudy.evaluation import (
    LEVELS,
    Evaluation,
    FunctionEvaluation,
    InstanceTable,
    first_instance_ceiling,
)
from quickstudy.tasks import CompletionLayout, PointLayout, SequenceLayout
from quickstudy.tasks.series import SeriesLayout


def json_text(value: Any, *, indent: int | None = 2, ensure_ascii: bool = True) -> str:
    """Strict JSON. A number that is not finite becomes null, because JSON has no word for it.

    Args:
        value: The value.
        indent: Spaces of indentation; None writes one line.
        ensure_ascii: Write all other characters as escapes.
    """
    return json.dumps(_finite(value), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write JSON into a file, whose folder is made if it does not exist.

    Args:
        path: The file.
        value: A record, or a list of records.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json_text(value, ensure_ascii=False) + "\n", encoding="utf-8")


def evaluation_record(evaluation: Evaluation, name: str, seed: int, *, is_transductive: bool) -> dict[str, Any]:
    """What `--json` prints of an evaluation, without the protocol's own options.

    Args:
        evaluation: The figures.
        name: Name of the recipe.
        seed: The seed that decided the tasks.
        is_transductive: Whether the learner used a task's queries together.
    """
    return {
        "learner": name,
        "accuracy": evaluation.accuracy.record(),
        "accuracy_by_shots": {str(shots): each.record() for shots, each in evaluation.by_shots.items()} or None,
        "negative_log_likelihood": evaluation.negative_log_likelihood,
        "calibration_error": evaluation.calibration_error,
        "tasks": evaluation.tasks,
        "seed": seed,
        "transductive": is_transductive,
    }


def instances_record(
    table: InstanceTable, learner: Learner, name: str, seed: int, layout: SequenceLayout
) -> dict[str, Any]:
    """What `--json` prints of an accuracy by instance, over sequences of a fixed number of classes.

    Args:
        table: The figures.
        learner: The learner.
        name: Name of the recipe.
        seed: The seed that decided the sequences.
        layout: How the sequences are made.
    """
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


def functions_records(
    measured: Sequence[tuple[str, FunctionEvaluation, PointLayout | CompletionLayout | SeriesLayout | None]],
    learner: Learner,
    name: str,
    seed: int,
) -> list[dict[str, Any]]:
    """The same of values of functions, a record for each setting; likelihoods in nats a query.

    Args:
        measured: For each setting its title, its figures, and where the points are if that is known.
        learner: What was measured.
        name: Name of the recipe.
        seed: The seed that decided the tasks.
    """
    return [
        {
            "setting": title,
            "learner": name,
            **_figures(evaluation),
            **_points(layout),
            "tasks": evaluation.tasks,
            "seed": seed,
            "transductive": learner.is_transductive,
        }
        for title, evaluation, layout in measured
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


def _points(layout: PointLayout | CompletionLayout | SeriesLayout | None) -> dict[str, Any]:
    """How many points there are and where; nothing where tasks are made in another way."""
    counts = {name: getattr(layout, name) for name in _COUNTS if hasattr(layout, name)}
    if not isinstance(layout, PointLayout):
        return counts
    within = layout.low, layout.high
    return {**counts, "range": within, "query_range": layout.query_range or within}


_COUNTS = ("support", "queries", "predicts_support", "order")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def number(value: float | None, digits: int, times: float = 1) -> str:
    """A stored figure as text: a dash where it is null.

    Args:
        value: The figure.
        digits: Digits behind the point.
        times: What to multiply it by, such as 100 for percent.
    """
    return "–" if value is None else f"{times * value:.{digits}f}"


def interval_text(found: Mapping[str, float | None], digits: int, times: float = 1) -> str:
    """A stored mean with its interval as text, or the mean alone if there is no interval.

    Args:
        found: Mean and interval as `Interval.record` stores them.
        digits: Digits behind the point.
        times: What to multiply the numbers by, such as 100 for percent.
    """
    mean = number(found["mean"], digits, times)
    return mean if found["interval95"] is None else f"{mean} ± {number(found['interval95'], digits, times)}"


def spread(values: Sequence[float]) -> dict[str, float]:
    """The lowest value, the median and the highest, by name.

    Args:
        values: The values.
    """
    return {"minimum": min(values), "median": statistics.median(values), "maximum": max(values)}


def ratio_text(values: Mapping[str, float]) -> str:
    """A spread of ratios as text.

    Args:
        values: What `spread` returned.
    """
    digits = 1 if values["median"] >= 10 else 2
    low, middle, high = (f"{values[name]:.{digits}f}" for name in ("minimum", "median", "maximum"))
    return f"{middle} × ({low} to {high})"
