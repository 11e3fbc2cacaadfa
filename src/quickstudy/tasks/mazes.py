"""Mazes with a goal that is found in the first episode and remembered in the second.

The setting of the visual navigation of Mishra et al., "A Simple Neural Attentive Meta-Learner" (2018), section 4.2,
and of Duan et al., "RL²" (2016), section 3.3, on a grid: one sees only the squares around oneself. Maze, start and goal
are the same in all episodes of a trial.

Letters: T tasks, G squares a side, N cells, E passages between cells, V squares a side that are seen.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core import Outcome
from quickstudy.core.optimisation import refuse_count, refuse_number
from quickstudy.tasks.made_on_device import MadeOnDevice

GOAL_REWARD, STEP_REWARD, BUMP_REWARD = 1.0, -0.01, -0.001
_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Up, right, down, left."""

_CPU = torch.device("cpu")


class Maze(NamedTuple):
    """T mazes, with somebody in each."""

    walls: Tensor
    """(T, G, G) booleans."""
    distance: Tensor
    """(T, G, G): steps from each square to the goal."""
    start: Tensor
    """(T, 2): row and column."""
    goal: Tensor
    """(T, 2)"""
    place: Tensor
    """(T, 2): where one is now."""
    step: Tensor
    """(T,): steps of the present episode."""
    episode: Tensor
    """(T,): episodes that are over."""


@dataclass(frozen=True)
class Mazes(MadeOnDevice):
    """Random mazes on a grid. The actions are up, right, down and left.

    Args:
        cells: cells a side. A maze has 2 · cells + 1 squares a side, with the walls.
        openings: share of the walls between cells that are taken away, which makes ways around.
        sight: how many squares one sees in each direction.
        episode_length: most steps of an episode, which ends at the goal.
        num_episodes: episodes of a trial.
        device: where mazes are made.

    Raises:
        UserError: if there is no such maze.
    """

    cells: int = 3
    openings: float = 0.1
    sight: int = 1
    episode_length: int = 40
    num_episodes: int = 2
    device: torch.device = _CPU

    def __post_init__(self) -> None:
        """Refuse what is no maze."""
        refuse_count("cells", self.cells, 2)
        for name in ("sight", "episode_length", "num_episodes"):
            refuse_count(name, getattr(self, name), 1)
        refuse_number("openings", self.openings, "from 0 to 1", lambda value: 0 <= value <= 1)

    @property
    def num_actions(self) -> int:
        """Up, right, down, left."""
        return len(_MOVES)

    @property
    def num_steps(self) -> int:
        """The steps of all episodes, if the goal is never reached."""
        return self.episode_length * self.num_episodes

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Two pictures (2, V, V) of the squares around: the walls, and the goal."""
        return 2, 2 * self.sight + 1, 2 * self.sight + 1

    def start(self, num_tasks: int, generator: torch.Generator) -> Maze:
        """Draw T mazes, with a start and another square as goal.

        Args:
            num_tasks: T.
            generator: the source of random numbers.
        """
        walls_TGG = self._walls(num_tasks, generator)
        order_TN = torch.rand(num_tasks, self.cells**2, generator=generator, device=self.device).argsort(dim=1)
        start_T2, goal_T2 = (
            1 + 2 * torch.stack([cell_T // self.cells, cell_T % self.cells], dim=1) for cell_T in order_TN[:, :2].T
        )
        zero_T = torch.zeros(num_tasks, dtype=torch.long, device=self.device)
        return Maze(walls_TGG, steps_to(walls_TGG, goal_T2), start_T2, goal_T2, start_T2, zero_T, zero_T)

    def observe(self, world: Maze) -> Tensor:
        """The squares around, (T, 2, V, V): 1 at walls, and 1 at the goal. Outside of the maze all is wall.

        Args:
            world: T mazes.
        """
        goal_TGG = torch.zeros_like(world.walls)
        task_T = torch.arange(len(goal_TGG), device=goal_TGG.device)
        goal_TGG[task_T, world.goal[:, 0], world.goal[:, 1]] = True
        sight = (self.sight,) * 4
        both_T2GG = torch.stack([F.pad(world.walls, sight, value=True), F.pad(goal_TGG, sight)], dim=1)
        view_V = torch.arange(2 * self.sight + 1, device=goal_TGG.device)
        rows_TV1 = (world.place[:, :1] + view_V)[:, :, None]
        columns_T1V = (world.place[:, 1:] + view_V)[:, None]
        return both_T2GG[task_T[:, None, None], :, rows_TV1, columns_T1V].movedim(-1, 1).float()

    def act(self, world: Maze, action: Tensor, generator: torch.Generator) -> Outcome:
        """Move by one square in each maze; walls do not give way.

        Args:
            world: T mazes.
            action: (T,).
            generator: not used, as nothing is left to chance.
        """
        place_T2 = self.moved_to(world, action)
        is_wall_T = (place_T2 == world.place).all(dim=1)
        found_T = (place_T2 == world.goal).all(dim=1)
        ended_T = found_T | (world.step + 1 >= self.episode_length)
        moved = world._replace(
            place=torch.where(ended_T[:, None], world.start, place_T2),
            step=(world.step + 1).masked_fill(ended_T, 0),
            episode=world.episode + ended_T,
        )
        return Outcome(STEP_REWARD + GOAL_REWARD * found_T + BUMP_REWARD * is_wall_T, ended_T, moved)

    def moved_to(self, world: Maze, action: Tensor) -> Tensor:
        """The squares (T, 2) that a move leads to, before an episode that ends there starts anew.

        Args:
            world: T mazes.
            action: (T,).
        """
        task_T = torch.arange(len(action), device=action.device)
        next_T2 = world.place + torch.tensor(_MOVES, device=action.device)[action]
        is_wall_T = world.walls[task_T, next_T2[:, 0], next_T2[:, 1]]
        return torch.where(is_wall_T[:, None], world.place, next_T2)

    def is_over(self, world: Maze) -> Tensor:
        """Whether all episodes are over, (T,).

        Args:
            world: T mazes.
        """
        return world.episode >= self.num_episodes

    def best_action(self, world: Maze) -> Tensor:
        """A step (T,) of a shortest way to the goal.

        Args:
            world: T mazes.
        """
        moves_A2 = torch.tensor(_MOVES, device=world.place.device)
        next_TA2 = world.place[:, None] + moves_A2
        task_T1 = torch.arange(len(next_TA2), device=next_TA2.device)[:, None]
        return world.distance[task_T1, next_TA2[..., 0], next_TA2[..., 1]].argmin(dim=1)

    def _walls(self, num_tasks: int, generator: torch.Generator) -> Tensor:
        """Cells joined by a random spanning tree, which Prim's algorithm grows in all mazes at once, and openings."""
        first_E, second_E, place_E2 = self._passages()
        weight_TE = torch.rand(num_tasks, len(first_E), generator=generator, device=self.device)
        is_open_TE = torch.rand(weight_TE.shape, generator=generator, device=self.device) < self.openings
        joined_TN = torch.zeros(num_tasks, self.cells**2, dtype=torch.bool, device=self.device)
        joined_TN[:, 0] = True
        for _ in range(self.cells**2 - 1):
            leads_out_TE = joined_TN[:, first_E] != joined_TN[:, second_E]
            next_T1 = weight_TE.masked_fill(~leads_out_TE, torch.inf).argmin(dim=1, keepdim=True)
            is_open_TE = is_open_TE.scatter(1, next_T1, True)
            joined_TN = joined_TN.scatter(1, first_E[next_T1], True).scatter(1, second_E[next_T1], True)
        side = 2 * self.cells + 1
        walls_TGG = torch.ones(num_tasks, side, side, dtype=torch.bool, device=self.device)
        walls_TGG[:, 1::2, 1::2] = False
        walls_TGG[:, place_E2[:, 0], place_E2[:, 1]] = ~is_open_TE
        return walls_TGG

    def _passages(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of each two neighbouring cells their numbers, and the square between them."""
        cell_NN = torch.arange(self.cells**2, device=self.device).view(self.cells, self.cells)
        below = cell_NN[:-1].flatten(), cell_NN[1:].flatten()
        beside = cell_NN[:, :-1].flatten(), cell_NN[:, 1:].flatten()
        first_E, second_E = (torch.cat(parts) for parts in zip(below, beside, strict=True))
        row_E = 1 + first_E // self.cells + second_E // self.cells
        column_E = 1 + first_E % self.cells + second_E % self.cells
        return first_E, second_E, torch.stack([row_E, column_E], dim=1)


def steps_to(walls_TGG: Tensor, goal_T2: Tensor) -> Tensor:
    """Breadth-first search from the goal of each maze: steps from each square, (T, G, G). From walls they are infinite.

    Args:
        walls_TGG: booleans.
        goal_T2: row and column.
    """
    reached_TGG = torch.zeros_like(walls_TGG)
    reached_TGG[torch.arange(len(goal_T2), device=goal_T2.device), goal_T2[:, 0], goal_T2[:, 1]] = True
    steps_TGG = torch.full(walls_TGG.shape, torch.inf, device=walls_TGG.device).masked_fill(reached_TGG, 0.0)
    number = 0
    while True:
        number += 1
        around_TGG = F.pad(reached_TGG, (1, 1, 1, 1))
        beside = around_TGG[:, :-2, 1:-1] | around_TGG[:, 2:, 1:-1] | around_TGG[:, 1:-1, :-2] | around_TGG[:, 1:-1, 2:]
        new_TGG = beside & ~reached_TGG & ~walls_TGG
        if not bool(new_TGG.any()):
            return steps_TGG
        steps_TGG = steps_TGG.masked_fill(new_TGG, float(number))
        reached_TGG = reached_TGG | new_TGG
