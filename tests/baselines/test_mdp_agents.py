import pytest
import torch

from quickstudy.baselines import PSRL, GreedyPlanner, RandomChoice, Sizes
from quickstudy.core import Experience


def _step(state: int, action: int, reward: float, ended: bool) -> Experience:
    observation = torch.nn.functional.one_hot(torch.tensor([[state]]), 3).float()
    return Experience(observation, torch.tensor([[action]]), torch.tensor([[reward]]), torch.tensor([[ended]]))


def test_an_agent_counts_what_led_where_but_not_across_episodes(generator: torch.Generator) -> None:
    agent = GreedyPlanner(Sizes(3, 2, 2), generator)
    record = agent.prior(1)
    for step in (_step(0, 1, 2.0, False), _step(2, 0, 1.0, True), _step(0, 1, 4.0, False), _step(1, 1, 0.0, True)):
        record = agent.extend(record, step)
    assert record.visits.sum() == 2
    assert record.visits[0, 0, 1].tolist() == [0, 1, 1]
    assert float(agent.mean_rewards(record)[0, 0, 1]) == pytest.approx(2.0)  # (2 + 4) / (2 + 1)


def test_an_agent_keeps_its_plan_within_an_episode(generator: torch.Generator) -> None:
    agent = PSRL(Sizes(3, 2, 2), generator)
    before = agent.prior(1)
    within = agent.extend(before, _step(0, 1, 2.0, False))
    after = agent.extend(within, _step(2, 0, 1.0, True))
    assert torch.equal(before.plan, within.plan)
    assert not torch.equal(within.plan, after.plan)


def test_a_random_agent_prefers_nothing(generator: torch.Generator) -> None:
    agent = RandomChoice(Sizes(3, 2, 2), generator)
    seen = torch.tensor([[[1.0, 0, 0]]])
    assert agent.predict(agent.prior(1), seen).probs.tolist() == [[[0.5, 0.5]]]
