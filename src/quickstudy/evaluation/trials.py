"""Trials: an agent acts in a batch of worlds, step by step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Agent, Environment, Experience
from quickstudy.evaluation.intervals import Interval

_TASKS_AT_ONCE = 1_000


class Trials(NamedTuple):
    """What happened in T trials of L steps."""

    experience: Experience
    is_real: Tensor
    """(T, L) booleans: the trial was not over yet."""
    log_probability: Tensor
    """(T, L): of each action, by the agent."""
    world: Any
    """The worlds as they were at the start."""

    @property
    def reward(self) -> Tensor:
        """(T, L), zero where the trial was over."""
        return self.experience.reward * self.is_real

    @property
    def total(self) -> Tensor:
        """(T,): the reward of each trial."""
        return self.reward.sum(dim=1)

    @property
    def episode(self) -> Tensor:
        """(T, L): the number of the episode of each step, from 0."""
        ended_TL = self.experience.ended.long()
        return ended_TL.cumsum(dim=1) - ended_TL


def play(
    agent: Agent | None,
    environment: Environment,
    num_tasks: int,
    generator: torch.Generator,
    world: Any = None,
) -> Trials:
    """Let an agent act in T worlds, from the prior to the end of each trial. Actions are sampled.

    Args:
        agent: acts. None acts as one would who knows the worlds.
        environment: draws the worlds.
        num_tasks: T.
        generator: decides the worlds, the actions and their outcomes.
        world: T worlds to act in. Without it they are drawn.
    """
    start = world = environment.start(num_tasks, generator) if world is None else world
    state = None if agent is None else agent.prior(num_tasks)
    steps: list[Experience] = []
    chances, real = [], []
    for _ in range(environment.num_steps):
        observation = environment.observe(world)[:, None]
        real.append(~environment.is_over(world))
        if agent is None:
            action_T1 = environment.best_action(world)[:, None]
            chances.append(torch.zeros_like(action_T1, dtype=observation.dtype))
        else:
            prediction = agent.predict(state, observation)
            action_T1 = torch.multinomial(prediction.probs[:, 0], 1, generator=generator)
            chances.append(prediction.logits[:, 0].gather(1, action_T1))
        reward, ended, world = environment.act(world, action_T1[:, 0], generator)
        steps.append(Experience(observation, action_T1, reward[:, None], ended[:, None]))
        state = None if agent is None else agent.extend(state, steps[-1])
        if bool(environment.is_over(world).all()):
            break
    experience = Experience(*(torch.cat(parts, dim=1) for parts in zip(*steps, strict=True)))
    return Trials(experience, torch.stack(real, dim=1), torch.cat(chances, dim=1), start)


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
