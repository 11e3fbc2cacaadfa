"""An environment of ours by the interface of Gymnasium: what Gymnasium calls an episode is a whole trial here.

`info["ended"]` says whether an episode within the trial ended with the step: learners read it.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from quickstudy.core import ActsByValues, Environment
from quickstudy.worlds.registration import WORLDS

Array = Any
"""An array of numpy."""


class TrialEnv(gymnasium.Env):
    """One world. `reset` draws another one.

    Args:
        world: its name in `WORLDS`.
        options: arguments of the environment.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own name and type)

    def __init__(self, world: str, **options: Any) -> None:
        self.worlds = _Worlds(WORLDS[world](**options), 1)
        self.observation_space, self.action_space = _spaces(self.worlds.environment)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Draw a world, and give the first observation.

        Args:
            seed: decides this world and those after it. None goes on with the random numbers.
            options: not used.
        """
        super().reset(seed=seed)
        self.worlds.seed(int(self.np_random.integers(2**31)))
        return self.worlds.draw()[0], {"ended": False}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Do one action.

        Args:
            action: its index, or its numbers.
        """
        observation, reward, ended, is_over = self.worlds.act(np.array([action]))
        return observation[0], float(reward[0]), bool(is_over[0]), False, {"ended": bool(ended[0])}


class TrialVectorEnv(VectorEnv):
    """Many worlds at once, computed as one batch. A trial that is over begins anew, in another world, at the next step.

    Args:
        num_envs: T.
        world: its name in `WORLDS`.
        options: arguments of the environment.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(self, num_envs: int, world: str, **options: Any) -> None:
        self.num_envs = num_envs
        self.worlds = _Worlds(WORLDS[world](**options), num_envs)
        self.single_observation_space, self.single_action_space = _spaces(self.worlds.environment)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Draw all worlds.

        Args:
            seed: decides all of them; of a list, the first number does.
            options: not used.
        """
        super().reset(seed=seed[0] if isinstance(seed, list) else seed)
        self.worlds.seed(int(self.np_random.integers(2**31)))
        observation = self.worlds.draw()
        self.is_over = np.zeros(self.num_envs, dtype=bool)
        return observation, {"ended": np.zeros(self.num_envs, dtype=bool)}

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Do one action in each world. Where a trial was over, the action is ignored and another world begins.

        Args:
            actions: (T,) indices, or (T, A) numbers.
        """
        begins = self.is_over
        observation, reward, ended, is_over = self.worlds.act(np.asarray(actions))
        if begins.any():
            observation = self.worlds.draw(begins)
        reward, ended, is_over = (np.where(begins, 0, each) for each in (reward, ended, is_over))
        self.is_over = is_over.astype(bool)
        truncated = np.zeros(self.num_envs, dtype=bool)
        return observation, reward.astype(np.float64), self.is_over.copy(), truncated, {"ended": ended.astype(bool)}


class _Worlds:
    """A batch of worlds and how many steps of each trial are done."""

    def __init__(self, environment: Environment, num_tasks: int) -> None:
        self.environment, self.num_tasks = environment, num_tasks
        self.generator = torch.Generator()
        self.world: Any = None
        self.step_T = np.zeros(num_tasks, dtype=int)

    def seed(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    def draw(self, where: Array | None = None) -> Array:
        """Draw all worlds, or some, and give all observations."""
        fresh = self.environment.start(self.num_tasks, self.generator)
        if where is None:
            self.world = fresh
            self.step_T[:] = 0
        else:
            is_new_T = torch.from_numpy(where)
            parts = [
                torch.where(is_new_T.view(-1, *[1] * (new.ndim - 1)), new, old)
                for new, old in zip(fresh, self.world, strict=True)
            ]
            self.world = type(fresh)(*parts)
            self.step_T[where] = 0
        return self._observation()

    def act(self, actions: Array) -> tuple[Array, Array, Array, Array]:
        """Observation, reward, end of an episode, and end of the trial."""
        dtype = torch.float32 if isinstance(self.environment, ActsByValues) else torch.long
        outcome = self.environment.act(self.world, torch.as_tensor(actions, dtype=dtype), self.generator)
        self.world = outcome.world
        self.step_T += 1
        is_over = self.environment.is_over(self.world).numpy() | (self.step_T >= self.environment.num_steps)
        return self._observation(), outcome.reward.numpy(), outcome.ended.numpy(), is_over

    def _observation(self) -> Array:
        return self.environment.observe(self.world).numpy().astype(np.float32)


def _spaces(environment: Environment) -> tuple[Box, Box | Discrete]:
    if isinstance(environment, ActsByValues):
        low, high = environment.observation_range
        largest = environment.largest_action
        actions = Box(-largest, largest, (environment.num_actions,), np.float32)
        return Box(low, high, environment.observation_shape, np.float32), actions
    return Box(0.0, 1.0, environment.observation_shape, np.float32), Discrete(environment.num_actions)
