"""Pictures of how values of functions are predicted: which of them can be drawn, and how."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from quickstudy.core import Learner, ShowsImages
from quickstudy.evaluation.completed_images import save_completions
from quickstudy.evaluation.function_plots import save_calibration, save_functions, save_likelihoods
from quickstudy.protocols.regression import Measured
from quickstudy.tasks import Functions
from quickstudy.tasks.sampling import lowest
from quickstudy.tasks.series import SeriesPoints

Curves = Functions | SeriesPoints

_DENSE = 200
"""Points of a drawn curve."""
_CURVES = 4
"""More than this cannot be distinguished in a picture."""


def pictures(
    folder: Path, learner: Learner, measured: Sequence[Measured], sizes: Sequence[Measured], seed: int
) -> dict[Path, Callable[[], None]]:
    """A function for each file that can be drawn, which draws it.

    Args:
        folder: Where the files go.
        learner: What was measured.
        measured: The figures of each setting.
        sizes: The same by the number of points that are given, for the curve of the likelihood.
        seed: Decides the functions that are drawn.
    """
    drawn: dict[Path, Callable[[], None]] = {}
    first = [each.setting.tasks for each in _of_first_test(measured)]
    curves: list[Curves] = [tasks for tasks in first if isinstance(tasks, Functions) and tasks.layout.inputs == 1]
    curves += [each.setting.tasks for each in measured if isinstance(each.setting.tasks, SeriesPoints)]
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


def _panels(curves: Sequence[Curves]) -> list[Curves]:
    """Several functions of the only distribution, or one of each, evenly from the fewest points given to the most."""
    places = torch.linspace(0, len(curves) - 1, _CURVES).round().int().tolist()
    chosen = [curves[place] for place in (places if len(curves) == 1 else sorted(set(places)))]
    return [_dense(tasks) for tasks in chosen]


def _dense(tasks: Curves) -> Curves:
    """The same curves with many queries. Those of a real series are all its points."""
    if isinstance(tasks, SeriesPoints):
        return tasks.with_layout(tasks.layout._replace(queries=_DENSE, predicts_support=True))
    return tasks.with_layout(tasks.layout._replace(queries=_DENSE, evenly=True, predicts_support=False))


def _of_first_test(measured: Sequence[Measured]) -> list[Measured]:
    return [each for each in measured if each.setting.test == measured[0].setting.test]
