import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from quickstudy.worlds import WORLDS, register_worlds


@pytest.fixture(autouse=True)
def registered() -> None:
    register_worlds()


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.filterwarnings("ignore:.*a different environment instance.*")
def test_gymnasiums_own_checker_finds_nothing(name: str) -> None:
    check_env(gymnasium.make(name).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("name", WORLDS)
def test_the_same_seed_gives_the_same_trial(name: str) -> None:
    runs = []
    for _ in range(2):
        env = gymnasium.make(name)
        observation, _ = env.reset(seed=3)
        seen = [observation]
        env.action_space.seed(0)
        for _ in range(5):
            observation, reward, *_ = env.step(env.action_space.sample())
            seen += [observation, np.array(reward)]
        runs.append(np.concatenate([each.ravel() for each in seen]))
    assert np.array_equal(*runs)


def test_a_trial_is_an_episode_of_gymnasium() -> None:
    env = gymnasium.make("quickstudy/MDP-v0", num_episodes=2, episode_length=3)
    env.reset(seed=0)
    ends = []
    for _ in range(6):
        _, _, terminated, truncated, info = env.step(0)
        ends.append((info["ended"], terminated, truncated))
    assert [end[0] for end in ends] == [False, False, True] * 2
    assert [end[1] for end in ends] == [False] * 5 + [True]
    assert not any(end[2] for end in ends)


@pytest.mark.parametrize("name", WORLDS)
def test_the_vector_form_has_the_spaces_of_the_single_one(name: str) -> None:
    single, many = gymnasium.make(name), gymnasium.make_vec(name, num_envs=3)
    assert many.single_observation_space == single.observation_space
    assert many.single_action_space == single.action_space
    observation, _ = many.reset(seed=0)
    assert many.observation_space.contains(observation)
    observation, reward, terminated, truncated, _ = many.step(many.action_space.sample())
    assert many.observation_space.contains(observation)
    assert reward.shape == terminated.shape == truncated.shape == (3,)


def test_the_next_step_after_a_trial_begins_another_one() -> None:
    many = gymnasium.make_vec("quickstudy/Bandit-v0", num_envs=2, num_pulls=3)
    assert many.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    many.reset(seed=0)
    before = many.unwrapped.worlds.world.means.clone()
    over = [many.step(np.array([0, 1]))[2].all() for _ in range(3)]
    assert over == [False, False, True]
    _, reward, terminated, _, info = many.step(np.array([0, 1]))
    assert not reward.any()
    assert not terminated.any()
    assert not info["ended"].any()
    assert (many.unwrapped.worlds.world.means != before).all()


def test_a_world_whose_trial_is_over_begins_anew_alone() -> None:
    many = gymnasium.make_vec("quickstudy/Maze-v0", num_envs=20, num_episodes=1, episode_length=100)
    many.reset(seed=1)
    worlds = many.unwrapped.worlds
    over = np.zeros(20, dtype=bool)
    while not over.any():
        over = many.step(worlds.environment.best_action(worlds.world).numpy())[2]
    assert not over.all()
    before = worlds.world
    many.step(worlds.environment.best_action(before).numpy())
    same = (worlds.world.walls == before.walls).flatten(1).all(dim=1).numpy()
    assert same[~over].all()
    assert not same[over].all()
