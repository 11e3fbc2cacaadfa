"""Learners that are trained together are what they would be alone."""

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.learners import BLUR
from quickstudy.tasks import BooleanPlane
from quickstudy.training.together import Together, train_together

TASKS = BooleanPlane(("or",), support=16, queries=16)


def learners(*seeds: int) -> list[BLUR]:
    """Each has a genome and first synapses of its own."""
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        found.append(BLUR(2, hidden=(3,), updates=(1, 3), seed=seed))
    return found


def numbers(learner: BLUR) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in learner.parameters()])


def test_learners_trained_together_are_those_trained_alone() -> None:
    settings = Together(steps=4, tasks_per_step=2)
    both, alone = learners(1, 2), learners(2)
    before = numbers(both[0])
    train_together(both, TASKS, settings)
    train_together(alone, TASKS, settings)
    assert torch.allclose(numbers(both[1]), numbers(alone[0]), atol=1e-6)
    assert not torch.equal(numbers(both[0]), before)
    assert not torch.equal(numbers(both[0]), numbers(both[1]))


def test_a_learner_whose_gradient_is_no_number_stops_no_other() -> None:
    broken, good = learners(1, 2)
    with torch.no_grad():
        broken.genome.up.fill_(torch.nan)
    before = numbers(good)
    train_together([broken, good], TASKS, Together(steps=2))
    assert numbers(good).isfinite().all()
    assert not torch.equal(numbers(good), before)


def test_losses_of_each_learner_are_shown_after_each_step() -> None:
    seen = []
    train_together(learners(1, 2, 3), TASKS, Together(steps=2), lambda step, losses_L: seen.append((step, losses_L)))
    assert [step for step, _ in seen] == [1, 2]
    assert all(losses_L.shape == (3,) and not losses_L.requires_grad for _, losses_L in seen)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(UserError, match="No learner"):
        train_together([], TASKS, Together(steps=1))
    with pytest.raises(UserError, match="steps = 0"):
        Together(steps=0)
    with pytest.raises(UserError, match="learning_rate = 0"):
        Together(steps=1, learning_rate=0)
