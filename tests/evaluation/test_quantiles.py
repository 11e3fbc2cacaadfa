import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from quickstudy.evaluation.quantiles import central_interval, cumulative


def normal(mean: Tensor, deviation: Tensor) -> Independent:
    return Independent(Normal(mean, deviation), 1)


@pytest.fixture
def mixture(generator: torch.Generator) -> MixtureSameFamily:
    """Three parts, over (2 tasks, 4 queries) of values of two numbers."""
    mean = 3 * torch.randn(2, 4, 3, 2, generator=generator)
    deviation = 0.2 + torch.rand(2, 4, 3, 2, generator=generator)
    return MixtureSameFamily(Categorical(logits=torch.randn(2, 4, 3, generator=generator)), normal(mean, deviation))


def test_what_is_below_a_value_is_the_share_of_draws_below_it(mixture: MixtureSameFamily) -> None:
    draws = mixture.sample((40_000,))
    below = cumulative(mixture, draws[0])
    assert below is not None
    assert torch.allclose(below, (draws < draws[0]).float().mean(dim=0), atol=0.012)


def test_a_mixture_of_equals_is_their_normal() -> None:
    mean, deviation = torch.randn(2, 3, 1), torch.rand(2, 3, 1) + 0.1
    parts = normal(mean[:, :, None].expand(-1, -1, 5, -1), deviation[:, :, None].expand(-1, -1, 5, -1))
    alike, value = MixtureSameFamily(Categorical(logits=torch.randn(2, 3, 5)), parts), torch.randn(2, 3, 1)
    torch.testing.assert_close(cumulative(alike, value), cumulative(normal(mean, deviation), value))
    torch.testing.assert_close(central_interval(alike, 0.9), central_interval(normal(mean, deviation), 0.9))


def test_the_central_interval_leaves_as_much_out_above_as_below(mixture: MixtureSameFamily) -> None:
    single = normal(torch.randn(2, 4, 2), torch.rand(2, 4, 2) + 0.1)
    for prediction in (mixture, single):
        interval = central_interval(prediction, 0.8)
        assert interval is not None
        for end, below in zip(interval, (0.1, 0.9), strict=True):
            found = cumulative(prediction, end)
            torch.testing.assert_close(found, torch.full_like(end, below), atol=1e-4, rtol=0)


def test_values_of_no_dimension_are_mixed_too() -> None:
    mixture = MixtureSameFamily(Categorical(probs=torch.tensor([0.25, 0.75])), Normal(torch.tensor([0.0, 9.0]), 1.0))
    assert float(cumulative(mixture, torch.tensor(0.0)) or 0) == pytest.approx(0.125, abs=1e-5)


def test_chances_have_no_quantiles() -> None:
    ink = Independent(Bernoulli(probs=torch.full((1, 2, 1), 0.5)), 1)
    assert cumulative(ink, torch.zeros(1, 2, 1)) is central_interval(ink, 0.9) is None
