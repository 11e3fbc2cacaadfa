"""The mean curve of series that share their places is their mean and deviation at each place."""

import pytest
import torch

from quickstudy.baselines.mean_curve import MeanCurve


def test_at_a_common_place_it_is_the_mean_and_the_deviation_of_the_values_there() -> None:
    places, values = torch.tensor([0.0, 1, 2]).repeat(4), torch.arange(12.0)
    learner = MeanCurve(places, values, num_series=4).eval()
    empty = torch.zeros(1, 0, 1)
    found = learner.predict(learner.adapt(empty, empty), torch.tensor([[[1.0], [2.2]]]))
    at_one, at_two = values[1::3], values[2::3]
    assert found.mean.flatten().tolist() == pytest.approx([float(at_one.mean()), float(at_two.mean())])
    assert float(found.stddev[0, 0, 0]) == pytest.approx(float(at_one.std(correction=0)))


def test_the_support_changes_nothing_and_equal_values_still_have_a_deviation() -> None:
    learner = MeanCurve(torch.tensor([0.0, 0, 5, 6]), torch.tensor([1.0, 1, 4, 5]), num_series=2).eval()
    query = torch.tensor([[[0.0]]])
    seen = learner.predict(learner.adapt(torch.ones(1, 3, 1), torch.ones(1, 3, 1)), query)
    none = learner.predict(learner.adapt(torch.zeros(1, 0, 1), torch.zeros(1, 0, 1)), query)
    assert seen.mean == none.mean == 1
    assert none.stddev > 0
