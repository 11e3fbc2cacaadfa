"""A modern Hopfield network: energy falls, one update is attention, and β decides what is retrieved."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.networks.attention import read
from quickstudy.networks.hopfield import energy, recall, retrieve, separation, update


def unit_patterns(count: int, size: int, generator: torch.Generator) -> Tensor:
    return F.normalize(torch.randn(count, size, generator=generator, dtype=torch.float64), dim=-1)


def noisy(patterns: Tensor, distance: float, generator: torch.Generator) -> Tensor:
    deviation = distance / math.sqrt(patterns.shape[-1])
    return patterns + deviation * torch.randn(patterns.shape, generator=generator, dtype=patterns.dtype)


def test_the_energy_is_the_papers_equation(generator: torch.Generator) -> None:
    patterns, state = torch.randn(5, 3, generator=generator), torch.randn(3, generator=generator)
    beta = 0.7
    products = torch.stack([pattern @ state for pattern in patterns])
    largest = max(float(pattern.norm()) for pattern in patterns)
    expected = -(beta * products).exp().sum().log() / beta + state @ state / 2 + math.log(5) / beta + largest**2 / 2
    assert float(energy(state[None], patterns, beta)[0]) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("size", [4, 16, 64])
@pytest.mark.parametrize("beta", [0.1, 1.0, 8.0, 50.0])
def test_no_update_raises_the_energy(size: int, beta: float, generator: torch.Generator) -> None:
    patterns = unit_patterns(1000, size, generator)
    states = noisy(patterns[:200], 0.1, generator)
    for _ in range(5):
        before = energy(states, patterns, beta)
        states = update(states, patterns, beta)
        after = energy(states, patterns, beta)
        assert bool((after <= before + 1e-12).all())
        assert bool((after >= 0).all())


def test_one_update_is_the_attention_of_the_transformer(generator: torch.Generator) -> None:
    patterns, states = torch.randn(2, 7, 16, generator=generator), torch.randn(2, 3, 16, generator=generator)
    assert torch.allclose(update(states, patterns, 1 / math.sqrt(16)), read(states, patterns, patterns), atol=1e-6)
    by_formula = (0.3 * states @ patterns.transpose(1, 2)).softmax(dim=-1) @ patterns
    assert torch.allclose(update(states, patterns, 0.3), by_formula, atol=1e-6)


def test_a_small_beta_retrieves_the_mean_and_a_large_one_the_pattern(generator: torch.Generator) -> None:
    patterns = unit_patterns(1000, 64, generator)
    queries = noisy(patterns, 0.1, generator)
    mean = retrieve(queries, patterns, 1.0)
    assert float((mean - patterns.mean(dim=0)).norm(dim=-1).max()) < 0.02
    assert float((mean - patterns).norm(dim=-1).mean()) == pytest.approx(1.0, abs=0.02)
    near = update(queries, patterns, 8.0)
    assert torch.equal(torch.cdist(near, patterns).argmin(dim=1), torch.arange(1000))
    one = update(queries, patterns, 50.0)
    assert float((one - patterns).norm(dim=-1).mean()) < 1e-3


def test_between_both_a_group_of_similar_patterns_is_retrieved_as_its_mean(generator: torch.Generator) -> None:
    centres = unit_patterns(10, 64, generator)
    patterns = F.normalize(noisy(centres.repeat_interleave(5, dim=0), 0.2, generator), dim=-1)
    means = patterns.unflatten(0, (10, 5)).mean(dim=1)
    found = retrieve(patterns, patterns, 15.0)
    assert float((found - means.repeat_interleave(5, dim=0)).norm(dim=-1).max()) < 0.05
    assert float((found - patterns).norm(dim=-1).min()) > 0.1


@pytest.mark.parametrize(("size", "least", "most"), [(64, 1.0, 1.0), (16, 0.6, 0.95), (8, 0.0, 0.2)])
def test_patterns_of_signs_are_recalled_exactly_where_they_are_long(
    size: int, least: float, most: float, generator: torch.Generator
) -> None:
    patterns = torch.randint(2, (100, size), generator=generator).double() * 2 - 1
    is_flipped = torch.rand(patterns.shape, generator=generator).argsort(dim=-1) < round(size / 10)
    found = update(torch.where(is_flipped, -patterns, patterns), patterns, 1.0).sign()
    assert least <= float((found == patterns).all(dim=-1).double().mean()) <= most


def test_a_separated_pattern_is_retrieved_within_the_papers_bound(generator: torch.Generator) -> None:
    patterns = 4 * unit_patterns(50, 64, generator)
    states = noisy(patterns, 0.1, generator)
    beta, largest = 2.0, patterns.norm(dim=-1).max()
    found = update(states, patterns, beta)
    fixed = retrieve(states, patterns, beta, tolerance=1e-12)
    reach = torch.maximum((states - patterns).norm(dim=-1), (fixed - patterns).norm(dim=-1))
    bound = 2 * 49 * (-beta * (separation(patterns) - 2 * reach * largest)).exp() * largest
    assert bool(((found - fixed).norm(dim=-1) <= bound).all())
    assert float(bound.median()) < 0.1, "the bound must say something"


def test_the_separation_is_to_the_most_similar_other_pattern() -> None:
    patterns = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 2.0]])
    assert separation(patterns).tolist() == [0.5, -0.25, 4.0]


def test_retrieving_stops_at_a_fixed_point(generator: torch.Generator) -> None:
    patterns = unit_patterns(20, 32, generator)
    found = retrieve(noisy(patterns, 0.1, generator), patterns, 30.0, tolerance=1e-9)
    assert torch.allclose(update(found, patterns, 30.0), found, atol=1e-8)
    assert torch.equal(retrieve(patterns, patterns, 30.0, most_updates=0), patterns)


def test_as_a_classifier_beta_goes_from_the_shares_of_classes_to_the_nearest_example(
    generator: torch.Generator,
) -> None:
    tasks, ways, shots, size = 300, 5, 5, 16
    prototypes = torch.randn(tasks, ways, size, generator=generator)
    labels = torch.arange(ways).repeat(shots)
    support = F.normalize(
        prototypes[:, labels] + 1.4 * torch.randn(tasks, ways * shots, size, generator=generator), dim=-1
    )
    queries = F.normalize(prototypes + 1.4 * torch.randn(tasks, ways, size, generator=generator), dim=-1)
    values = F.one_hot(labels, ways).float().expand(tasks, -1, -1)
    truth = torch.arange(ways).expand(tasks, -1)

    def likelihood(beta: float) -> float:
        probabilities = recall(queries, support, values, beta).clamp(min=1e-9)
        return float(probabilities.gather(-1, truth[..., None]).log().mean())

    assert likelihood(1e-6) == pytest.approx(math.log(1 / ways), abs=1e-4)
    nearest = labels[(queries @ support.transpose(1, 2)).argmax(dim=-1)]
    assert torch.equal(recall(queries, support, values, 1e5).argmax(dim=-1), nearest)
    accuracy = {
        beta: float((recall(queries, support, values, beta).argmax(-1) == truth).float().mean()) for beta in (4.0, 1e5)
    }
    assert accuracy[4.0] > accuracy[1e5] + 0.02 > 0.4
    assert likelihood(4.0) > max(likelihood(1e-6), likelihood(1e5)) + 0.1
