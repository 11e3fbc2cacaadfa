import torch

from quickstudy.baselines import RandomArm, Thompson
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import Bandits


def test_every_agent_acts_in_the_same_worlds() -> None:
    chance = torch.Generator().manual_seed(5)
    agents = RandomArm(3, chance), Thompson(3, chance), None
    means = [evaluate_trials(agent, Bandits(3, 4), 7, seed=2)[0].world.means for agent in agents]
    assert torch.equal(means[0], means[1])
    assert torch.equal(means[0], means[2])


def test_the_mean_is_over_all_batches_of_trials() -> None:
    done: list[int] = []
    trials = evaluate_trials(None, Bandits(2, 3), 1_500, seed=0, progress=done.append)
    assert done == [1_000, 1_500]
    assert [len(each.total) for each in trials] == [1_000, 500]
    assert total_reward(trials).mean == float(torch.cat([each.total for each in trials]).double().mean())
