"""Trials: an agent acts in a batch of worlds, step by step."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from quickstudy.core.acting import Agent, ChoosesAtOnce, Environment
from quickstudy.core.distributions import sampled
from quickstudy.core.experience import Experience


class Trials(NamedTuple):
    """What happened in T trials of L steps."""

    experience: Experience
    """What was seen, done and got."""
    is_real: Tensor
    """(T, L) booleans: the trial was not over yet."""
    log_probability: Tensor
    """(T, L): of each action, by the agent."""
    best_action: Tensor
    """(T, L), or (T, L, A) where actions are values: what one would have done who knows the worlds."""
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
        return self.experience.episode


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
    chances, real, best = [], [], []
    for _ in range(environment.num_steps):
        observation = environment.observe(world)[:, None]
        real.append(~environment.is_over(world))
        best.append(environment.best_action(world))
        if agent is None:
            action_T1 = best[-1][:, None]
            chances.append(observation.new_zeros(num_tasks, 1))
        else:
            if isinstance(agent, ChoosesAtOnce):
                prediction, state = agent.choose(state, observation)
            else:
                prediction = agent.predict(state, observation)
            action_T1 = sampled(prediction, generator)
            chances.append(prediction.log_prob(action_T1))
        reward, ended, world = environment.act(world, action_T1[:, 0], generator)
        steps.append(Experience(observation, action_T1, reward[:, None], ended[:, None]))
        if agent is not None:
            go_on = agent.conclude if isinstance(agent, ChoosesAtOnce) else agent.extend
            state = go_on(state, steps[-1])
        if bool(environment.is_over(world).all()):
            break
    experience = Experience(*(torch.cat(parts, dim=1) for parts in zip(*steps, strict=True)))
    is_real_TL, best_TL = torch.stack(real, dim=1), torch.stack(best, dim=1)
    return Trials(experience, is_real_TL, torch.cat(chances, dim=1), best_TL, start)
