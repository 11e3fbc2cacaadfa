"""Bandits: each arm gives random rewards with a mean that one finds out by pulling it.

Duan et al., "RL²: Fast Reinforcement Learning via Slow Reinforcement Learning" (2016), section 3.1: the means of
Bernoulli arms are uniform on [0, 1], and each pull is an episode.

Letters: T tasks, K arms.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Outcome
from quickstudy.core.optimisation import refuse_count, refuse_kind
from quickstudy.tasks.made_on_device import MadeOnDevice

Rewards = Literal["bernoulli", "gaussian"]

_CPU = torch.device("cpu")


class Bandit(NamedTuple):
    """T bandits."""

    means: Tensor
    """(T, K): the mean reward of each arm."""


@dataclass(frozen=True)
class Bandits(MadeOnDevice):
    """Bandits with independent arms.

    Args:
        num_arms: K.
        num_pulls: pulls of a trial.
        rewards: "bernoulli" gives 0 or 1 with means uniform on [0, 1]; "gaussian" gives rewards with standard
            deviation 1 around means that are themselves standard normal.
        device: where bandits are made.

    Raises:
        UserError: if there is no such bandit.
    """

    num_arms: int = 5
    num_pulls: int = 10
    rewards: Rewards = "bernoulli"
    device: torch.device = _CPU

    def __post_init__(self) -> None:
        """Refuse what is no bandit."""
        refuse_count("num_arms", self.num_arms, 1)
        refuse_count("num_pulls", self.num_pulls, 1)
        refuse_kind("rewards", self.rewards, ("bernoulli", "gaussian"))

    @property
    def num_actions(self) -> int:
        """One for each arm."""
        return self.num_arms

    @property
    def num_steps(self) -> int:
        """The pulls."""
        return self.num_pulls

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """One number, which never changes: there is nothing to see."""
        return (1,)

    def start(self, num_tasks: int, generator: torch.Generator) -> Bandit:
        """Draw the means of T bandits.

        Args:
            num_tasks: T.
            generator: the source of random numbers.
        """
        draw = torch.rand if self.rewards == "bernoulli" else torch.randn
        return Bandit(draw(num_tasks, self.num_arms, generator=generator, device=self.device))

    def observe(self, world: Bandit) -> Tensor:
        """Ones (T, 1).

        Args:
            world: T bandits.
        """
        return world.means.new_ones(len(world.means), 1)

    def act(self, world: Bandit, action: Tensor, generator: torch.Generator) -> Outcome:
        """Pull one arm of each bandit.

        Args:
            world: T bandits.
            action: (T,) arms.
            generator: the source of random numbers.
        """
        mean_T = self.mean_reward(world, action)
        if self.rewards == "bernoulli":
            reward_T = torch.bernoulli(mean_T, generator=generator)
        else:
            reward_T = mean_T + torch.randn(mean_T.shape, generator=generator, device=mean_T.device)
        return Outcome(reward_T, torch.ones_like(mean_T, dtype=torch.bool), world)

    def is_over(self, world: Bandit) -> Tensor:
        """Never before the last pull.

        Args:
            world: T bandits.
        """
        return torch.zeros(len(world.means), dtype=torch.bool, device=world.means.device)

    def best_action(self, world: Bandit) -> Tensor:
        """The arm (T,) with the highest mean.

        Args:
            world: T bandits.
        """
        return world.means.argmax(dim=1)

    def mean_reward(self, world: Bandit, action: Tensor) -> Tensor:
        """The mean reward of arms.

        Args:
            world: T bandits.
            action: arms (T,) or (T, L).
        """
        return world.means.gather(1, action.view(len(action), -1)).view(action.shape)

    def regret(self, world: Bandit, action: Tensor) -> Tensor:
        """How much lower the mean reward of arms is than that of the best arm.

        Args:
            world: T bandits.
            action: arms (T, L).
        """
        return world.means.amax(dim=1, keepdim=True) - self.mean_reward(world, action)
