"""The law that takes a training: from its support alone, a learner learns."""

import copy

import torch

from quickstudy.core import Learner, Tasks
from quickstudy.testing.comparing import adapt, demand, num_ways, predict


def training_beats_chance(learner: Learner, tasks: Tasks, steps: int) -> None:
    """Training on a few tasks beats chance, and wrong support labels give chance.

    Labels change in every step, so the answers follow from the support alone.

    Args:
        learner: The learner, of which a copy is trained.
        tasks: A few small tasks, whose supports have every class.
        steps: Optimiser steps.

    Raises:
        LawBrokenError: if the accuracy is hardly above chance, or above it with wrong labels.
    """
    generator = torch.Generator().manual_seed(0)
    trained = copy.deepcopy(learner).float().train()
    single = tasks.to("cpu", torch.float32)
    parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    if parameters:
        optimiser = torch.optim.Adam(parameters, lr=1e-3)
        for _ in range(steps):
            optimiser.zero_grad()
            trained(_relabelled(single, generator)).backward()
            optimiser.step()
    trained.eval()
    chance = 1 / num_ways(tasks)
    true, wrong = [], []
    for _ in range(20):
        drawn = _relabelled(single, generator)
        true.append(_accuracy(trained, drawn))
        # Every label at every class equally often: by luck alone a few tasks could stray far from chance.
        for shift in range(num_ways(tasks)):
            shifted = (drawn.support_y + shift) % num_ways(tasks)
            wrong.append(_accuracy(trained, drawn._replace(support_y=shifted)))
    mean, misled = (sum(values) / len(values) for values in (true, wrong))
    demand(
        mean > chance + 0.25 * (1 - chance),
        f"after {steps} steps on these very tasks it is right {mean:.0%} of the time, hardly above the chance of "
        f"{chance:.0%}. Does the prediction depend on the support?",
    )
    demand(
        abs(misled - chance) < 0.1,
        f"with support labels that say nothing it is right {misled:.0%} of the time, and chance is {chance:.0%}. "
        "The answers reach it by another way than the support.",
    )


def _relabelled(tasks: Tasks, generator: torch.Generator) -> Tasks:
    order_TN = torch.rand(len(tasks.support_y), num_ways(tasks), generator=generator).argsort(dim=1)
    return tasks._replace(support_y=order_TN.gather(1, tasks.support_y), query_y=order_TN.gather(1, tasks.query_y))


def _accuracy(learner: Learner, tasks: Tasks) -> float:
    with torch.no_grad():
        guesses = predict(learner, adapt(learner, tasks), tasks).probs.argmax(dim=-1)  # type: ignore[attr-defined]
    return float((guesses == tasks.query_y).double().mean())
