import pytest
import torch

from quickstudy.core import Environment, UserError, play
from quickstudy.evaluation import evaluate_trials
from quickstudy.tasks import Maze, Mazes
from quickstudy.tasks.mazes import steps_to

ROWS = torch.arange(200)


def test_mazes_are_an_environment(generator: torch.Generator) -> None:
    environment = Mazes(cells=4, sight=2)
    assert isinstance(environment, Environment)
    world = environment.start(3, generator)
    assert world.walls.shape == (3, 9, 9)
    assert environment.observe(world).shape == (3, *environment.observation_shape)


def test_every_square_can_be_reached_and_start_and_goal_differ(generator: torch.Generator) -> None:
    world = Mazes(cells=4, openings=0.0).start(200, generator)
    assert world.distance[~world.walls].isfinite().all()
    assert (world.start != world.goal).any(dim=1).all()
    # A tree of sixteen cells has fifteen passages.
    assert ((~world.walls).sum(dim=(1, 2)) == 16 + 15).all()


def test_openings_take_walls_away(generator: torch.Generator) -> None:
    few, many = (Mazes(openings=share).start(100, generator).walls.float().mean() for share in (0.0, 1.0))
    assert many < few


def test_search_finds_the_shortest_ways() -> None:
    walls = torch.tensor([[[0, 0, 0], [1, 1, 0], [0, 0, 0]]]).bool()
    assert steps_to(walls, torch.tensor([[2, 0]])).tolist() == [[[6, 5, 4], [torch.inf, torch.inf, 3], [0, 1, 2]]]


def test_a_wall_stops_and_a_free_square_is_entered(generator: torch.Generator) -> None:
    environment = Mazes()
    world = environment.start(200, generator)
    outcome = environment.act(world, torch.zeros(200, dtype=torch.long), generator)
    above_is_wall = world.walls[ROWS, world.start[:, 0] - 1, world.start[:, 1]]
    assert torch.equal(environment.observe(world)[:, 0, 0, 1].bool(), above_is_wall)
    assert (outcome.world.place[above_is_wall] == world.place[above_is_wall]).all()
    moved = ~above_is_wall & ~outcome.ended
    assert (outcome.world.place[moved] == world.place[moved] - torch.tensor([1, 0])).all()


def test_the_goal_is_seen_when_it_is_near(generator: torch.Generator) -> None:
    environment = Mazes()
    world = environment.start(200, generator)
    is_near = ((world.place - world.goal).abs() <= 1).all(dim=1)
    assert torch.equal(environment.observe(world)[:, 1].sum(dim=(1, 2)) == 1, is_near)
    at_goal = environment.observe(world._replace(place=world.goal))
    assert (at_goal[:, 1, 1, 1] == 1).all()


def test_who_knows_the_maze_takes_the_shortest_way_in_each_episode() -> None:
    trials = evaluate_trials(None, Mazes(), 200, seed=1)[0]
    world: Maze = trials.world
    shortest = world.distance[ROWS, world.start[:, 0], world.start[:, 1]]
    assert torch.equal(trials.is_real.sum(dim=1).float(), 2 * shortest)
    assert torch.allclose(trials.total, 2 * (1 - 0.01 * shortest), atol=1e-4)


def test_an_episode_ends_without_the_goal_after_its_steps(generator: torch.Generator) -> None:
    environment = Mazes(episode_length=3)
    world = environment.start(200, generator)
    bumping = environment.best_action(world)
    for step in range(6):
        # Against the best action, the goal is never reached.
        away = (environment.best_action(world) + 2) % 4
        outcome = environment.act(world, away, generator)
        assert bool(outcome.ended.all()) == (step % 3 == 2)
        world = outcome.world
    assert environment.is_over(world).all()
    assert (world.place == world.start).all()
    assert bumping.shape == (200,)


def test_steps_after_the_end_of_a_trial_give_nothing(generator: torch.Generator) -> None:
    trials = play(None, Mazes(), 50, generator)
    assert not trials.is_real.all()
    assert (trials.reward[~trials.is_real] == 0).all()


@pytest.mark.parametrize("options", [{"cells": 1}, {"sight": 0}, {"openings": 1.5}])
def test_what_is_no_maze_is_refused(options) -> None:
    with pytest.raises(UserError, match="was expected"):
        Mazes(**options)
