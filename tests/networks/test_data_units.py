"""Units of a data set: there and back is where one was."""

import pytest
import torch
from torch.distributions import Categorical, Normal

from quickstudy.core import independent
from quickstudy.learners import CNP, AttentiveCNP
from quickstudy.networks.data_units import DataUnits


def test_measured_points_lie_from_minus_two_to_two_with_values_of_unit_variance() -> None:
    units, like = DataUnits(), torch.zeros(())
    x, y = torch.tensor([[1950.0], [1960.0], [2010.0]]), torch.tensor([[5.0], [7.0], [9.0]])
    units.measure(x, y)
    assert units.places(x, like).flatten().tolist() == pytest.approx([-2, -4 / 3, 2])
    values = units.values(y, like)
    assert (float(values.mean()), float(values.std(correction=0))) == pytest.approx((0, 1), abs=1e-6)
    prediction = units.of_user(independent(Normal(values, torch.full_like(values, 0.5))))
    torch.testing.assert_close(prediction.mean, y)
    torch.testing.assert_close(prediction.stddev, torch.full_like(y, float(0.5 * y.std(correction=0))))
    with pytest.raises(ValueError, match="normal"):
        units.of_user(Categorical(torch.ones(1, 1, 2)))


def test_values_that_do_not_vary_keep_their_unit() -> None:
    units = DataUnits()
    units.measure(torch.zeros(3, 1), torch.full((3, 1), 7.0))
    assert float(units.values(torch.full((3, 1), 7.0), torch.zeros(())).abs().max()) == 0
    assert float(units.value_unit) == 1


@pytest.mark.parametrize(
    "learner", [CNP(hidden=8, has_units=True), AttentiveCNP(channels=8, num_heads=2, has_units=True)]
)
def test_a_learner_with_units_predicts_the_same_in_any_units(learner: CNP | AttentiveCNP) -> None:
    learner.eval()
    generator = torch.Generator().manual_seed(0)
    x, y, asked = (torch.randn(2, 5, 1, generator=generator, dtype=torch.float64) for _ in range(3))
    plain = learner.predict(learner.adapt(x, y), asked)
    # Seconds since 1970: single precision cannot tell these places apart.
    second, shift = 100.0, 1.7e9
    learner.units.place_origin.fill_(shift)
    learner.units.place_unit.fill_(second)
    learner.units.value_origin.fill_(-3.0)
    learner.units.value_unit.fill_(4.0)
    moved = learner.predict(learner.adapt(x * second + shift, 4 * y - 3), asked * second + shift)
    torch.testing.assert_close(moved.mean, 4 * plain.mean - 3, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved.stddev, 4 * plain.stddev, rtol=1e-4, atol=1e-4)


def test_units_are_kept_with_the_weights() -> None:
    first, second = (CNP(hidden=8, has_units=True) for _ in range(2))
    first.units.measure(torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [2.0]]))
    second.load_state_dict(first.state_dict())
    assert float(second.units.place_origin) == 5
    assert "units.place_unit" not in CNP(hidden=8).state_dict()
