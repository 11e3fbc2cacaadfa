"""Against the simulated and the published figures of the specification, within two standard errors of both."""

import math

import pytest
import torch

from quickstudy.baselines import (
    OPSRL,
    PSRL,
    UCRL2,
    EpsilonGreedyPlanner,
    GreedyPlanner,
    RandomChoice,
    ShortSighted,
    Sizes,
)
from quickstudy.core import Experience, UserError
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import MDPs

SIZES = Sizes(10, 5, 10)
CHANCE = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (RandomChoice(SIZES, CHANCE), 100.1),
        (PSRL(SIZES, CHANCE), 140.0),
        (PSRL(SIZES, CHANCE, prior_mean=1.0), 133.0),
        (OPSRL(5, SIZES, CHANCE), 144.1),
        (UCRL2(0.03, SIZES, CHANCE), 146.6),
        (GreedyPlanner(SIZES, CHANCE, ties="first"), 130.0),
        (GreedyPlanner(SIZES, CHANCE, prior_mean=1.0, ties="first"), 147.5),
    ],
)
def test_agents_get_the_rewards_of_the_specification(agent, expected) -> None:
    found = total_reward(evaluate_trials(agent, MDPs(), 300, seed=3))
    assert abs(found.mean - expected) < 2 * math.hypot(found.interval95 / 1.96, 0.006 * expected)


def _step(state: int, action: int, reward: float, ended: bool) -> Experience:
    observation = torch.nn.functional.one_hot(torch.tensor([[state]]), 3).float()
    return Experience(observation, torch.tensor([[action]]), torch.tensor([[reward]]), torch.tensor([[ended]]))


def test_an_epsilon_greedy_agent_does_anything_with_probability_epsilon(generator: torch.Generator) -> None:
    agent = EpsilonGreedyPlanner(0.2, Sizes(3, 2, 2), generator)
    record = agent.extend(agent.prior(1), _step(0, 1, 5.0, False))
    record = agent.extend(record, _step(2, 0, 0.0, True))
    seen = torch.tensor([[[1.0, 0, 0]]])
    assert agent.predict(record, seen).probs[0, 0].tolist() == pytest.approx([0.1, 0.9])


def test_a_short_sighted_agent_uses_at_once_what_it_has_found_out(generator: torch.Generator) -> None:
    agent = ShortSighted(Sizes(3, 2, 4), generator, prior_mean=1.0, ties="first")
    here = torch.tensor([[[1.0, 0, 0]]])
    record = agent.prior(1)
    assert agent.predict(record, here).probs[0, 0].tolist() == [1, 0]
    record = agent.extend(record, _step(0, 0, 0.9, False))  # A mean of 0.95, below the prior's 1.
    assert agent.predict(record, here).probs[0, 0].tolist() == [0, 1]
    record = agent.extend(record, _step(0, 1, -1.0, True))
    assert agent.predict(record, here).probs[0, 0].tolist() == [1, 0]
    assert agent.predict(record, here.roll(1, dims=-1)).probs[0, 0].tolist() == [1, 0]


def test_settings_without_meaning_are_refused(generator: torch.Generator) -> None:
    for make in (lambda: OPSRL(0, SIZES, generator), lambda: UCRL2(-1.0, SIZES, generator)):
        with pytest.raises(UserError, match="was expected"):
            make()
