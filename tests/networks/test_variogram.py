import torch

from quickstudy.networks.variogram import Variogram


def described(x: torch.Tensor, y: torch.Tensor, is_real: torch.Tensor | None = None, **options) -> torch.Tensor:
    return Variogram(**options)(x, y, torch.ones_like(x) if is_real is None else is_real)


def test_a_pair_counts_where_its_distance_lies() -> None:
    x, y = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 3.0]])
    even, counts, *_ = described(x, y, bins=5, longest=4.0).view(4, 5)
    # The pair is counted from both ends, and half its squared difference is 4.5.
    assert torch.allclose(counts, torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0]).log1p())
    assert torch.allclose(even, torch.tensor([0.0, 2 * 4.5 / (2 + 1), 0.0, 0.0, 0.0]))


def test_a_distance_between_two_bins_counts_for_both() -> None:
    x, y = torch.tensor([[0.0, 1.25]]), torch.tensor([[0.0, 1.0]])
    _, counts, *_ = described(x, y, bins=5, longest=4.0).view(4, 5)
    assert torch.allclose(counts.expm1(), torch.tensor([0.0, 0.75, 0.25, 0.0, 0.0]))


def test_order_and_place_do_not_matter(generator: torch.Generator) -> None:
    x, y = 4 * torch.rand(2, 9, generator=generator) - 2, torch.randn(2, 9, generator=generator)
    order = torch.randperm(9, generator=generator)
    assert torch.allclose(described(x, y), described(x[:, order], y[:, order]), atol=1e-5)
    assert torch.allclose(described(x, y), described(x + 0.5, y - 7), atol=1e-4)


def test_padding_counts_for_nothing(generator: torch.Generator) -> None:
    x, y = 4 * torch.rand(2, 9, generator=generator) - 2, torch.randn(2, 9, generator=generator)
    is_real = torch.tensor([1.0] * 6 + [0.0] * 3).expand(2, -1)
    assert torch.allclose(described(x, y, is_real), described(x[:, :6], y[:, :6]), atol=1e-6)


def test_no_points_and_one_point_have_a_description() -> None:
    for count in (0, 1):
        assert torch.equal(described(torch.zeros(1, count), torch.zeros(1, count)), torch.zeros(1, 128))
