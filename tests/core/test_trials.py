import torch

from quickstudy.baselines import RandomArm
from quickstudy.core import play
from quickstudy.tasks import Bandits, MDPs


def test_a_trial_has_all_steps_and_the_probability_of_each_action(generator: torch.Generator) -> None:
    trials = play(RandomArm(4, generator), Bandits(4, 6), 3, generator)
    assert trials.experience.observation.shape == (3, 6, 1)
    assert torch.allclose(trials.log_probability.exp(), torch.full((3, 6), 0.25))
    assert trials.is_real.all()
    assert torch.equal(trials.total, trials.experience.reward.sum(dim=1))


def test_episodes_are_counted(generator: torch.Generator) -> None:
    trials = play(None, MDPs(2, 2, episode_length=2, num_episodes=3), 2, generator)
    assert trials.episode.tolist() == [[0, 0, 1, 1, 2, 2]] * 2


def test_the_best_actions_are_noted(generator: torch.Generator) -> None:
    trials = play(RandomArm(4, generator), Bandits(4, 6), 5, generator)
    assert torch.equal(trials.best_action, trials.world.means.argmax(dim=1)[:, None].expand(-1, 6))
