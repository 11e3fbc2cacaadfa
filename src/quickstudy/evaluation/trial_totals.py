"""The reward of agents in worlds that are the same for all of them."""

from collections.abc import Callable

import numpy as np
import torch

from quickstudy.core import Agent, Environment, Trials, play
from quickstudy.evaluation.intervals import Interval

_TASKS_AT_ONCE = 1_000


def evaluate_trials(
    agent: Agent | None,
    environment: Environment,
    num_tasks: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> list[Trials]:
    """Trials of an agent in worlds that are the same for every agent, in batches.

    Args:
        agent: as for `play`.
        environment: draws the worlds.
        num_tasks: how many trials.
        seed: decides the worlds and what happens in them.
        progress: called with the number of trials that are done.
    """
    found: list[Trials] = []
    worlds, chance = (
        # Hashed, so that an agent's own generator of the same seed draws other numbers.
        torch.Generator(environment.device).manual_seed(int(np.random.SeedSequence([seed, part]).generate_state(1)[0]))
        for part in (1, 2)
    )
    with torch.no_grad():
        for first in range(0, num_tasks, _TASKS_AT_ONCE):
            size = min(_TASKS_AT_ONCE, num_tasks - first)
            found.append(play(agent, environment, size, chance, environment.start(size, worlds)))
            if progress is not None:
                progress(first + size)
    return found


def total_reward(trials: list[Trials]) -> Interval:
    """The mean reward of a trial and its interval.

    Args:
        trials: batches of trials.
    """
    return Interval.over(torch.cat([each.total for each in trials]))
