"""A learner that acts, step by step, wherever observations and rewards come from."""

from typing import Any

import numpy as np
import torch

from quickstudy.core import ActingLearner, Experience, UserError, sampled


class Player:
    """Keeps the state of a learner through a trial.

    Args:
        learner: acts. It is used in eval mode.
        num_tasks: T, the trials that go on side by side. All of them end at the same time.
        seed: decides which actions are sampled.
    """

    def __init__(self, learner: ActingLearner, num_tasks: int = 1, seed: int = 0) -> None:
        self.learner, self.num_tasks = learner.eval(), num_tasks
        self.generator = torch.Generator().manual_seed(seed)
        self.begin()

    def begin(self) -> None:
        """Forget: the next action is the first one of a new trial."""
        self.state = self.learner.prior(self.num_tasks)
        self.last: tuple[torch.Tensor, torch.Tensor] | None = None

    def act(self, observation: Any) -> Any:
        """Sample an action for each trial, (T,) indices or (T, A) numbers.

        Args:
            observation: (T, *observation), an array or a tensor. For one trial, (*observation) will do.
        """
        seen = torch.as_tensor(np.asarray(observation), dtype=torch.float32)
        seen = seen.view(self.num_tasks, 1, *self.learner.observation_shape)
        with torch.no_grad():
            prediction = self.learner.predict(self.state, seen)
        action_T1 = sampled(prediction, self.generator)
        self.last = seen, action_T1
        return action_T1[:, 0].numpy()

    def learn(self, reward: Any, ended: Any) -> None:
        """Read what the last action gave.

        Args:
            reward: (T,), or one number for one trial.
            ended: (T,) booleans: an episode within the trial ended.

        Raises:
            UserError: if there was no action yet.
        """
        if self.last is None:
            raise UserError("There was no action yet. Call act before learn.")
        rewards, ends = (torch.as_tensor(np.asarray(each)).reshape(self.num_tasks, 1) for each in (reward, ended))
        with torch.no_grad():
            self.state = self.learner.extend(self.state, Experience(*self.last, rewards.float(), ends.bool()))
        self.last = None
