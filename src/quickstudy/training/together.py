"""Training of several small learners at once, whose results depend much on where they start.

Letters: L learners.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from quickstudy.core import Learner, TaskDistribution, Tasks, UserError
from quickstudy.training.process_steps import step_generator


@dataclass(frozen=True, kw_only=True)
class Together:
    """How long to train, and on what.

    Raises:
        UserError: if no training is possible with a setting.
    """

    steps: int
    """Optimiser steps."""
    tasks_per_step: int = 4
    """Tasks of a step, which are the same for all learners."""
    learning_rate: float = 3e-3
    """Rate of Adam."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient of each learner."""
    seed: int = 0
    """Decides the tasks and the random numbers of the learners."""

    def __post_init__(self) -> None:
        """Refuse settings with which no training is possible."""
        for name in ("steps", "tasks_per_step"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)} was given, but a whole number from 1 was expected.")
        for name in ("learning_rate", "gradient_clip"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name} = {getattr(self, name)} was given, but a number above 0 was expected.")


def train_together(
    learners: Sequence[Learner],
    tasks: TaskDistribution,
    settings: Together,
    after_step: Callable[[int, Tensor], None] = lambda step, losses_L: None,
) -> None:
    """Train learners of one structure in place, in one batch. Each gets the gradient of its own loss.

    A learner whose gradient is no number stays as it is in that step.

    Args:
        learners: differ in weights and buffers alone.
        tasks: draws the tasks.
        settings: how long to train, and on what.
        after_step: called with the number of steps and the loss of each learner, when the learners have their new
            weights.

    Raises:
        UserError: if there is no learner.
    """
    if not learners:
        raise UserError("No learner was given, but one at least was expected.")
    for learner in learners:
        learner.train()
    weights, buffers = stack_module_state(list(learners))
    trained = {name: each for name, each in weights.items() if each.requires_grad}
    skeleton = copy.deepcopy(learners[0])
    optimiser = torch.optim.Adam(trained.values(), lr=settings.learning_rate)

    def loss(own: dict[str, Tensor], own_buffers: dict[str, Tensor], drawn: Tasks) -> Tensor:
        return functional_call(skeleton, (own, own_buffers), (drawn,))

    losses_of = vmap(loss, in_dims=(0, 0, None), randomness="same")
    for step in range(settings.steps):
        drawn = tasks.sample(settings.tasks_per_step, step_generator(tasks, settings.seed, 0, step))
        with torch.random.fork_rng():
            torch.manual_seed(hash((settings.seed, step)) % 2**63)
            losses_L = losses_of(weights, buffers, drawn)
        optimiser.zero_grad()
        losses_L.sum().backward()
        _clip(list(trained.values()), settings.gradient_clip)
        optimiser.step()
        _give(learners, weights)
        after_step(step + 1, losses_L.detach())


def _clip(trained: Sequence[Tensor], largest: float) -> None:
    """Shorten the gradient of each learner, or set it to zero where it is no number."""
    gradients = [each.grad for each in trained if each.grad is not None]
    norm_L = torch.stack([each.flatten(1).square().sum(dim=1) for each in gradients]).sum(dim=0).sqrt()
    factor_L = torch.where(norm_L.isfinite(), (largest / (norm_L + 1e-6)).clamp(max=1.0), 0.0)
    for each in gradients:
        each.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        each.mul_(factor_L.view(-1, *[1] * (each.ndim - 1)))


def _give(learners: Sequence[Learner], weights: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for index, learner in enumerate(learners):
            for name, parameter in learner.named_parameters():
                parameter.copy_(weights[name][index])
