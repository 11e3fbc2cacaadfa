import json
import math

import pytest
import torch

from quickstudy.evaluation import Interval
from quickstudy.evaluation.intervals import student


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [
        (1, 12.7062047362),
        (2, 4.3026527297),
        (3, 3.1824463053),
        (9, 2.2621571627),
        (30, 2.0422724563),
        (999, 1.9623414611),
        (10**6, 1.9599663568),
    ],
)
def test_the_quantiles_are_those_of_the_tables(degrees, quantile):
    assert student(degrees) == pytest.approx(quantile, abs=1e-7)


def test_of_two_and_three_tasks_the_quantiles_are_those_of_the_closed_forms():
    assert student(1) == pytest.approx(math.tan(0.95 * math.pi / 2), rel=1e-12)
    assert student(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), rel=1e-9)


def test_an_interval_is_so_many_standard_errors():
    interval = Interval.over(torch.tensor([0.2, 0.4, 0.6, 0.8, 1.0]))
    assert interval.mean == pytest.approx(0.6)
    assert interval.interval95 == pytest.approx(2.7764451052 * math.sqrt(0.1) / math.sqrt(5))


def test_the_interval_shrinks_with_the_root_of_the_number_of_tasks():
    few, many = (Interval.over(torch.tensor([0.0, 1.0]).repeat(count)) for count in (50, 5000))
    assert few.interval95 / many.interval95 == pytest.approx(10 * student(99) / student(9999), rel=0.01)


@pytest.mark.parametrize("num_tasks", [2, 3, 10])
def test_of_few_tasks_the_interval_holds_the_true_mean_95_times_in_100(num_tasks, generator):
    values = torch.randn(4000, num_tasks, generator=generator)
    held = [abs(interval.mean) < interval.interval95 for interval in map(Interval.over, values)]
    assert sum(held) / 4000 == pytest.approx(0.95, abs=0.012)


def test_of_many_tasks_it_does_whatever_they_are(generator):
    values = torch.rand(2000, 50, generator=generator).square()
    held = [abs(interval.mean - 1 / 3) < interval.interval95 for interval in map(Interval.over, values)]
    assert sum(held) / 2000 == pytest.approx(0.95, abs=0.015)


def test_a_single_task_says_nothing_of_the_spread():
    assert Interval.over(torch.tensor([0.5])) == Interval(0.5, None)


def test_equal_tasks_have_no_spread():
    assert Interval.over(torch.full((7,), 0.25)) == Interval(0.25, 0.0)


def test_over_nothing_there_is_no_mean():
    interval = Interval.over(torch.empty(0))
    assert math.isnan(interval.mean)
    assert interval.interval95 is None


def test_what_is_not_finite_has_no_interval():
    assert Interval.over(torch.tensor([-torch.inf, 1.0, 2.0])) == Interval(-math.inf, None)


@pytest.mark.parametrize(
    ("values", "record"),
    [
        ([0.25, 0.25], {"mean": 0.25, "interval95": 0.0}),
        ([0.25], {"mean": 0.25, "interval95": None}),
        ([], {"mean": None, "interval95": None}),
        ([math.inf, 1.0], {"mean": None, "interval95": None}),
    ],
)
def test_a_record_is_json_even_where_there_is_no_number(values, record):
    found = Interval.over(torch.tensor(values)).record()
    assert json.loads(json.dumps(found, allow_nan=False)) == record


def test_an_interval_reads_in_percent():
    assert str(Interval(0.98765, 0.00321)) == "98.77 ± 0.32 %"


def test_where_there_is_no_interval_it_is_said():
    assert str(Interval(0.8, None)) == "80.00 %, no interval"


def test_what_is_no_number_is_a_dash():
    assert str(Interval(math.nan, None)) == "–"


def test_an_interval_reads_in_other_units():
    assert Interval(1.23456, 0.01234).text(3, " nats") == "1.235 ± 0.012 nats"
    assert Interval(1.23456, None).text(3, " nats") == "1.235 nats, no interval"
    assert Interval(-math.inf, None).text(3) == "-inf"


def test_where_tasks_of_a_batch_share_something_the_interval_is_over_batches():
    values = torch.tensor([1.0, 3.0, 5.0, 7.0, 0.0, 2.0])
    batches = torch.tensor([0, 0, 10, 10, 20, 20])
    over_means = Interval.over(torch.tensor([2.0, 6.0, 1.0]))
    shared = Interval.over(values, batches)
    assert shared.mean == pytest.approx(over_means.mean)
    assert shared.interval95 == pytest.approx(over_means.interval95)
    assert Interval.over(values, torch.arange(6)).interval95 == pytest.approx(Interval.over(values).interval95)


def test_a_single_batch_that_shares_something_has_no_interval():
    assert Interval.over(torch.tensor([1.0, 2.0]), torch.tensor([0, 0])) == Interval(1.5, None)


@pytest.mark.parametrize("sizes", [(10,) * 5, (10,) * 30, (10,) * 9 + (4,)])
def test_over_batches_the_interval_holds_the_true_mean_95_times_in_100(sizes, generator):
    batches = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    shared = torch.randn(2000, len(sizes), generator=generator)[:, batches]
    values = shared + torch.randn(2000, sum(sizes), generator=generator)
    held = [abs(found.mean) < found.interval95 for found in (Interval.over(each, batches) for each in values)]
    assert sum(held) / 2000 == pytest.approx(0.95, abs=0.02)
    naive = [abs(found.mean) < found.interval95 for found in map(Interval.over, values[:500])]
    assert sum(naive) / 500 < 0.75, "tasks that share something say less than independent ones"
