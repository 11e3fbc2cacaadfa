import pytest
import torch

import quickstudy
from quickstudy.baselines import Thompson
from quickstudy.core import ActingLearner
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.pretrained import open_weights

ACTING = [name for name in quickstudy.available() if isinstance(open_weights(name).experiment.learner, ActingLearner)]


def test_there_are_weights_that_act() -> None:
    assert "bandit-snail" in ACTING


@pytest.mark.parametrize("name", ACTING)
def test_they_get_at_least_the_reward_of_thompson_sampling(name: str, generator: torch.Generator) -> None:
    experiment = open_weights(name).experiment
    (source,) = experiment.test.values()
    bandits = source(None).environment  # type: ignore[attr-defined]
    rivals = experiment.learner, Thompson(bandits.num_arms, generator)
    learner, thompson = (total_reward(evaluate_trials(agent, bandits, 1_000, seed=1)) for agent in rivals)
    if name == "bandit-dpt":  # It samples from the posterior, too.
        assert learner.mean > thompson.mean - 0.02 * bandits.num_pulls
    else:
        assert learner.mean > thompson.mean + 0.4
