"""Calibration of a classifier: fitted on validation classes, measured on test classes.

Half of the classes of a drawn task have no support example. Their queries are of "none of these" classes.

Letters: B queries of any task, N ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core import CalibratedSetting, Calibration, Learner, Tasks, UserError
from quickstudy.core.calibrated import Score, log_probabilities, score_of_distance, score_of_logits
from quickstudy.evaluation import expected_calibration_error, provenance
from quickstudy.evaluation.answering import TASKS_AT_ONCE, asking
from quickstudy.evaluation.fitting import (
    area_under_roc,
    equal_error_threshold,
    fitted_temperature,
    lowest_for_coverage,
)
from quickstudy.protocols.image_tasks import omniglot_source
from quickstudy.protocols.weights import Weights, answering_one_by_one
from quickstudy.sources import Part, Split
from quickstudy.tasks import Layout

COVERAGES = (0.8, 0.9, 0.95)
SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions:
    """On which tasks to calibrate and to measure."""

    split: Split = "lake"
    """Which Omniglot characters are for validation and for test."""
    tasks: int = 100
    """Tasks of each setting."""
    queries: int = 5
    """Queries of each class."""
    seed: int = 0
    """Decides the tasks."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


class Answered(NamedTuple):
    """What a learner answered to the queries of many tasks of one setting."""

    ways: int
    """Classes that a task has examples of."""
    shots: int
    """Support examples of each class."""
    known_BN: Tensor
    """Logits for the queries of the task's classes."""
    labels_B: Tensor
    """The true classes of these queries."""
    known: Mapping[Score, Tensor]
    """Scores (B,) of these queries."""
    unknown: Mapping[Score, Tensor]
    """Scores of the queries of other classes."""


@dataclass(frozen=True)
class CalibrationResult:
    """What was fitted, and what it gives on test classes."""

    weights: Weights
    """The weights that were calibrated."""
    options: CalibrationOptions
    """On which tasks."""
    calibration: Calibration
    """What was fitted."""
    measured: tuple[dict[str, Any], ...]
    """Figures of each setting."""

    def record(self) -> dict[str, Any]:
        """The figures with the protocol that gave them and where they were made, for JSON."""
        options = {name: getattr(self.options, name) for name in ("split", "tasks", "queries", "seed")}
        about = {"weights": self.weights.name, "recipe": self.weights.recipe, "trained_on": self.weights.trained_on}
        fitted = list(self.calibration.to_json())
        return {**about, **options, "fitted": fitted, "test": list(self.measured), **provenance()}


def calibrate(
    weights: Weights,
    options: CalibrationOptions,
    settings: Sequence[tuple[int, int]] = SETTINGS,
    say: Callable[[str], object] = print,
) -> CalibrationResult:
    """Fit a calibration on validation classes, and measure it on test classes.

    Learners that can answer each query by itself do so.

    Args:
        weights: A classifier of images.
        options: On which tasks.
        settings: Ways and shots. A setting that the learner refuses is left out.
        say: Called with a message for each setting.

    Raises:
        UserError: if the weights predict no classes, were trained on these classes, or refuse all settings.
    """
    if weights.experiment.validate_by == "functions" or weights.labels == "strings":
        raise UserError(f"'{weights.name}' does not name classes by index, so it cannot be calibrated.")
    fitted, measured = [], []
    for ways, shots in settings:
        try:
            found = fitted_on(answers(weights, "validation", ways, shots, options))
        except UserError as error:
            say(f"{weights.name} {ways}-way {shots}-shot: {error}")
            continue
        figures = measured_on(answers(weights, "test", ways, shots, options), found)
        fitted.append(found)
        measured.append(figures)
        say(f"{weights.name} {ways}-way {shots}-shot: temperature {found.temperature:.3f}")
    if not fitted:
        raise UserError(f"'{weights.name}' refuses all settings, so it cannot be calibrated.")
    return CalibrationResult(weights, options, Calibration(tuple(fitted)), tuple(measured))


@torch.no_grad()
def answers(weights: Weights, part: Part, ways: int, shots: int, options: CalibrationOptions) -> Answered:
    """The logits of all queries of one setting.

    Args:
        weights: A classifier of images.
        part: The classes to draw from.
        ways: Classes that a task has examples of. A task has queries of as many others.
        shots: Support examples of each class.
        options: On which tasks.

    Raises:
        UserError: if the learner refuses the setting.
    """
    layout = Layout(2 * ways, shots, options.queries)
    source = omniglot_source(weights, options.split, part, layout, within_alphabet=False, rotated=False, size=None)
    tasks: Any = source(options.data_root)
    generator = torch.Generator().manual_seed(options.seed)
    logits, labels, scores = [], [], []
    with answering_one_by_one(weights, weights.learner.is_transductive) as learner, asking(learner):
        for start in range(0, options.tasks, TASKS_AT_ONCE):
            drawn: Tasks = tasks.sample(min(TASKS_AT_ONCE, options.tasks - start), generator)
            logits_BN, scores_B = _answers(learner, drawn, ways)
            logits.append(logits_BN)
            scores.append(scores_B)
            labels.append(drawn.query_y.flatten())
    logits_BN, labels_B = torch.cat(logits), torch.cat(labels)
    is_known_B = labels_B < ways
    joined = {name: torch.cat([each[name] for each in scores]) for name in scores[0]}
    known, unknown = ({name: each[chosen] for name, each in joined.items()} for chosen in (is_known_B, ~is_known_B))
    return Answered(ways, shots, logits_BN[is_known_B], labels_B[is_known_B], known, unknown)


def fitted_on(answered: Answered) -> CalibratedSetting:
    """The calibration of one setting.

    Args:
        answered: What the learner answered on validation classes.
    """
    temperature = fitted_temperature(answered.known_BN, answered.labels_B)
    of_true_B = log_probabilities(answered.known_BN, temperature).gather(1, answered.labels_B[:, None]).squeeze(1)
    areas = {name: area_under_roc(answered.known[name], answered.unknown[name]) for name in answered.known}
    score = max(areas, key=lambda name: areas[name])
    return CalibratedSetting(
        ways=answered.ways,
        shots=answered.shots,
        temperature=temperature,
        score=score,
        lowest_known_score=equal_error_threshold(answered.known[score], answered.unknown[score]),
        lowest_log_probabilities={str(each): lowest_for_coverage(of_true_B, each) for each in COVERAGES},
    )


def measured_on(answered: Answered, setting: CalibratedSetting) -> dict[str, Any]:
    """Figures of a calibration.

    Args:
        answered: What the learner answered on test classes.
        setting: What was fitted.
    """
    prediction = Categorical(logits=answered.known_BN)
    known, unknown = answered.known[setting.score], answered.unknown[setting.score]
    is_correct_B = answered.known_BN.argmax(dim=1) == answered.labels_B
    of_true = answered.labels_B[:, None]
    sets = {str(each): setting.sets(prediction, each) for each in COVERAGES}
    return {
        "ways": answered.ways,
        "shots": answered.shots,
        "queries": len(is_correct_B),
        "accuracy": float(is_correct_B.double().mean()),
        "calibration_error_before": _error(prediction, is_correct_B),
        "calibration_error": _error(setting.calibrated(prediction), is_correct_B),
        "score": setting.score,
        "auroc": area_under_roc(known, unknown),
        "known_refused": float((known < setting.lowest_known_score).double().mean()),
        "unknown_refused": float((unknown < setting.lowest_known_score).double().mean()),
        "coverage": {key: float(each.gather(1, of_true).double().mean()) for key, each in sets.items()},
        "set_size": {key: float(each.sum(dim=1).double().mean()) for key, each in sets.items()},
    }


def _error(prediction: Categorical, is_correct_B: Tensor) -> float:
    return expected_calibration_error(prediction.probs.amax(dim=1), is_correct_B)


def _answers(learner: Learner, tasks: Tasks, ways: int) -> tuple[Tensor, dict[Score, Tensor]]:
    """Logits of all queries (B, N) and their scores (B,), after reading the support of the first classes alone."""
    is_read_TS = tasks.support_y < ways
    support_x, support_y = (
        values[is_read_TS].unflatten(0, (len(values), -1)) for values in (tasks.support_x, tasks.support_y)
    )
    prediction = learner.predict(learner.adapt(support_x, support_y), tasks.query_x)
    if not isinstance(prediction, Categorical):
        raise UserError(f"A {type(prediction).__name__} was predicted, but classes are calibrated.")
    scores: dict[Score, Tensor] = {"logits": score_of_logits(prediction.logits).flatten()}
    if hasattr(learner, "encoder"):
        scores["distance"] = score_of_distance(learner, support_x, support_y, tasks.query_x).flatten()
    return prediction.logits[..., :ways].flatten(0, 1), scores
