import gymnasium
import numpy as np
import pytest
import torch

import quickstudy
from quickstudy.core import UserError, play
from quickstudy.learners import RL2, PolicyMAML
from quickstudy.tasks import Bandits
from quickstudy.worlds import Player, register_worlds


@pytest.fixture
def learner() -> RL2:
    return RL2(5, (1,), units=8).eval()


def test_a_learner_runs_through_the_standard_interface(learner: RL2) -> None:
    register_worlds()
    env, player = gymnasium.make("quickstudy/Bandit-v0"), Player(learner)
    observation, _ = env.reset(seed=0)
    is_over, steps = False, 0
    while not is_over:
        (action,) = player.act(observation)
        observation, reward, is_over, _, info = env.step(action)
        player.learn(reward, info["ended"])
        steps += 1
    assert steps == 10


def test_a_learner_runs_in_many_worlds_at_once(learner: RL2) -> None:
    register_worlds()
    envs, player = gymnasium.make_vec("quickstudy/Bandit-v0", num_envs=4), Player(learner, 4)
    observation, _ = envs.reset(seed=0)
    for _ in range(10):
        observation, reward, over, _, info = envs.step(player.act(observation))
        player.learn(reward, info["ended"])
    assert over.all()


def test_trained_weights_run_through_the_standard_interface() -> None:
    """As somebody who knows Gymnasium and not this library would do it."""
    register_worlds()
    envs, player = gymnasium.make_vec("quickstudy/Bandit-v0", num_envs=300), Player(quickstudy.load("bandit-rl2"), 300)
    observation, _ = envs.reset(seed=0)
    total = np.zeros(300)
    for _ in range(10):
        observation, reward, _, _, info = envs.step(player.act(observation))
        player.learn(reward, info["ended"])
        total += reward
    assert total.mean() > 6.1  # Random is 5.0 ± 0.2, Thompson sampling 5.8.


def test_actions_may_be_numbers() -> None:
    register_worlds()
    env = gymnasium.make("quickstudy/Navigation-v0", episode_length=3, practice_episodes=2, later_episodes=1)
    player = Player(PolicyMAML(2, (2,), episodes=2, units=4))
    observation, _ = env.reset(seed=0)
    is_over, steps = False, 0
    while not is_over:
        (action,) = player.act(observation)
        assert action.shape == (2,)
        observation, reward, is_over, _, info = env.step(np.clip(action, -1, 1))
        player.learn(reward, info["ended"])
        steps += 1
    assert steps == 9
    assert player.state.num_updates.tolist() == [1]


def test_a_player_knows_what_its_learner_would_know(learner: RL2, generator: torch.Generator) -> None:
    torch.nn.init.normal_(learner.policy.head.weight)
    trials = play(learner, Bandits(5, 4), 3, generator)
    player = Player(learner, 3)
    for step in range(4):
        player.act(np.ones((3, 1)))
        player.last = player.last[0], trials.experience.action[:, [step]]  # type: ignore[index]
        player.learn(trials.experience.reward[:, step], np.ones(3, dtype=bool))
    expected = learner.extend(learner.prior(3), trials.experience)
    assert torch.allclose(player.state.caches[0], expected.caches[0])
    player.begin()
    assert not player.state.last.any()


def test_rewards_before_the_first_action_are_refused(learner: RL2) -> None:
    with pytest.raises(UserError, match="Call act before learn"):
        Player(learner).learn(1.0, True)
