"""The search of mazes: it finds the goal in unknown mazes, and takes a shortest known way from then on."""

import pytest
import torch

from quickstudy.baselines import MazeMap, MazeSearch
from quickstudy.core import Experience, UserError, play
from quickstudy.tasks import Mazes
from quickstudy.tasks.mazes import Maze, steps_to

NEVER_RANDOM = torch.Generator()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def corridor(place: int) -> tuple[Mazes, Maze]:
    """One way of five squares, with the goal at its right end."""
    mazes = Mazes(cells=3, openings=0.0)
    walls = torch.ones(1, 7, 7, dtype=torch.bool)
    walls[0, 1, 1:6] = False
    start, goal, zero = torch.tensor([[1, place]]), torch.tensor([[1, 5]]), torch.zeros(1, dtype=torch.long)
    return mazes, Maze(walls, steps_to(walls, goal), start, goal, start, zero, zero)


def acted(mazes: Mazes, world: Maze, steps: int) -> tuple[list[int], list[bool], MazeMap]:
    """Actions, ends of episodes, and the map afterwards."""
    rule = MazeSearch(mazes.cells, mazes.sight, seeded())
    state, actions, ends = rule.prior(1), [], []
    for _ in range(steps):
        observation = mazes.observe(world)[:, None]
        action = rule.predict(state, observation).probs.argmax(dim=-1)
        outcome = mazes.act(world, action[:, 0], NEVER_RANDOM)
        state = rule.extend(state, Experience(observation, action, outcome.reward[:, None], outcome.ended[:, None]))
        world = outcome.world
        actions.append(int(action))
        ends.append(bool(outcome.ended))
    return actions, ends, state


def test_it_goes_to_the_nearest_square_that_it_has_not_seen_and_then_to_the_goal() -> None:
    actions, ends, _ = acted(*corridor(place=2), steps=9)
    # From the second square, the end on the left is seen, but not what lies beyond the third: right, right, right.
    assert actions[:3] == [1, 1, 1]
    assert ends[:3] == [False, False, True]
    assert actions[3:6] == [1, 1, 1]


def test_a_dead_end_is_left_for_the_next_unknown_square() -> None:
    mazes, world = corridor(place=3)
    goal = torch.tensor([[1, 1]])
    world = world._replace(goal=goal, distance=steps_to(world.walls, goal))
    actions, ends, _ = acted(mazes, world, steps=8)
    assert actions == [1, 1, 3, 3, 3, 3, 3, 3]  # The end on the right, back to the goal, and again from the start.
    assert [step for step, ended in enumerate(ends) if ended] == [5, 7]


def test_its_map_is_what_was_seen_around_the_start() -> None:
    mazes, world = corridor(place=1)
    _, _, state = acted(mazes, world, steps=1)
    middle = MazeSearch(3, 1, seeded()).middle
    assert state.is_seen[0].sum() == 9
    assert state.is_free[0].nonzero().tolist() == [[middle, middle], [middle, middle + 1]]
    assert state.place.tolist() == [[middle, middle + 1]]


def test_the_map_is_large_enough_for_any_start_and_any_sight() -> None:
    for cells, sight in ((2, 1), (4, 1), (3, 2)):
        mazes = Mazes(cells=cells, sight=sight, episode_length=200)
        trials = play(MazeSearch(cells, sight, seeded()), mazes, 60, seeded())
        assert trials.experience.ended.sum(dim=1).ge(2).all()


def test_it_always_finds_the_goal_and_afterwards_needs_no_more_steps_than_before() -> None:
    mazes = Mazes(cells=3, openings=0.0, episode_length=200)  # In a tree, there is one way.
    trials = play(MazeSearch(3, 1, seeded()), mazes, 200, seeded())
    ended_TL, steps_TL = trials.experience.ended, torch.arange(trials.experience.ended.shape[1])
    ends_T2 = torch.stack([steps_TL[row][:2] for row in ended_TL])
    first_T, second_T = ends_T2[:, 0] + 1, ends_T2[:, 1] - ends_T2[:, 0]
    start, world = mazes.start(200, seeded()).start, trials.world
    shortest_T = world.distance[torch.arange(200), start[:, 0], start[:, 1]]
    assert torch.equal(second_T.float(), shortest_T)
    assert (first_T >= second_T).all()
    assert first_T.float().mean() > 1.5 * second_T.float().mean()


def test_several_observations_are_several_possible_presents() -> None:
    mazes, world = corridor(place=2)
    rule = MazeSearch(3, 1, seeded())
    once = mazes.observe(world)[:, None]
    elsewhere = mazes.observe(corridor(place=4)[1])[:, None]
    both = rule.predict(rule.prior(1), torch.cat([once, elsewhere], dim=1)).probs
    assert torch.equal(both[:, :1], rule.predict(rule.prior(1), once).probs)
    assert torch.equal(both[:, 1:], rule.predict(rule.prior(1), elsewhere).probs)


@pytest.mark.parametrize(("cells", "sight", "message"), [(1, 1, "cells = 1"), (3, 0, "sight = 0")])
def test_there_are_no_mazes_of_one_cell_and_no_blind_search(cells: int, sight: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MazeSearch(cells, sight, seeded())
