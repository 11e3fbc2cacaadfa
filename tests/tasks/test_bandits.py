import pytest
import torch

from quickstudy.core import Environment, UserError
from quickstudy.tasks import Bandits


def test_bandits_are_an_environment(generator: torch.Generator) -> None:
    environment = Bandits(3, 7)
    assert isinstance(environment, Environment)
    assert (environment.num_actions, environment.num_steps, environment.observation_shape) == (3, 7, (1,))
    world = environment.start(4, generator)
    assert environment.observe(world).shape == (4, 1)
    assert not environment.is_over(world).any()


@pytest.mark.parametrize("rewards", ["bernoulli", "gaussian"])
def test_rewards_have_the_means_of_the_arms(rewards, generator: torch.Generator) -> None:
    environment = Bandits(2, 1, rewards)
    world = environment.start(1, generator)
    many = type(world)(world.means.expand(20_000, -1))
    outcome = environment.act(many, torch.ones(20_000, dtype=torch.long), generator)
    assert float(outcome.reward.mean()) == pytest.approx(float(world.means[0, 1]), abs=0.03)
    assert outcome.ended.all()
    if rewards == "bernoulli":
        assert set(outcome.reward.tolist()) == {0.0, 1.0}
    else:
        assert float(outcome.reward.std()) == pytest.approx(1.0, abs=0.03)


def test_means_are_drawn_as_in_the_paper(generator: torch.Generator) -> None:
    means = Bandits(5, 10).start(4_000, generator).means
    assert float(means.min()) >= 0
    assert float(means.max()) <= 1
    assert float(means.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(means.var()) == pytest.approx(1 / 12, abs=0.005)


def test_regret_is_how_much_the_best_arm_is_better(generator: torch.Generator) -> None:
    environment = Bandits(4, 3)
    world = environment.start(5, generator)
    best = environment.best_action(world)
    action = torch.stack([best, (best + 1) % 4], dim=1)
    regret = environment.regret(world, action)
    assert (regret[:, 0] == 0).all()
    gap = world.means.amax(dim=1) - world.means[torch.arange(5), (best + 1) % 4]
    assert torch.equal(regret[:, 1], gap)


def test_the_same_generator_gives_the_same_bandits() -> None:
    first, second = (Bandits().start(3, torch.Generator().manual_seed(1)).means for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("options", [{"num_arms": 0}, {"num_pulls": 0}, {"rewards": "poisson"}])
def test_what_is_no_bandit_is_refused(options) -> None:
    with pytest.raises(UserError, match="was expected"):
        Bandits(**options)
