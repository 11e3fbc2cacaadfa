"""Point navigation: a point moves on a square to a goal that it does not see, but is rewarded for being near.

Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks" (ICML 2017), section 5.3:
goals are uniform on a unit square, an action is a movement, the reward is minus the squared distance to the goal. There
an episode has 100 steps, or ends near the goal; here it has fewer, and ends at the last one.

Letters: T tasks.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Outcome
from quickstudy.core.optimisation import refuse_count
from quickstudy.tasks.made_on_device import MadeOnDevice

HALF_SIDE, LONGEST_MOVE = 0.5, 0.1
_CPU = torch.device("cpu")


class Square(NamedTuple):
    """T squares, with a point and a goal in each."""

    goal: Tensor
    """(T, 2)"""
    place: Tensor
    """(T, 2): where the point is now."""
    step: Tensor
    """(T,): steps of the present episode."""
    episode: Tensor
    """(T,): episodes that are over."""


@dataclass(frozen=True)
class Navigation(MadeOnDevice):
    """Squares with goals. Each episode starts at the centre; the goal is the same in all episodes of a trial.

    Args:
        episode_length: steps of an episode.
        practice_episodes: episodes at the start of a trial in which a learner finds out about the goal. They are
            reported apart.
        later_episodes: episodes after them.
        device: where squares are made.

    Raises:
        UserError: if there is no such navigation.
    """

    episode_length: int = 10
    practice_episodes: int = 20
    later_episodes: int = 20
    device: torch.device = _CPU

    def __post_init__(self) -> None:
        """Refuse what is no navigation."""
        for name in ("episode_length", "practice_episodes", "later_episodes"):
            refuse_count(name, getattr(self, name), 1)

    @property
    def num_actions(self) -> int:
        """An action is two numbers: the movement along each axis, of which 1 is the longest."""
        return 2

    @property
    def largest_action(self) -> float:
        """1, a movement by a tenth of the side."""
        return 1.0

    @property
    def observation_range(self) -> tuple[float, float]:
        """Places are from −0.5 to 0.5."""
        return -HALF_SIDE, HALF_SIDE

    @property
    def num_episodes(self) -> int:
        """All episodes of a trial."""
        return self.practice_episodes + self.later_episodes

    @property
    def num_steps(self) -> int:
        """The steps of all episodes."""
        return self.episode_length * self.num_episodes

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Where the point is: two numbers."""
        return (2,)

    def start(self, num_tasks: int, generator: torch.Generator) -> Square:
        """Draw T goals. The points are at the centre.

        Args:
            num_tasks: T.
            generator: the source of random numbers.
        """
        goal_T2 = HALF_SIDE * (2 * torch.rand(num_tasks, 2, generator=generator, device=self.device) - 1)
        zero_T = torch.zeros(num_tasks, dtype=torch.long, device=self.device)
        return Square(goal_T2, torch.zeros_like(goal_T2), zero_T, zero_T)

    def observe(self, world: Square) -> Tensor:
        """Where the points are, (T, 2).

        Args:
            world: T squares.
        """
        return world.place

    def act(self, world: Square, action: Tensor, generator: torch.Generator) -> Outcome:
        """Move each point. The edges of the square stop it.

        Args:
            world: T squares.
            action: (T, 2), from −1 to 1; numbers beyond act as these.
            generator: not used, as nothing is left to chance.
        """
        move_T2 = LONGEST_MOVE * action.to(world.place.dtype).clamp(-self.largest_action, self.largest_action)
        place_T2 = (world.place + move_T2).clamp(-HALF_SIDE, HALF_SIDE)
        reward_T = -(place_T2 - world.goal).square().sum(dim=1)
        step_T = world.step + 1
        ended_T = step_T >= self.episode_length
        moved = world._replace(
            place=place_T2.masked_fill(ended_T[:, None], 0.0),
            step=step_T.masked_fill(ended_T, 0),
            episode=world.episode + ended_T,
        )
        return Outcome(reward_T, ended_T, moved)

    def is_over(self, world: Square) -> Tensor:
        """Whether all episodes are over, (T,).

        Args:
            world: T squares.
        """
        return world.episode >= self.num_episodes

    def best_action(self, world: Square) -> Tensor:
        """The movement (T, 2) that leads nearest to the goal.

        Args:
            world: T squares.
        """
        move_T2 = (world.goal - world.place) / LONGEST_MOVE
        return move_T2.clamp(-self.largest_action, self.largest_action)
