import pytest
import torch

from quickstudy.baselines.posteriors import beta, dirichlet, normal


def test_draws_have_the_moments_of_their_distributions(generator: torch.Generator) -> None:
    ones = torch.ones(20_000)
    drawn = beta(3 * ones, ones, generator)
    assert float(drawn.mean()) == pytest.approx(0.75, abs=0.01)
    assert float(drawn.var()) == pytest.approx(3 / 80, abs=0.003)
    shares = dirichlet(torch.tensor([1.0, 2.0, 5.0]).expand(20_000, 3), generator)
    assert torch.allclose(shares.sum(dim=1), ones)
    assert shares.mean(dim=0).tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.01)
    bell = normal(2 * ones, 0.5 * ones, generator)
    assert (float(bell.mean()), float(bell.std())) == pytest.approx((2.0, 0.5), abs=0.02)


def test_the_generator_alone_decides_the_draws() -> None:
    first, second = (beta(torch.ones(5), torch.ones(5), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
