from dataclasses import replace

import pytest
import torch

from quickstudy.core import PolicyOptimisation, play
from quickstudy.learners import RL2
from quickstudy.tasks import Bandits, Mazes
from quickstudy.training.rollouts import Rollouts, advantages

SETTINGS = PolicyOptimisation(discount=0.9, trace=0.5, epochs=3)


@pytest.fixture
def learner() -> RL2:
    return RL2(3, (1,), units=8)


def test_advantages_are_those_of_the_definition(learner: RL2, generator: torch.Generator) -> None:
    trials = play(learner, Bandits(3, 4), 2, generator)
    value = torch.rand(2, 4, generator=generator)
    found = advantages(trials, value, SETTINGS)
    later = torch.cat([value[:, 1:], torch.zeros(2, 1)], dim=1)
    surprise = trials.reward + 0.9 * later - value
    for step in range(4):
        expected = sum(0.45 ** (after - step) * surprise[:, after] for after in range(step, 4))
        assert torch.allclose(found[:, step], expected)


def test_the_end_of_an_episode_does_not_cut_what_an_action_is_worth(learner: RL2, generator: torch.Generator) -> None:
    # Each pull of a bandit is an episode.
    trials = play(learner, Bandits(3, 4), 2, generator)
    assert trials.experience.ended.all()
    settings = replace(SETTINGS, discount=1.0, trace=1.0)
    assert torch.allclose(advantages(trials, torch.zeros(2, 4), settings)[:, 0], trials.total)


def test_the_end_of_an_episode_cuts_it_where_episodes_are_apart(learner: RL2, generator: torch.Generator) -> None:
    trials = play(learner, Bandits(3, 4), 2, generator)
    value = torch.rand(2, 4, generator=generator)
    found = advantages(trials, value, SETTINGS, episodes_are_apart=True)
    assert torch.allclose(found, trials.reward - value)


def test_the_end_of_a_trial_cuts_it(generator: torch.Generator) -> None:
    trials = play(None, Mazes(), 20, generator)
    settings = replace(SETTINGS, discount=1.0, trace=1.0)
    found = advantages(trials, torch.full(trials.reward.shape, 5.0), settings)
    assert (found[~trials.is_real] == 0).all()
    assert torch.allclose(found[:, 0] + 5, trials.total, atol=1e-4)


def test_the_first_ratio_is_exactly_one(learner: RL2, generator: torch.Generator) -> None:
    practice = next(Rollouts(learner, Bandits(3, 6), SETTINGS).batches(8, generator, 0.0))
    now = learner.along(practice.experience).log_prob(practice.experience.action)
    assert torch.equal(now, practice.log_probability)


def test_advantages_are_scaled_over_the_batch_and_not_over_a_trial(learner: RL2, generator: torch.Generator) -> None:
    practice = next(Rollouts(learner, Bandits(3, 6), SETTINGS).batches(64, generator, 0.0))
    assert float(practice.advantage.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(practice.advantage.std()) == pytest.approx(1.0, abs=1e-5)
    assert float(practice.advantage.mean(dim=1).abs().max()) > 0.1


def test_entropy_counts_less_and_less(learner: RL2, generator: torch.Generator) -> None:
    rollouts = Rollouts(learner, Bandits(3, 2), replace(SETTINGS, entropy=0.2))
    assert [next(rollouts.batches(2, generator, fraction)).entropy for fraction in (0.0, 0.5, 1.0)] == [0.2, 0.1, 0.0]


def test_each_trial_is_used_in_every_epoch(learner: RL2, generator: torch.Generator) -> None:
    settings = replace(SETTINGS, minibatches=4)
    batches = list(Rollouts(learner, Bandits(3, 5), settings).batches(8, generator, 0.0))
    assert [len(each.advantage) for each in batches] == [2] * 12
    for epoch in range(3):
        seen = torch.cat([each.advantage for each in batches[4 * epoch : 4 * epoch + 4]])
        first = torch.cat([each.advantage for each in batches[:4]])
        assert torch.equal(seen.flatten().sort().values, first.flatten().sort().values)


def test_epochs_end_when_the_policy_has_moved_too_far(learner: RL2, generator: torch.Generator) -> None:
    used = 0
    for _ in Rollouts(learner, Bandits(3, 5), SETTINGS).batches(8, generator, 0.0):
        used += 1
        with torch.no_grad():
            learner.policy.head.bias += torch.tensor([2.0, 0.0, -2.0])
    assert used == 1


def test_practice_finds_the_better_arm(generator: torch.Generator) -> None:
    """The whole of it: what is practised gets better."""
    learner, environment = RL2(2, (1,), units=16), Bandits(2, 8)
    optimiser = torch.optim.Adam(learner.parameters(), 5e-3)
    rollouts = Rollouts(learner, environment, PolicyOptimisation())
    for step in range(60):
        for practice in rollouts.batches(64, generator, step / 60):
            optimiser.zero_grad()
            learner(practice).backward()  # type: ignore[arg-type]
            optimiser.step()
    with torch.no_grad():
        trials = play(learner, environment, 2_000, generator)
    assert float(trials.total.mean()) > 4.3  # Random is 4.0 ± 0.05.
