"""Kernels by their formulas; what all have in common, and processes made of them, are in test_gaussian_processes."""

import math

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks.kernels import OneOf, Product, Stationary, Sum, Switching, draw_log_uniform

X = torch.linspace(-1, 1, 5, dtype=torch.float64).view(1, 5, 1)


def _seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _covariance(prior, x: torch.Tensor = X, seed: int = 0) -> torch.Tensor:
    return prior.draw(len(x), _seeded(seed))(x, x)


@pytest.mark.parametrize(
    ("shape", "formula"),
    [
        ("squared exponential", lambda r: math.exp(-(r**2) / 2)),
        ("matern 1/2", lambda r: math.exp(-r)),
        ("matern 3/2", lambda r: (1 + math.sqrt(3) * r) * math.exp(-math.sqrt(3) * r)),
        ("matern 5/2", lambda r: (1 + math.sqrt(5) * r + 5 * r**2 / 3) * math.exp(-math.sqrt(5) * r)),
    ],
)
def test_a_stationary_kernel_is_a_function_of_the_distance_in_lengths(shape: str, formula) -> None:
    found = _covariance(Stationary(shape, length=0.5, scale=3.0))[0]
    for row in range(5):
        for column in range(5):
            distance = abs(float(X[0, row] - X[0, column])) / 0.5
            assert float(found[row, column]) == pytest.approx(9 * formula(distance))


def test_a_periodic_kernel_comes_back_after_its_period() -> None:
    found = _covariance(Stationary("periodic", length=0.7, scale=2.0, period=0.5))[0]
    assert torch.allclose(found, torch.full((5, 5), 4.0, dtype=torch.float64))
    halfway = _covariance(Stationary("periodic", length=0.7, period=1.0))[0, 0, 1]
    assert float(halfway) == pytest.approx(math.exp(-2 / 0.7**2))


def test_a_sum_is_the_sum_of_what_its_parts_draw() -> None:
    parts = [Stationary(length=(0.2, 1.0)), Stationary("matern 3/2", scale=(0.5, 2.0))]
    generator = _seeded()
    expected = sum(part.draw(1, generator)(X, X) for part in parts)
    assert torch.allclose(_covariance(Sum(parts)), expected)


def test_a_product_is_the_product_of_what_its_parts_draw() -> None:
    parts = [Stationary(length=(0.2, 1.0)), Stationary("matern 1/2", scale=(0.5, 2.0)), Stationary(scale=3.0)]
    generator = _seeded()
    one, two, three = (part.draw(1, generator)(X, X) for part in parts)
    assert torch.allclose(_covariance(Product(parts)), one * two * three)


def test_a_wave_that_fades_is_after_a_period_as_far_from_itself_as_what_it_fades_by() -> None:
    fading = Stationary("squared exponential", length=2.0)
    found = _covariance(Product([Stationary("periodic", length=0.7, scale=2.0, period=0.5), fading]))
    assert torch.allclose(found, 4 * _covariance(fading))


def test_of_products_some_tasks_can_be_selected() -> None:
    prior = Product([Stationary(length=(0.2, 1.0)), Stationary("matern 3/2", scale=(0.5, 2.0))])
    kernel, x = prior.draw(4, _seeded()), X.expand(4, 5, 1)
    chosen = torch.tensor([2, 0])
    assert torch.equal(kernel.select(chosen)(x[:2], x[:2]), kernel(x, x)[chosen])


def test_the_roughest_kernel_forgets_what_lies_before_the_nearest_point() -> None:
    """That of shape 1/2 is a Markov process: given the middle one of three points the outer two know nothing more."""
    covariance = _covariance(Stationary("matern 1/2", length=0.7))[0, :3, :3]
    assert float(covariance.inverse()[0, 2]) == pytest.approx(0, abs=1e-12)
    smoother = _covariance(Stationary("matern 3/2", length=0.7))[0, :3, :3]
    assert abs(float(smoother.inverse()[0, 2])) > 0.01


def test_on_both_sides_of_the_switch_values_know_nothing_of_each_other() -> None:
    left, right = Stationary(length=0.5), Stationary(length=0.5, scale=2.0)
    found = _covariance(Switching(left, right, between=(0.1, 0.1)))[0]  # X has three points up to 0, two beyond.
    assert (found[:3, 3:] == 0).all()
    assert torch.allclose(found[:3, :3], _covariance(left)[0, :3, :3])
    assert torch.allclose(found[3:, 3:], _covariance(right)[0, 3:, 3:])


def test_of_several_kinds_each_task_has_one() -> None:
    kinds = [Stationary(scale=1.0), Stationary(scale=2.0), Stationary(scale=3.0)]
    variances = _covariance(OneOf(kinds), X.expand(60, 5, 1))[:, 0, 0].sqrt()
    assert set(variances.round(decimals=6).tolist()) == {1.0, 2.0, 3.0}
    assert all(10 <= int((variances.round() == each).sum()) <= 30 for each in (1, 2, 3))


def test_numbers_between_two_are_uniform_in_their_logarithm() -> None:
    drawn = draw_log_uniform((0.01, 100.0), 4000, _seeded())
    assert float(drawn.min()) >= 0.01
    assert float(drawn.max()) <= 100.0
    assert float((drawn < 1.0).double().mean()) == pytest.approx(0.5, abs=0.03)
    assert draw_log_uniform(0.5, 3, _seeded()).tolist() == [0.5] * 3


@pytest.mark.parametrize("name", ["length", "scale", "period"])
@pytest.mark.parametrize("bounds", [0.0, -1.0, (2.0, 1.0), (0.0, 1.0)])
def test_a_length_that_is_none_is_refused_by_name(name: str, bounds) -> None:
    with pytest.raises(UserError, match=f"{name} = "):
        Stationary(**{name: bounds})


def test_a_shape_there_is_not_is_refused_and_those_there_are_named() -> None:
    with pytest.raises(UserError, match=r"'cubic'.*matern 3/2"):
        Stationary("cubic")
