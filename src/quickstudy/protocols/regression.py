"""Values of functions: at which points a learner is evaluated, and how likely it finds the true values."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Experiment, Learner, TaskDistribution, UserError
from quickstudy.evaluation import FunctionEvaluation, evaluate_functions, provenance
from quickstudy.protocols.measuring import Progress, memory_refused_clearly, shown_by
from quickstudy.protocols.records import functions_records
from quickstudy.protocols.regression_comparisons import Compared, compared, compared_records
from quickstudy.protocols.weights import Weights
from quickstudy.tasks import Completion, CompletionLayout, Functions, Mixture, PointLayout
from quickstudy.tasks.sampling import highest, lowest
from quickstudy.tasks.series import SeriesLayout, SeriesPoints

_SIZES = 6
"""Numbers of support points in the test at the end of a training."""
_POINTS = re.compile(r"(^|, )\d+ to \d+ points$")
"""How titles end that say how many points are given."""


@dataclass(frozen=True, kw_only=True)
class PointOptions:
    """Points of the functions, where they differ from those of the recipe's tests."""

    support: tuple[int, ...] = ()
    """Numbers of given points. The table has a row for each."""
    range: tuple[float, float] | None = None
    """Lowest and highest place of all points, for example outside the range of the training."""
    query_range: tuple[float, float] | None = None
    """Lowest and highest place of the queries only."""


@dataclass(frozen=True, kw_only=True)
class RegressionOptions:
    """On which functions to evaluate, and how."""

    points: PointOptions = field(default_factory=PointOptions)
    """At which points, where that differs from the recipe's tests."""
    tasks: int = 1000
    """Tasks of each setting."""
    seed: int = 0
    """Seed of the tasks. With the same seed, all learners get the same tasks."""
    data_root: Path | None = None
    """Folder with the data sets, for learners of images."""
    device: str = "cpu"
    """Device to compute on, as torch names it."""


Layout = PointLayout | CompletionLayout | SeriesLayout


class Setting(NamedTuple):
    """Functions to evaluate on."""

    title: str
    """Title of the row."""
    test: str
    """Which of the experiment's tests it is made of."""
    tasks: TaskDistribution
    """Distribution of the functions."""


class Measured(NamedTuple):
    """The figures of one setting."""

    setting: Setting
    """What was evaluated on."""
    evaluation: FunctionEvaluation
    """The figures."""

    @property
    def layout(self) -> Layout | None:
        """How many points there are and where; None if the tasks have no such layout."""
        return layout_of(self.setting.tasks)


@dataclass(frozen=True)
class RegressionResult:
    """What was measured."""

    weights: Weights
    """What was measured."""
    options: RegressionOptions
    """At which points, and how."""
    measured: Sequence[Measured]
    """The figures of each setting."""
    compared: Sequence[Compared] = ()
    """The figures of what the recipe compares its learner with, if it does."""

    @property
    def rows(self) -> dict[str, FunctionEvaluation]:
        """The rows of the table, by title."""
        return with_compared(self.measured, self.compared)

    @property
    def title(self) -> str:
        """Which weights, and where the points were if the options said so."""
        points = self.options.points
        chosen = (("from", points.range), ("queries from", points.query_range))
        where = "".join(f", {word} {ends[0]:g} to {ends[1]:g}" for word, ends in chosen if ends is not None)
        return f"{self.weights.name} on functions it has never seen{where}"

    def record(self) -> dict[str, Any]:
        """The figures with the protocol that gave them and where they were made, for JSON."""
        options, weights = self.options, self.weights
        beside = compared_records(self.compared, weights.learner, options.seed)
        return {
            "learner": weights.recipe,
            "test": functions_records(
                [(each.setting.title, each.evaluation, each.layout) for each in self.measured],
                weights.learner,
                weights.recipe,
                options.seed,
            ),
            **({"compared_with": beside} if beside else {}),
            "tasks": options.tasks,
            "seed": options.seed,
            "device": options.device,
            "weights": weights.name,
            **provenance(),
        }


def measure_regression(
    weights: Weights, options: RegressionOptions, progress: Progress | None = None
) -> RegressionResult:
    """Likelihood, squared error and coverage on the functions that the recipe is tested on.

    Args:
        weights: What to measure; its learner predicts values.
        options: At which points, and how.
        progress: Called with the setting and the number of tasks that are done.

    Raises:
        UserError: if the options do not fit the tests, or the test has pictures that the weights were trained on.
    """
    weights.refuse_pictures(options.data_root)
    learner = weights.learner.to(options.device)
    with memory_refused_clearly():
        rows = settings(weights.experiment, options.points, options.data_root, options.device)
        found = evaluated(learner, rows, options.tasks, options.seed, progress)
        tests = {row.title: row.tasks for row in rows}
        others = compared(weights.experiment, tests, options.tasks, options.seed, options.data_root, progress)
        return RegressionResult(weights, options, found, others)


def with_compared(measured: Sequence[Measured], others: Sequence[Compared]) -> dict[str, FunctionEvaluation]:
    """The rows of a table, by title: each setting, and below it what else answered its tasks.

    Args:
        measured: The figures of the learner.
        others: Those of what it is compared with.
    """
    rows = {}
    for each in measured:
        rows[each.setting.title] = each.evaluation
        rows |= {other.title: other.evaluation for other in others if other.test == each.setting.title}
    return rows


def layout_of(tasks: object) -> Layout | None:
    """How many points there are and where; None if the tasks are made in another way.

    Args:
        tasks: A distribution of tasks.
    """
    return tasks.layout if isinstance(tasks, Functions | Completion | Mixture | SeriesPoints) else None


def settings(
    experiment: Experiment, options: PointOptions, data_root: Path | None = None, device: str = "cpu"
) -> list[Setting]:
    """The experiment's tests, at the points that the options choose.

    Args:
        experiment: The experiment.
        options: At which points.
        data_root: Folder of the data sets.
        device: Where tasks are drawn.

    Raises:
        UserError: if the options choose points and a test draws none, or a range is not of finite numbers.
    """
    for option, ends in (("--range", options.range), ("--query-range", options.query_range)):
        if ends is not None and not all(map(math.isfinite, ends)):
            raise UserError(f"{option} {ends[0]:g} {ends[1]:g} was given, but two finite numbers were expected.")
    moved = [
        Setting(title, title, _moved(title, source(data_root).to(device), options))
        for title, source in experiment.test.items()
    ]
    rows = [row for count in options.support for row in _given(moved, count)]
    return rows if options.support else moved


def _given(moved: Sequence[Setting], count: int) -> list[Setting]:
    """Every test with so many points given; tests that differed by that alone are one and the same now."""
    rows: list[Setting] = []
    for title, test, tasks in moved:
        # The title may say how many points are given, which is no longer true.
        kind = _POINTS.sub("", title)
        row = Setting(f"{kind}, {count} given" if kind else f"{count} given", test, _with(test, tasks, support=count))
        if not any(_are_alike(row.tasks, other.tasks) for other in rows):
            rows.append(row)
    return rows if len(rows) > 1 else [row._replace(title=f"{count} given") for row in rows]


def evaluated(
    learner: Learner, rows: Sequence[Setting], num_tasks: int, seed: int, progress: Progress | None = None
) -> list[Measured]:
    """Figures of the learner on each setting, all with the same seed.

    Args:
        learner: The learner.
        rows: The settings.
        num_tasks: Tasks of each setting.
        seed: Decides the tasks.
        progress: Called with the title and the number of tasks that are done.
    """
    return [
        Measured(row, evaluate_functions(learner, row.tasks, num_tasks, seed, shown_by(progress, row.title)))
        for row in rows
    ]


def by_support(experiment: Experiment, data_root: Path | None) -> list[Setting]:
    """The first test with several numbers of given points, from the fewest of the training to the most.

    It is empty if the number is fixed, and for images, whose tests vary the number of pixels already.

    Args:
        experiment: The experiment.
        data_root: Folder of the data sets.
    """
    layout, tested = layout_of(experiment.train(data_root)), layout_of(next(iter(experiment.test.values()))(data_root))
    if not (isinstance(layout, PointLayout) and isinstance(tested, PointLayout)):
        return []
    if lowest(layout.support) == highest(layout.support):
        return []
    sizes = torch.linspace(lowest(layout.support), highest(layout.support), _SIZES).round().int().unique()
    rows = settings(experiment, PointOptions(support=tuple(sizes.tolist())), data_root)
    return [row for row in rows if row.test == rows[0].test]


def _moved(title: str, tasks: TaskDistribution, options: PointOptions) -> TaskDistribution:
    if options.range is not None:
        tasks = _with(title, tasks, low=options.range[0], high=options.range[1])
    return tasks if options.query_range is None else _with(title, tasks, query_range=options.query_range)


def _with(title: str, tasks: TaskDistribution, **changes: object) -> TaskDistribution:
    layout: Any = layout_of(tasks)
    if not (hasattr(tasks, "with_layout") and set(changes) <= set(getattr(layout, "_fields", ()))):
        option = next(_OPTIONS[name] for name in changes)
        raise UserError(
            f"{option} was given, but the test '{title}' is of {type(tasks).__name__}, where it means nothing. "
            "Leave it out."
        )
    found: Any = tasks
    moved: TaskDistribution = found.with_layout(layout._replace(**changes))
    return moved


_OPTIONS = {"support": "--support", "low": "--range", "query_range": "--query-range"}


def _are_alike(one: TaskDistribution, other: TaskDistribution) -> bool:
    """Whether two distributions are of the same tasks."""
    ours, theirs = vars(one), vars(other)
    return type(one) is type(other) and all(_are_equal(value, theirs[name]) for name, value in ours.items())


def _are_equal(one: object, other: object) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one == other
