"""Points of real series: every point of a task is of one series, given points are not asked for."""

import numpy as np
import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.series import SeriesLayout, SeriesPoints

LENGTHS = 3, 6, 6, 9


def series(layout: SeriesLayout) -> SeriesPoints:
    """Series i has the values 100 i + place."""
    places = [np.arange(length, dtype=float) for length in LENGTHS]
    return SeriesPoints(places, [100 * index + each for index, each in enumerate(places)], layout)


def drawn(layout: SeriesLayout, tasks: int = 50) -> Tasks:
    return series(layout).sample(tasks, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("order", ["random", "first"])
def test_the_points_of_a_task_are_different_points_of_one_series(order) -> None:
    tasks = drawn(SeriesLayout(support=2, queries=1, order=order))
    series_TS, series_TQ = ((tasks.support_y // 100).squeeze(-1), (tasks.query_y // 100).squeeze(-1))
    assert (series_TS == series_TS[:, :1]).all()
    assert (series_TQ == series_TS[:, :1]).all()
    assert torch.equal(tasks.support_y % 100, tasks.support_x)
    assert (tasks.support_x != tasks.query_x[:, :1]).all()
    assert set(series_TS.flatten().tolist()) == {0, 1, 2, 3}


def test_the_queries_are_all_other_points_before_one_comes_twice() -> None:
    tasks = drawn(SeriesLayout(support=5, queries=4))
    for support_x, query_x, query_y in zip(tasks.support_x, tasks.query_x, tasks.query_y, strict=True):
        length = LENGTHS[int(query_y[0] // 100)]
        assert length > 5
        others = set(range(length)) - set(support_x.flatten().tolist())
        assert set(query_x.flatten().tolist()) == others


def test_a_forecast_gives_the_beginning_of_a_series() -> None:
    tasks = drawn(SeriesLayout(support=3, queries=2, order="first"))
    assert (tasks.support_x.squeeze(-1).sort(dim=1).values == torch.arange(3)).all()
    assert tasks.query_x.min() >= 3


def test_a_range_of_support_goes_as_far_as_half_of_the_series_have_points() -> None:
    found = series(SeriesLayout(support=(1, 30), queries=2))
    generator = torch.Generator().manual_seed(0)
    sizes = {found.sample(2, generator).support_x.shape[1] for _ in range(60)}
    assert sizes == {1, 2, 3, 4, 5}
    assert found.draws_by_batch


def test_jitter_shifts_and_stretches_the_values_of_a_whole_task() -> None:
    layout = SeriesLayout(support=3, queries=2)
    plain, moved = drawn(layout), drawn(layout._replace(jitter=0.2))
    assert torch.equal(plain.support_x, moved.support_x)
    assert not torch.isclose(plain.support_y, moved.support_y).any()
    steps = moved.support_y.diff(dim=1) / plain.support_y.diff(dim=1)
    torch.testing.assert_close(steps[:, 0], steps[:, 1], rtol=1e-3, atol=1e-3)


def test_given_points_are_asked_for_too_where_that_is_wished() -> None:
    tasks = drawn(SeriesLayout(support=2, queries=3, predicts_support=True))
    assert torch.equal(tasks.query_x[:, :2], tasks.support_x)
    assert tasks.query_x.shape[1] == 5


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        (SeriesLayout(support=9), "9 points of support and a query need series of 10 points"),
        (SeriesLayout(support=(3, 1)), "the lowest first"),
        (SeriesLayout(queries=0), "at least one"),
        (SeriesLayout(jitter=-1), "jitter"),
        (SeriesLayout(order="last"), "'random' or 'first'"),
    ],
)
def test_layouts_that_no_series_has_are_refused(layout: SeriesLayout, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        series(layout)
    with pytest.raises(UserError, match="No series"):
        SeriesPoints([], [])
