import math

import pytest
import torch

from quickstudy.networks.kernel_proposals import NUM_PROPOSALS, NUM_WAVES, as_proposals, covariances, first_numbers
from quickstudy.tasks.kernels import Stationary


def proposals(**numbers: float):
    first = first_numbers()[None].clone()
    for index, value in numbers.items():
        first[..., int(index[1:])] = value
    return as_proposals(first, torch.tensor([[0.1, 0.2, 0.3]]))


def test_there_is_a_row_of_numbers_for_each_proposal() -> None:
    assert first_numbers().shape == (NUM_PROPOSALS, 9)
    assert proposals().variances.shape == (1, NUM_PROPOSALS, 2)


def test_waves_have_the_periods_given_and_the_rest_none() -> None:
    periods = proposals(n4=0.0).periods[0, -NUM_WAVES:]
    assert torch.allclose(periods, torch.tensor([0.1, 0.2, 0.3] * 3).exp())


@pytest.mark.parametrize(
    ("row", "shape"),
    [(0, "squared exponential"), (2, "matern 5/2"), (3, "matern 3/2"), (5, "matern 1/2")],
)
def test_kernels_of_one_term_are_the_textbooks(row: int, shape: str, generator: torch.Generator) -> None:
    found = proposals(n0=0.4, n2=math.log(0.7), n7=-30.0)
    a, b = torch.randn(1, 4, generator=generator), torch.randn(1, 3, generator=generator)
    kernel = Stationary(shape, 0.7, math.exp(0.2)).draw(1, generator)
    expected = kernel(a[..., None].double(), b[..., None].double())[0]
    constant = float(found.constants[0, row])
    assert torch.allclose(covariances(found, a, b)[0, row] - constant, expected, atol=1e-5)


def test_a_wave_comes_again_after_its_period() -> None:
    found = proposals(n4=0.0, n5=5.0, n1=1.0, n0=-20.0, n7=-20.0)
    period = math.exp(0.1)
    at = torch.tensor([[0.0, period, period / 2]])
    zero, again, between = covariances(found, at[:, :1], at)[0, -NUM_WAVES, 0]
    assert float(again) == pytest.approx(float(zero), rel=1e-3)
    assert between < 0.9 * zero


def test_covariances_of_many_points_can_be_factorised(generator: torch.Generator) -> None:
    x = (4 * torch.rand(1, 400, generator=generator) - 2).sort(dim=1).values
    x[:, 1] = x[:, 0]
    found = proposals(n0=9.0, n2=9.0, n6=-30.0, n7=9.0)  # As smooth, as varying and as free of noise as can be.
    noisy = covariances(found, x, x) + torch.diag_embed(found.noises[..., None].expand(-1, -1, 400).double())
    assert torch.linalg.cholesky(noisy).isfinite().all()
