"""Calibration of a classifier: fitted on classes that neither made nor test the weights, measured on test classes.

Half of the classes of a drawn task have no support example. Their queries are of "none of these" classes.

Letters: B queries of any task, T tasks, N ways.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core import CalibratedSetting, Calibration, Learner, Tasks, TaskSource, UserError
from quickstudy.core.calibrated import Score, class_means, log_probabilities, score_of_distance, scores_of_logits
from quickstudy.evaluation import Interval, expected_calibration_error, provenance
from quickstudy.evaluation.answering import TASKS_AT_ONCE, asking
from quickstudy.evaluation.encoding_once import encoding_once
from quickstudy.evaluation.fitting import (
    area_under_roc,
    equal_error_threshold,
    fitted_temperature,
    lowest_for_coverage,
    resampled,
)
from quickstudy.protocols.image_tasks import free_source, omniglot_source
from quickstudy.protocols.weights import Weights, answering_one_by_one
from quickstudy.sources import Split
from quickstudy.tasks import Layout
from quickstudy.tasks.sampling import highest

COVERAGES = (0.8, 0.9, 0.95)
SETTINGS = ((5, 1), (5, 5), (20, 1), (20, 5))


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions:
    """On which tasks to calibrate and to measure."""

    split: Split = "vinyals"
    """Whose test classes give the figures. Nothing is fitted on them."""
    tasks: int = 300
    """Tasks of each setting to fit on."""
    test_tasks: int = 200
    """Tasks of each setting to measure on."""
    queries: int = 5
    """Queries of each class."""
    seed: int = 0
    """Decides the tasks."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


class Answered(NamedTuple):
    """What a learner answered to the queries of many tasks of one setting."""

    tasks: int
    """How many tasks. The queries (B,) of a task follow each other, and all tasks have as many."""
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
        names = ("split", "tasks", "test_tasks", "queries", "seed")
        options = {name: getattr(self.options, name) for name in names}
        about = {"weights": self.weights.name, "recipe": self.weights.recipe, "trained_on": self.weights.trained_on}
        fitted = list(self.calibration.to_json())
        return {**about, **options, "fitted": fitted, "test": list(self.measured), **provenance()}


def calibrate(
    weights: Weights,
    options: CalibrationOptions,
    settings: Sequence[tuple[int, int]] = SETTINGS,
    say: Callable[[str], object] = print,
) -> CalibrationResult:
    """Fit a calibration on free classes, and measure it on test classes.

    Learners that can answer each query by itself do so.

    Args:
        weights: A classifier of images.
        options: On which tasks.
        settings: Ways and shots. A setting that the learner refuses is left out.
        say: Called with a message for each setting.

    Raises:
        UserError: if the weights predict no classes, were trained on the test classes, or refuse all settings.
    """
    if weights.experiment.validate_by == "functions" or weights.labels == "strings":
        raise UserError(f"'{weights.name}' does not name classes by index, so it cannot be calibrated.")
    weights.refuse_classes(options.split, "test")
    fitted, measured = [], []
    with encoding_once(weights.learner):
        for ways, shots in settings:
            layout = Layout(2 * ways, shots, options.queries)
            data, classes, free = free_source(weights, options.split, layout)
            try:
                found = fitted_on(answers(weights, free, layout, options.tasks, options), data, classes)
            except UserError as refusal:
                say(f"{weights.name} {ways}-way {shots}-shot: {refusal}")
                continue
            test = _test_source(weights, options.split, layout)
            figures = measured_on(answers(weights, test, layout, options.test_tasks, options), found)
            fitted.append(found)
            measured.append(figures)
            error = 100 * figures["calibration_error"]["mean"]
            say(
                f"{weights.name} {ways}-way {shots}-shot, fitted on {classes} classes of {data}: "
                f"temperature {found.temperature:.3f}, calibration error {error:.2f} %"
            )
    if not fitted:
        raise UserError(f"'{weights.name}' refuses all settings, so it cannot be calibrated.")
    return CalibrationResult(weights, options, Calibration(tuple(fitted)), tuple(measured))


@torch.no_grad()
def answers(
    weights: Weights, source: TaskSource, layout: Layout, num_tasks: int, options: CalibrationOptions
) -> Answered:
    """The logits of all queries of one setting.

    Args:
        weights: A classifier of images.
        source: The tasks.
        layout: Of the tasks. They have examples of half of their classes.
        num_tasks: How many tasks.
        options: The seed and the folder of the data.

    Raises:
        UserError: if the learner refuses the setting.
    """
    tasks: Any = source(options.data_root)
    ways, shots = highest(layout.ways) // 2, highest(layout.shots)
    generator = torch.Generator().manual_seed(options.seed)
    logits, labels, scores = [], [], []
    with answering_one_by_one(weights, weights.learner.is_transductive) as learner, asking(learner):
        for start in range(0, num_tasks, TASKS_AT_ONCE):
            drawn: Tasks = tasks.sample(min(TASKS_AT_ONCE, num_tasks - start), generator)
            for place in range(len(drawn.query_y)):  # One by one: long sequences take much memory.
                one = Tasks(*(values[place : place + 1] for values in drawn[:4]))
                logits_BN, scores_B = _answers(learner, one, ways)
                logits.append(logits_BN)
                scores.append(scores_B)
                labels.append(one.query_y.flatten())
    logits_BN, labels_B = torch.cat(logits), torch.cat(labels)
    is_known_B = labels_B < ways
    joined = {name: torch.cat([each[name] for each in scores]) for name in scores[0]}
    known, unknown = ({name: each[chosen] for name, each in joined.items()} for chosen in (is_known_B, ~is_known_B))
    return Answered(num_tasks, ways, shots, logits_BN[is_known_B], labels_B[is_known_B], known, unknown)


def fitted_on(answered: Answered, data: str, classes: int) -> CalibratedSetting:
    """The calibration of one setting.

    Args:
        answered: What the learner answered on free classes.
        data: The data set that these classes are from.
        classes: How many there are.
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
        data=data,
        classes=classes,
        tasks=answered.tasks,
    )


def measured_on(answered: Answered, setting: CalibratedSetting) -> dict[str, Any]:
    """Figures of a calibration, with 95 % intervals over tasks.

    Args:
        answered: What the learner answered on test classes.
        setting: What was fitted.
    """
    num_tasks = answered.tasks
    before, after = Categorical(logits=answered.known_BN), setting.calibrated(Categorical(logits=answered.known_BN))
    known, unknown = (scores[setting.score].view(num_tasks, -1) for scores in (answered.known, answered.unknown))
    is_correct_B = answered.known_BN.argmax(dim=1) == answered.labels_B
    sets = {str(each): setting.sets(before, each) for each in COVERAGES}
    covered = {key: each.gather(1, answered.labels_B[:, None]).squeeze(1) for key, each in sets.items()}

    def over_tasks(values_B: Tensor) -> dict[str, float | None]:
        return Interval.over(values_B.double().view(num_tasks, -1).mean(dim=1)).record()

    def error(prediction: Categorical) -> dict[str, float | None]:
        confidence_TQ = prediction.probs.amax(dim=1).view(num_tasks, -1)
        is_correct_TQ = is_correct_B.view(num_tasks, -1)
        return resampled(
            lambda confidence, is_correct: expected_calibration_error(confidence.flatten(), is_correct.flatten()),
            confidence_TQ,
            is_correct_TQ,
        )

    return {
        "ways": answered.ways,
        "shots": answered.shots,
        "tasks": num_tasks,
        "queries": len(is_correct_B),
        "accuracy": over_tasks(is_correct_B),
        "calibration_error_before": error(before),
        "calibration_error": error(after),
        "score": setting.score,
        "auroc": resampled(lambda *parts: area_under_roc(*map(torch.flatten, parts)), known, unknown),
        "known_refused": over_tasks(known < setting.lowest_known_score),
        "unknown_refused": over_tasks(unknown < setting.lowest_known_score),
        "coverage": {key: over_tasks(each) for key, each in covered.items()},
        "set_size": {key: float(each.sum(dim=1).double().mean()) for key, each in sets.items()},
    }


def _test_source(weights: Weights, split: Split, layout: Layout) -> TaskSource:
    return omniglot_source(weights, split, "test", layout, within_alphabet=False, rotated=False, size=None)


def _answers(learner: Learner, tasks: Tasks, ways: int) -> tuple[Tensor, dict[Score, Tensor]]:
    """Logits of all queries (B, N) and their scores (B,), after reading the support of the first classes alone."""
    is_read_TS = tasks.support_y < ways
    support_x, support_y = (
        values[is_read_TS].unflatten(0, (len(values), -1)) for values in (tasks.support_x, tasks.support_y)
    )
    prediction = learner.predict(learner.adapt(support_x, support_y), tasks.query_x)
    if not isinstance(prediction, Categorical):
        raise UserError(f"A {type(prediction).__name__} was predicted, but classes are calibrated.")
    scores = {name: each.flatten() for name, each in scores_of_logits(prediction.logits).items()}
    if hasattr(learner, "encoder"):
        scores["distance"] = score_of_distance(
            learner, class_means(learner, support_x, support_y), tasks.query_x
        ).flatten()
    return prediction.logits[..., :ways].flatten(0, 1), scores
