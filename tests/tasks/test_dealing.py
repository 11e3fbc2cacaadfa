import pytest
import torch

from quickstudy.tasks.dealing import draw_count, draw_distinct


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def is_uniform(counts) -> bool:
    """Pearson's χ² within five standard deviations of its mean: one draw in a million is not."""
    expected, freedom = counts.double().mean(), counts.numel() - 1
    return bool(((counts - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5)


@pytest.mark.parametrize(("count", "population"), [(2, 5), (3, 5), (1, 1), (4, 4), (5, 5), (3, 9), (1, 3)])
def test_distinct_indices_are_uniform_in_every_order(count, population):
    drawn = draw_distinct(20_000, count, population, seeded())
    assert drawn.shape == (20_000, count)
    code = torch.zeros(20_000, dtype=torch.long)
    for index in drawn.T:
        code = code * population + index
    arrangements = int(torch.prod(torch.arange(population - count + 1, population + 1)))
    seen, counts = code.unique(return_counts=True)
    assert len(seen) == arrangements
    assert is_uniform(counts)


def test_distinct_indices_are_uniform_where_populations_differ():
    population = torch.tensor([3, 4, 7]).repeat(8000)
    drawn = draw_distinct(len(population), 3, population, seeded())
    for size in (3, 4, 7):
        code = (drawn[population == size] * torch.tensor([100, 10, 1])).sum(dim=1)
        seen, counts = code.unique(return_counts=True)
        assert len(seen) == size * (size - 1) * (size - 2)
        assert is_uniform(counts)
        assert drawn[population == size].max() == size - 1


@pytest.mark.parametrize("population", [9, 20, 400])
def test_distinct_indices_are_distinct(population):
    ordered = draw_distinct(5000, 9, population, seeded()).sort(dim=1).values
    assert (ordered[:, 1:] > ordered[:, :-1]).all()
    assert ordered.min() == 0
    assert ordered.max() == population - 1


def test_a_count_is_itself_or_any_of_its_range():
    generator = seeded()
    assert draw_count(4, generator) == 4
    drawn = torch.tensor([draw_count((2, 5), generator) for _ in range(2000)])
    assert drawn.unique().tolist() == [2, 3, 4, 5]
    assert is_uniform(torch.bincount(drawn)[2:])
