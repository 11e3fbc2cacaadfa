import pytest
import torch

import quickstudy
from quickstudy.baselines import Thompson
from quickstudy.core import ActingLearner
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.pretrained import open_weights
from quickstudy.protocols.trial_rewards import figures
from quickstudy.tasks import PUBLISHED_NORMALISER, Bandits, Mazes, MDPs

ACTING = [name for name in quickstudy.available() if isinstance(open_weights(name).experiment.learner, ActingLearner)]


def _in(kind: type) -> list[str]:
    return [name for name in ACTING if isinstance(_environment(name), kind)]


def _environment(name: str):
    (source,) = open_weights(name).experiment.test.values()
    return source(None).environment  # type: ignore[attr-defined]


def test_there_are_weights_that_act() -> None:
    assert "bandit-snail" in ACTING


@pytest.mark.parametrize("name", _in(Bandits))
def test_they_get_at_least_the_reward_of_thompson_sampling(name: str, generator: torch.Generator) -> None:
    bandits = _environment(name)
    rivals = open_weights(name).experiment.learner, Thompson(bandits.num_arms, generator)
    learner, thompson = (total_reward(evaluate_trials(agent, bandits, 1_000, seed=1)) for agent in rivals)
    if name == "bandit-dpt":  # It samples from the posterior, too.
        assert learner.mean > thompson.mean - 0.02 * bandits.num_pulls
    else:
        assert learner.mean > thompson.mean + 0.4


@pytest.mark.parametrize("name", _in(MDPs) or [None])
def test_in_processes_they_get_more_than_posterior_sampling(name: str | None) -> None:
    if name is None:
        pytest.skip("No weights act in processes.")
    processes = _environment(name)
    found = total_reward(evaluate_trials(open_weights(name).experiment.learner, processes, 300, seed=1))
    assert found.mean > 0.7 * PUBLISHED_NORMALISER * processes.num_episodes


@pytest.mark.parametrize("name", _in(Mazes) or [None])
def test_in_mazes_the_second_episode_is_shorter(name: str | None) -> None:
    if name is None:
        pytest.skip("No weights act in mazes.")
    mazes = _environment(name)
    found = figures(mazes, evaluate_trials(open_weights(name).experiment.learner, mazes, 300, seed=1))
    assert found["steps, episode 2"].mean < 0.7 * found["steps, episode 1"].mean
