"""Learners of functions: at which points they are asked, their figures and their pictures."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from quickstudy.cli.display import EvaluationBar
from quickstudy.core import Experiment, Learner, ShowsImages, TaskDistribution, UserError
from quickstudy.evaluation import FunctionEvaluation, evaluate_functions
from quickstudy.evaluation.completions import save_completions
from quickstudy.evaluation.function_plots import save_calibration, save_functions, save_likelihoods
from quickstudy.tasks import Completion, CompletionLayout, Functions, Mixture, PointLayout
from quickstudy.tasks.sampling import highest, lowest

_SIZES = 6
"""Numbers of support points in the test at the end of a training."""
_DENSE = 200
"""Points of a drawn curve."""
_CURVES = 4
"""As many can be told apart in a picture."""
_POINTS = re.compile(r"(^|, )\d+ to \d+ points$")
"""How titles end that say how many points are given."""


@dataclass(frozen=True, kw_only=True)
class FunctionOptions:
    """At which points of a function to ask, where that differs from the recipe's tests; for learners of functions."""

    support: tuple[int, ...] = ()
    """How many points are given: a row of the table for each of these numbers."""
    range: tuple[float, float] | None = None
    """All points lie between these, such as where the training never was."""
    query_range: tuple[float, float] | None = None
    """The points asked for lie between these, those given where they usually do."""
    pictures: Path | None = None
    """Folder to leave pictures in: curves, intervals beside what lay in them, likelihood by the points given."""


Layout = PointLayout | CompletionLayout


class Setting(NamedTuple):
    """Functions to evaluate on."""

    title: str
    test: str
    """Which of the experiment's tests it is made of."""
    tasks: TaskDistribution


class Measured(NamedTuple):
    """What came out."""

    setting: Setting
    evaluation: FunctionEvaluation

    @property
    def layout(self) -> Layout | None:
        """How many points there are and where, as far as that can be told."""
        return layout_of(self.setting.tasks)


def layout_of(tasks: object) -> Layout | None:
    """How many points there are and where; None where tasks are made in another way.

    Of a mixture that of its first part, with as few points given as in any, or as many.
    """
    if isinstance(tasks, Mixture):
        parts = [part.layout for part in tasks.parts if isinstance(part, Functions)]
        supports = [part.support for part in parts]
        return parts[0]._replace(support=(min(map(lowest, supports)), max(map(highest, supports)))) if parts else None
    return tasks.layout if isinstance(tasks, Functions | Completion) else None


def given(options: FunctionOptions) -> list[str]:
    """The options that were used, as they are written."""
    return [
        f"--{each.name.replace('_', '-')}" for each in fields(options) if getattr(options, each.name) != each.default
    ]


def where(options: FunctionOptions) -> str:
    """What a title says of the places that were asked for."""
    chosen = (("from", options.range), ("asked from", options.query_range))
    return "".join(f", {word} {ends[0]:g} to {ends[1]:g}" for word, ends in chosen if ends is not None)


def settings(
    experiment: Experiment, options: FunctionOptions, data_root: Path | None = None, device: str = "cpu"
) -> list[Setting]:
    """The experiment's tests, at the points that the options ask for.

    Raises:
        UserError: if the options ask for points, and a test draws none, or for places that are nowhere.
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
        # What the title says of the number of points is true no longer.
        kind = _POINTS.sub("", title)
        row = Setting(f"{kind}, {count} given" if kind else f"{count} given", test, _with(test, tasks, support=count))
        if not any(_are_alike(row.tasks, other.tasks) for other in rows):
            rows.append(row)
    return rows if len(rows) > 1 else [row._replace(title=f"{count} given") for row in rows]


def evaluated(learner: Learner, rows: Sequence[Setting], num_tasks: int, seed: int) -> list[Measured]:
    """The learner on each of these."""
    measured = []
    for row in rows:
        with EvaluationBar(row.title, num_tasks) as bar:
            measured.append(Measured(row, evaluate_functions(learner, row.tasks, num_tasks, seed, bar.show)))
    return measured


def by_support(experiment: Experiment, data_root: Path | None) -> list[Setting]:
    """The first test with as few points given as in training, as many, and some numbers between.

    Nothing where the number is fixed, or for images, whose tests are by the pixels given already.
    """
    layout, tested = layout_of(experiment.train(data_root)), layout_of(next(iter(experiment.test.values()))(data_root))
    if not (isinstance(layout, PointLayout) and isinstance(tested, PointLayout)):
        return []
    if lowest(layout.support) == highest(layout.support):
        return []
    sizes = torch.linspace(lowest(layout.support), highest(layout.support), _SIZES).round().int().unique()
    rows = settings(experiment, FunctionOptions(support=tuple(sizes.tolist())), data_root)
    return [row for row in rows if row.test == rows[0].test]


def pictures(
    folder: Path, learner: Learner, measured: Sequence[Measured], sizes: Sequence[Measured], seed: int
) -> dict[Path, Callable[[], None]]:
    """What draws each file that can be drawn: of the measured, and of the likelihood by the number of points given."""
    drawn: dict[Path, Callable[[], None]] = {}
    first = [each.setting.tasks for each in _of_first_test(measured)]
    curves = [tasks for tasks in first if isinstance(tasks, Functions) and tasks.layout.inputs == 1]
    if curves:
        path = folder / "functions.png"
        drawn[path] = partial(save_functions, path, learner, _panels(curves), seed)
    images = measured[0].setting.tasks
    if isinstance(images, ShowsImages):
        path = folder / "completions.png"
        drawn[path] = partial(save_completions, path, learner, images, seed=seed)
    shown = measured if len(measured) <= _CURVES else _of_first_test(measured)
    calibrations = {each.setting.title: each.evaluation for each in shown if each.evaluation.coverage is not None}
    if calibrations:
        path = folder / "calibration.png"
        drawn[path] = partial(save_calibration, path, calibrations)
    by_size = {
        lowest(each.layout.support): each.evaluation for each in _of_first_test(sizes) if each.layout is not None
    }
    if len(by_size) > 1:
        path = folder / "likelihood.png"
        drawn[path] = partial(save_likelihoods, path, by_size)
    return drawn


def _panels(curves: Sequence[Functions]) -> list[Functions]:
    """Several functions of the only distribution, or one of each, evenly from the fewest points given to the most."""
    places = torch.linspace(0, len(curves) - 1, _CURVES).round().int().tolist()
    chosen = [curves[place] for place in (places if len(curves) == 1 else sorted(set(places)))]
    dense = [tasks.layout._replace(queries=_DENSE, evenly=True, predicts_support=False) for tasks in chosen]
    return [tasks.with_layout(layout) for tasks, layout in zip(chosen, dense, strict=True)]


def _of_first_test(measured: Sequence[Measured]) -> list[Measured]:
    return [each for each in measured if each.setting.test == measured[0].setting.test]


def _moved(title: str, tasks: TaskDistribution, options: FunctionOptions) -> TaskDistribution:
    if options.range is not None:
        tasks = _with(title, tasks, low=options.range[0], high=options.range[1])
    return tasks if options.query_range is None else _with(title, tasks, asked=options.query_range)


def _with(title: str, tasks: TaskDistribution, **changes: object) -> TaskDistribution:
    layout: Any = layout_of(tasks)
    if not set(changes) <= set(getattr(layout, "_fields", ())):
        option = next(_OPTIONS[name] for name in changes)
        raise UserError(
            f"{option} was given, but the test '{title}' is of {type(tasks).__name__}, where it means nothing. "
            "Leave it out."
        )
    found: Any = tasks
    moved: TaskDistribution = found.with_layout(layout._replace(**changes))
    return moved


_OPTIONS = {"support": "--support", "low": "--range", "asked": "--query-range"}


def _are_alike(one: TaskDistribution, other: TaskDistribution) -> bool:
    """Whether two distributions are of the same tasks."""
    ours, theirs = vars(one), vars(other)
    return type(one) is type(other) and all(_are_equal(value, theirs[name]) for name, value in ours.items())


def _are_equal(one: object, other: object) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one == other
