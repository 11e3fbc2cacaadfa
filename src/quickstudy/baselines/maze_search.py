"""A rule for mazes: it keeps a map, goes to the nearest square it has not seen, and once it has seen the goal, there.

Yamauchi, "A Frontier-Based Approach for Autonomous Exploration" (1997), on a grid. It knows what a learner knows: the
squares around itself, its own actions, and when an episode ends. So a learner can imitate it. It cannot imitate a
shortest way to a goal that nobody has seen.

Letters: T tasks, Q observations, G squares a side of the map, V squares a side that are seen, A actions.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core import Experience, categorical
from quickstudy.core.optimisation import refuse_count

_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Up, right, down, left."""
_FAR = 1e6
"""More steps than any way has. Squares that were not seen are so much farther than the goal."""


class MazeMap(NamedTuple):
    """What was seen of T mazes, around the start in the middle."""

    is_seen: Tensor
    """(T, G, G) booleans."""
    is_free: Tensor
    """(T, G, G) booleans: seen, and no wall."""
    is_goal: Tensor
    """(T, G, G) booleans: seen, and the goal."""
    place: Tensor
    """(T, 2): where one is, row and column of the map."""


class MazeSearch:
    """Searches in the first episode, and takes the shortest way that it knows in those that follow.

    Args:
        cells: cells a side of the mazes, or more.
        sight: how many squares one sees in each direction.
        generator: decides on which device maps are made.

    Raises:
        UserError: if there is no such maze.
    """

    def __init__(self, cells: int, sight: int, generator: torch.Generator) -> None:
        refuse_count("cells", cells, 2)
        refuse_count("sight", sight, 1)
        self.sight, self.device = sight, generator.device
        self.middle = 2 * cells - 2 + sight  # As far as one can see from as far as one can get.

    def prior(self, num_tasks: int) -> MazeMap:
        """Nothing was seen.

        Args:
            num_tasks: T.
        """
        side = 2 * self.middle + 1
        none_TGG = torch.zeros(num_tasks, side, side, dtype=torch.bool, device=self.device)
        return MazeMap(none_TGG, none_TGG, none_TGG, torch.full((num_tasks, 2), self.middle, device=self.device))

    def extend(self, state: MazeMap, experience: Experience) -> MazeMap:
        """Put on the map what was seen, and move. An episode that ends leads back to the start.

        Args:
            state: the map so far.
            experience: further steps (T, L).
        """
        moves_A2 = torch.tensor(_MOVES, device=self.device)
        for step in range(experience.action.shape[1]):
            state = self._seen(state, experience.observation[:, step])
            next_T2 = state.place + moves_A2[experience.action[:, step]]
            place_T2 = torch.where(_at(state.is_free, next_T2)[:, None], next_T2, state.place)
            state = state._replace(place=place_T2.masked_fill(experience.ended[:, step, None], self.middle))
        return state

    def predict(self, state: MazeMap, observation: Tensor) -> Categorical:
        """The first step of a shortest way, with certainty. Of several, the first in the order of the actions.

        Args:
            state: the map.
            observation: (T, Q, 2, V, V).
        """
        num_queries = observation.shape[1]
        repeated = MazeMap(*(field.repeat_interleave(num_queries, dim=0) for field in state))
        now = self._seen(repeated, observation.flatten(0, 1))
        steps = _steps_to_what_is_wanted(now)
        beside = [_at(steps, now.place + torch.tensor(move, device=self.device)) for move in _MOVES]
        first_TQ1 = torch.stack(beside, dim=1).argmin(dim=1).view(-1, num_queries, 1)
        nothing_TQA = torch.full((*first_TQ1.shape[:2], len(_MOVES)), -torch.inf, device=self.device)
        return categorical(nothing_TQA.scatter(-1, first_TQ1, 0.0))

    def _seen(self, state: MazeMap, observation_T2VV: Tensor) -> MazeMap:
        view_V = torch.arange(-self.sight, self.sight + 1, device=self.device)
        task_T11 = torch.arange(len(state.place), device=self.device)[:, None, None]
        where = task_T11, (state.place[:, :1] + view_V)[:, :, None], (state.place[:, 1:] + view_V)[:, None]
        wall_TVV, goal_TVV = observation_T2VV.bool().unbind(dim=1)
        return state._replace(
            is_seen=state.is_seen.index_put(where, torch.ones_like(wall_TVV)),
            is_free=state.is_free.index_put(where, ~wall_TVV),
            is_goal=state.is_goal.index_put(where, goal_TVV),
        )


def _at(map_TGG: Tensor, place_T2: Tensor) -> Tensor:
    return map_TGG[torch.arange(len(map_TGG), device=map_TGG.device), place_T2[:, 0], place_T2[:, 1]]


def _steps_to_what_is_wanted(state: MazeMap) -> Tensor:
    """Steps from each free square to the goal, or else, and much more, to the nearest one that was not seen."""
    steps_TGG = torch.full(state.is_seen.shape, torch.inf, device=state.place.device)
    steps_TGG = steps_TGG.masked_fill(~state.is_seen, _FAR).masked_fill(state.is_goal, 0.0)
    while True:
        around = F.pad(steps_TGG, (1, 1, 1, 1), value=torch.inf)
        across = torch.minimum(around[:, 1:-1, :-2], around[:, 1:-1, 2:])
        nearest_TGG = torch.minimum(torch.minimum(around[:, :-2, 1:-1], around[:, 2:, 1:-1]), across)
        better_TGG = torch.where(state.is_free, torch.minimum(steps_TGG, nearest_TGG + 1), steps_TGG)
        if torch.equal(better_TGG, steps_TGG):
            return steps_TGG
        steps_TGG = better_TGG
