"""Which functions are evaluated and drawn; the command itself is tested in test_evaluate_functions."""

from dataclasses import replace

import pytest
import torch

from quickstudy.core import Experiment, Header, Optimisation, UserError
from quickstudy.learners import CNP
from quickstudy.protocols import PointOptions, RegressionOptions, Weights, measure_regression
from quickstudy.protocols.regression import Setting, by_support, evaluated, layout_of, settings
from quickstudy.tasks import Completion, CompletionLayout, Episodes, GaussianProcesses, Layout, Mixture, PointLayout
from quickstudy.tasks.kernels import Stationary


def _curves(support=(3, 9), **layout) -> GaussianProcesses:
    return GaussianProcesses(PointLayout(support, 4, **layout))


def _experiment(train=None, **test) -> Experiment:
    trained = train or _curves()
    sources = {title: (lambda root, tasks=tasks: tasks) for title, tasks in test.items()}
    learner = CNP(hidden=8)
    return Experiment(
        learner=learner,
        train=lambda _: trained,
        validation=lambda _: trained,
        test=sources,
        optimisation=Optimisation(steps=1, tasks_per_step=1),
    )


IMAGES = Completion(torch.rand(4, 6, 6), CompletionLayout(5))


def test_a_title_says_where_the_points_are() -> None:
    experiment = _experiment(curves=_curves())
    weights = Weights("mine", experiment, Header(recipe="gp-cnp"))
    found = measure_regression(weights, RegressionOptions(tasks=2))
    assert found.title == "mine on functions it has never seen"
    points = PointOptions(range=(-1.0, 1.0), query_range=(1.0, 2.5))
    moved = measure_regression(weights, RegressionOptions(points=points, tasks=2))
    assert moved.title == "mine on functions it has never seen, from -1 to 1, queries from 1 to 2.5"
    assert moved.record()["test"][0]["query_range"] == (1.0, 2.5)


def test_a_mixture_in_a_test_cannot_be_moved() -> None:
    experiment = _experiment(kinds=Mixture([_curves(), _curves()], [1.0, 1.0]))
    with pytest.raises(UserError, match="is of Mixture"):
        settings(experiment, PointOptions(support=(2,)))


def test_without_options_the_experiments_tests_are_evaluated_as_they_are() -> None:
    one, other = _curves(), _curves((0, 3))
    rows = settings(_experiment(one=one, other=other), PointOptions())
    assert [(row.title, row.test) for row in rows] == [("one", "one"), ("other", "other")]
    assert [row.tasks.layout for row in rows] == [one.layout, other.layout]


def test_a_number_of_points_given_makes_a_row_of_each_test_once() -> None:
    experiment = _experiment(few=_curves((0, 3)), many=_curves((5, 9)))
    rows = settings(experiment, PointOptions(support=(2, 7)))
    # With the number of points the only difference, both tests are one and the same.
    assert [row.title for row in rows] == ["2 given", "7 given"]
    assert [row.tasks.layout.support for row in rows] == [2, 7]
    other = GaussianProcesses(PointLayout((5, 9), 4), Stationary(length=0.1))
    rows = settings(_experiment(smooth=_curves(), rough=other), PointOptions(support=(2,)))
    assert [row.title for row in rows] == ["smooth, 2 given", "rough, 2 given"]


def test_ranges_move_the_points() -> None:
    rows = settings(_experiment(one=_curves()), PointOptions(range=(4.0, 5.0), query_range=(6.0, 7.0)))
    tasks = rows[0].tasks.sample(8, torch.Generator().manual_seed(0))
    assert 4 <= float(tasks.support_x.min()) <= float(tasks.support_x.max()) <= 5
    assert 6 <= float(tasks.query_x.min()) <= float(tasks.query_x.max()) <= 7


def test_options_that_mean_nothing_to_a_test_are_refused() -> None:
    with pytest.raises(UserError, match=r"--range was given, but the test 'drawings' is of Completion"):
        settings(_experiment(drawings=IMAGES), PointOptions(range=(0.0, 1.0)))
    episodes = Episodes(torch.rand(6, 4, 3, 3), Layout(2, 1, 1))
    assert layout_of(episodes) is None
    with pytest.raises(UserError, match="--support was given"):
        settings(_experiment(classes=episodes), PointOptions(support=(1,)))


def test_by_support_goes_from_the_fewest_points_of_the_training_to_the_most() -> None:
    rows = by_support(_experiment(_curves((0, 50)), one=_curves(), other=_curves((1, 2))), None)
    assert [row.tasks.layout.support for row in rows] == [0, 10, 20, 30, 40, 50]
    assert by_support(_experiment(_curves(7), one=_curves()), None) == []
    assert by_support(_experiment(IMAGES, one=IMAGES), None) == []


def test_a_learner_is_evaluated_on_every_row_by_one_seed() -> None:
    learner, row = CNP(hidden=8), Setting("curves", "curves", _curves())
    one, again, other = (evaluated(learner, [row], 10, seed)[0].evaluation for seed in (0, 0, 1))
    assert one.log_likelihood.mean == again.log_likelihood.mean != other.log_likelihood.mean
    assert [each.setting for each in evaluated(learner, [row, row._replace(title="again")], 10, 0)] == [
        row,
        row._replace(title="again"),
    ]


def test_a_test_is_moved_without_changing_the_experiments_own() -> None:
    own = _curves()
    experiment = _experiment(one=own)
    settings(experiment, PointOptions(support=(2,), range=(4.0, 5.0)))
    assert own.layout == _curves().layout
    assert replace(experiment).test.keys() == {"one"}
