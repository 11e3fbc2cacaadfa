import pytest
import torch

from quickstudy.core import ActsByValues, Environment, UserError, play
from quickstudy.tasks import Navigation, RandomMoves, ShownTrials


def test_it_is_an_environment_with_actions_that_are_values() -> None:
    assert isinstance(Navigation(), Environment)
    assert isinstance(Navigation(), ActsByValues)


def test_goals_are_uniform_on_the_square(generator: torch.Generator) -> None:
    goal = Navigation().start(40_000, generator).goal
    assert float(goal.min()) >= -0.5
    assert float(goal.max()) <= 0.5
    assert torch.allclose(goal.mean(dim=0), torch.zeros(2), atol=0.006)
    assert torch.allclose(goal.var(dim=0), torch.full((2,), 1 / 12), atol=0.003)


def test_the_reward_is_minus_the_squared_distance_after_the_move(generator: torch.Generator) -> None:
    environment = Navigation()
    world = environment.start(5, generator)
    action = 2 * torch.rand(5, 2, generator=generator) - 1
    reward, _, after = environment.act(world, action, generator)
    assert torch.allclose(after.place, 0.1 * action)
    assert torch.allclose(reward, -(0.1 * action - world.goal).square().sum(dim=1))


def test_long_moves_and_the_edges_are_cut(generator: torch.Generator) -> None:
    environment = Navigation(episode_length=20)
    world = environment.start(1, generator)
    for _ in range(7):
        world = environment.act(world, torch.tensor([[5.0, -1.0]]), generator).world
    assert torch.allclose(world.place, torch.tensor([[0.5, -0.5]]))


def test_episodes_begin_at_the_centre_with_the_same_goal(generator: torch.Generator) -> None:
    environment = Navigation(3, 1, 1)
    trials = play(RandomMoves(2, 1.0, generator), environment, 4, generator)
    place = trials.experience.observation
    assert not place[:, [0, 3]].any()
    assert place[:, [1, 2, 4, 5]].any(dim=-1).all()
    assert trials.experience.ended[0].tolist() == [False, False, True] * 2
    assert trials.is_real.all()
    assert trials.experience.action.shape == (4, 6, 2)
    assert trials.log_probability.shape == (4, 6)


def test_no_action_is_better_than_the_best_one(generator: torch.Generator) -> None:
    environment = Navigation(8, 1, 1)
    world = environment.start(300, generator)
    best = environment.act(world, environment.best_action(world), generator).reward
    for _ in range(20):
        other = 2 * torch.rand(300, 2, generator=generator) - 1
        assert (environment.act(world, other, generator).reward <= best + 1e-6).all()
    known = play(None, environment, 300, generator, world)
    # Five moves reach every place of the square.
    assert float(known.reward[:, 5:8].abs().max()) < 1e-10


def test_trials_can_be_shown(generator: torch.Generator) -> None:
    shown = ShownTrials(Navigation(3, 1, 1)).sample(4, generator)
    assert shown.support_y.shape == (4, 6, 4)
    assert shown.query_y.shape == (4, 6, 2)


def test_what_is_no_navigation_is_refused() -> None:
    with pytest.raises(UserError, match="practice_episodes"):
        Navigation(practice_episodes=0)
