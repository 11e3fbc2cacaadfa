"""Strategies find the minimum of functions whose minimum is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.training.evolution import PGPE, SNES, OpenAIES, Strategy

NUM_WEIGHTS = 20
Function = Callable[[Tensor], Tensor]


def sphere(x: Tensor) -> Tensor:
    return x.square().sum(dim=-1)


def ellipsoid(x: Tensor) -> Tensor:
    """The axis of the largest curvature has a million times the curvature of the smallest."""
    scale = 1e6 ** (torch.arange(x.shape[-1]) / (x.shape[-1] - 1))
    return (scale * x.square()).sum(dim=-1)


def evaluations_until(strategy: Strategy, function: Function, goal: float, most: int) -> int | None:
    """How many losses were measured until the mean reached the goal. None if it did not."""
    generator, count = torch.Generator().manual_seed(0), 0
    while count < most:
        members = strategy.ask(generator)
        strategy.tell(members, function(members))
        count += len(members)
        if function(strategy.mean) < goal:
            return count
    return None


def start() -> Tensor:
    return torch.ones(NUM_WEIGHTS)


def test_snes_reaches_the_minimum_of_the_sphere_in_eight_thousand_losses() -> None:
    found = evaluations_until(SNES(start(), deviation=0.5), sphere, 1e-8, 8_000)
    assert found is not None


def test_snes_does_not_reach_the_minimum_of_a_rotated_ellipsoid(generator: torch.Generator) -> None:
    rotation = torch.linalg.qr(torch.randn(NUM_WEIGHTS, NUM_WEIGHTS, generator=generator)).Q
    strategy = SNES(start(), deviation=0.5)
    assert evaluations_until(strategy, lambda x: ellipsoid(x @ rotation), 1e-2, 8_000) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda mean: OpenAIES(mean, 40, deviation=0.05, learning_rate=0.05),
        lambda mean: OpenAIES(mean, 40, deviation=0.05, learning_rate=0.05, rank=1, shapes={"kernel": (4, 5)}),
        lambda mean: OpenAIES(mean, 40, deviation=0.05, learning_rate=0.05, shaping="losses"),
        lambda mean: PGPE(mean, 40, deviation=0.1, step_length=0.05),
    ],
    ids=["ranks", "low rank", "losses", "pgpe"],
)
def test_pairs_approach_the_minimum_of_the_sphere(make: Callable[[Tensor], Strategy]) -> None:
    assert evaluations_until(make(torch.ones(NUM_WEIGHTS)), sphere, 0.05, 12_000) is not None


def test_the_estimated_gradient_of_a_quadratic_has_the_true_direction(generator: torch.Generator) -> None:
    root = torch.randn(NUM_WEIGHTS, NUM_WEIGHTS, generator=generator)
    strategy = OpenAIES(torch.ones(NUM_WEIGHTS), 80 * NUM_WEIGHTS, shaping="losses")
    members = strategy.ask(generator)
    estimate = strategy.gradient((members @ root).square().sum(dim=1))
    true = 2 * root @ root.T @ torch.ones(NUM_WEIGHTS)
    assert torch.cosine_similarity(estimate, true, dim=0) > 0.95
    assert 0.8 < estimate.norm() / true.norm() < 1.25


@pytest.mark.parametrize("shaping", ["ranks", "losses"])
def test_the_estimate_is_zero_for_an_even_function(shaping: str, generator: torch.Generator) -> None:
    strategy = OpenAIES(torch.zeros(NUM_WEIGHTS), 32, shaping=shaping)
    members = strategy.ask(generator)
    assert (strategy.gradient(ellipsoid(members)) == 0).all()


def test_pairs_lie_on_both_sides_of_the_mean(generator: torch.Generator) -> None:
    for strategy in (OpenAIES(torch.ones(3), 8), PGPE(torch.ones(3), 8)):
        members = strategy.ask(generator)
        assert torch.allclose((members[0::2] + members[1::2]) / 2, torch.ones(4, 3))


def test_deviations_of_pgpe_change_by_a_fifth_at_most_and_follow_what_is_better(generator: torch.Generator) -> None:
    narrow = PGPE(torch.zeros(2), 200, deviation=1.0, deviation_rate=100.0)
    members = narrow.ask(generator)
    narrow.tell(members, members[:, 0].square() - members[:, 1].square())
    assert torch.allclose(narrow.deviation_D, torch.tensor([0.8, 1.2]))


def test_deviations_of_pgpe_can_stay(generator: torch.Generator) -> None:
    fixed = PGPE(torch.zeros(2), 20, deviation_rate=None)
    members = fixed.ask(generator)
    fixed.tell(members, sphere(members))
    assert torch.equal(fixed.deviation_D, torch.full((2,), 0.1))


def test_weight_decay_pulls_the_mean_to_zero(generator: torch.Generator) -> None:
    strategy = OpenAIES(torch.ones(3), 8, weight_decay=1.0)
    strategy.tell(strategy.ask(generator), torch.zeros(8))
    assert (strategy.mean < 1).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: OpenAIES(torch.ones(3), 7),
        lambda: OpenAIES(torch.ones(3), 8, deviation=0.0),
        lambda: OpenAIES(torch.ones(3), 8, shaping="squares"),
        lambda: OpenAIES(torch.ones(3), 8, rank=1),
        lambda: PGPE(torch.ones(3), 0),
        lambda: SNES(torch.ones(3), 1),
    ],
)
def test_a_strategy_that_cannot_work_is_refused(make: Callable[[], Strategy]) -> None:
    with pytest.raises(UserError, match=r"was given|were given"):
        make()
