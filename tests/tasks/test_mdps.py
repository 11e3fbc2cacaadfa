import itertools

import pytest
import torch

from quickstudy.core import Environment, UserError
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import MDPs
from quickstudy.tasks.mdps import solved


def test_processes_are_an_environment(generator: torch.Generator) -> None:
    environment = MDPs(num_episodes=3)
    assert isinstance(environment, Environment)
    assert (environment.num_actions, environment.num_steps, environment.observation_shape) == (5, 30, (10,))
    world = environment.start(4, generator)
    assert torch.allclose(world.transitions.sum(dim=-1), torch.ones(4, 10, 5))
    assert environment.observe(world).tolist() == [[1.0] + [0.0] * 9] * 4


def test_an_episode_has_its_length_and_the_next_one_begins_in_the_first_state(generator: torch.Generator) -> None:
    environment = MDPs(num_states=4, num_choices=2, episode_length=3)
    world = environment.start(50, generator)
    for step in range(1, 7):
        outcome = environment.act(world, torch.zeros(50, dtype=torch.long), generator)
        world = outcome.world
        assert outcome.ended.all() == (step % 3 == 0)
        assert outcome.ended.any() == (step % 3 == 0)
        assert (world.state == 0).all() == (step % 3 == 0)


def test_the_best_actions_are_better_than_all_other_plans(generator: torch.Generator) -> None:
    transitions = torch.rand(1, 2, 2, 2, generator=generator)
    transitions /= transitions.sum(dim=-1, keepdim=True)
    rewards = torch.randn(1, 2, 2, generator=generator)
    _, value = solved(transitions, rewards, 2)

    def worth(now: tuple[int, int], last: tuple[int, int]) -> float:
        later = torch.stack([rewards[0, state, last[state]] for state in range(2)])
        return float(rewards[0, 0, now[0]] + transitions[0, 0, now[0]] @ later)

    plans = itertools.product(itertools.product(range(2), repeat=2), repeat=2)
    assert float(value[0, 0]) == pytest.approx(max(worth(*plan) for plan in plans))


def test_the_optimum_is_that_of_the_specification_and_the_best_policy_reaches_it(generator: torch.Generator) -> None:
    environment = MDPs(num_episodes=2)
    assert float(environment.start(4_000, generator).optimum.mean()) == pytest.approx(21.83, abs=0.12)
    trials = evaluate_trials(None, environment, 500, seed=0)
    found, optimum = total_reward(trials), float(trials[0].world.optimum.mean())
    assert abs(found.mean - 2 * optimum) < 2 * found.interval95


def test_what_is_no_process_is_refused() -> None:
    with pytest.raises(UserError, match="num_states = 0"):
        MDPs(num_states=0)
