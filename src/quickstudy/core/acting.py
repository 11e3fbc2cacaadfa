"""Learners that act: a task's support is experience, its query the present observation, its answer an action.

`state = learner.prior(T)`, then in turn `learner.predict(state, observation)` and `learner.extend(state, experience)`.
So acting and adapting are the same thing.
"""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol, Self, final, runtime_checkable

import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core.errors import UserError
from quickstudy.core.experience import Experience
from quickstudy.core.learner import Learner
from quickstudy.core.practice import Practice
from quickstudy.core.tasks import TaskDistribution, TrainingTasks


class Outcome(NamedTuple):
    """What an action leads to in each of T worlds."""

    reward: Tensor
    """(T,)"""
    ended: Tensor
    """(T,) booleans: the episode ended. The next observation is the first one of the next episode."""
    world: Any
    """The worlds after the action."""


@runtime_checkable
class Environment(Protocol):
    """A distribution over worlds to act in. A world is a NamedTuple of tensors whose first dimension is the task."""

    @property
    def num_actions(self) -> int:
        """How many actions there are, A."""

    @property
    def num_steps(self) -> int:
        """Most steps of a trial, L."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """The shape of one observation."""

    @property
    def device(self) -> torch.device:
        """The device on which worlds are made. The generator must be on it too."""

    def to(self, device: torch.device | str) -> Self:
        """The same distribution, which makes its worlds on another device.

        Args:
            device: the new device.
        """

    def start(self, num_tasks: int, generator: torch.Generator) -> Any:
        """Draw T worlds, at the start of their first episode.

        Args:
            num_tasks: T, the worlds to draw.
            generator: the source of random numbers.
        """

    def observe(self, world: Any) -> Tensor:
        """What is seen now, (T, *observation).

        Args:
            world: T worlds.
        """

    def act(self, world: Any, action: Tensor, generator: torch.Generator) -> Outcome:
        """Do one action in each world.

        Args:
            world: T worlds.
            action: (T,) indices; or (T, A) numbers, where actions are values.
            generator: the source of random numbers.
        """

    def is_over(self, world: Any) -> Tensor:
        """(T,) booleans: the last episode of the trial has ended. Further steps mean nothing.

        Args:
            world: T worlds.
        """

    def best_action(self, world: Any) -> Tensor:
        """What one would do now who knows the world: an action for each task.

        Args:
            world: T worlds.
        """


@runtime_checkable
class ActsByValues(Environment, Protocol):
    """An environment in which an action is not a choice among A, but A numbers, (T, A)."""

    @property
    def largest_action(self) -> float:
        """A number of an action beyond ± this acts as this."""

    @property
    def observation_range(self) -> tuple[float, float]:
        """The lowest and the highest number of an observation."""


@runtime_checkable
class HasEnvironment(TaskDistribution, Protocol):
    """A distribution over trials in an environment. Its tasks have a trial as support, and actions as answers."""

    @property
    def environment(self) -> Environment:
        """Where a learner acts to be evaluated, or to learn from its own trials."""


@runtime_checkable
class ActedBy(HasEnvironment, Protocol):
    """Trials in which somebody else can act."""

    def acted_by(self, agent: "Agent") -> TaskDistribution:
        """The same trials, with another agent that acts in them.

        Args:
            agent: acts.
        """


class Agent(Protocol):
    """What acts: a learner, or a rule that learns nothing from other tasks."""

    def prior(self, num_tasks: int) -> Any:
        """The state before any experience.

        Args:
            num_tasks: T, the tasks of the state.
        """

    def predict(self, state: Any, observation: Tensor) -> Distribution:
        """A distribution over actions for each of Q observations, (T, Q).

        Args:
            state: the state of T tasks.
            observation: (T, Q, *observation).
        """

    def extend(self, state: Any, experience: Experience) -> Any:
        """The state after further experience.

        Args:
            state: the state of T tasks.
            experience: the steps since.
        """


@runtime_checkable
class ChoosesAtOnce(Protocol):
    """An agent that reads an observation once for both purposes: to choose, and to remember it."""

    def choose(self, state: Any, observation: Tensor) -> tuple[Distribution, Any]:
        """What `predict` gives for one observation, and what `conclude` needs.

        Args:
            state: the state of T tasks.
            observation: (T, 1, *observation).
        """

    def conclude(self, seen: Any, experience: Experience) -> Any:
        """The state that `extend` would give after the step.

        Args:
            seen: what `choose` gave.
            experience: the step (T, 1), with the observation of `choose`.
        """


@runtime_checkable
class ReadsThePast(Protocol):
    """An agent that looks back on the steps of a trial by attention."""

    def attention(self, experience: Experience) -> Tensor:
        """How much each step reads of each step up to itself, (T, H, L, L). H counts all heads of all layers.

        Args:
            experience: whole trials, from their start.
        """


class ActingLearner(Learner):
    """A learner that acts. It has a policy and, for training, an estimate of the rewards to come."""

    order_matters: ClassVar[bool] = True
    clipped_apart: tuple[str, ...] = ("policy", "value")
    actions_are_values: ClassVar[bool] = False
    """Whether an action is A numbers. Else it is the index of one of A actions."""
    episodes_are_apart: ClassVar[bool] = False
    """Whether the rewards of later episodes say nothing about an action. They say much where a learner explores in one
    episode to know more in the next."""
    num_actions: int
    """How many actions there are, A."""
    observation_shape: tuple[int, ...]
    """The shape of one observation."""

    @abstractmethod
    def prior(self, num_tasks: int) -> Any:
        """The state before any experience.

        Args:
            num_tasks: T, the tasks of the state.
        """

    @abstractmethod
    def extend(self, state: Any, experience: Experience) -> Any:
        """The state after further experience.

        Args:
            state: the state of T tasks.
            experience: (T, L) steps, after those read before.
        """

    @abstractmethod
    def predict(self, state: Any, query_x: Tensor) -> Distribution:
        """A distribution over actions for each observation. None sees another.

        Args:
            state: the state of T tasks.
            query_x: observations (T, Q, *observation).
        """

    @abstractmethod
    def along(self, experience: Experience) -> Distribution:
        """The prediction at every step (T, L), given the steps before it: what acting step by step would give.

        Args:
            experience: whole trials, from their start.
        """

    @abstractmethod
    def values(self, experience: Experience) -> Tensor:
        """Estimates (T, L) of the discounted rewards from each step on, given the steps before it.

        Args:
            experience: whole trials, from their start.
        """

    @final
    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> Any:
        """Read experience as a support, from the prior on.

        Args:
            support_x: observations (T, L, *observation).
            support_y: (T, L, 3): action, reward, and 1 where an episode ended. Where actions are values, (T, L, A + 2).
            support_mask: must be None.

        Raises:
            UserError: if there is a mask: trials of unequal length are read in parts by `extend`.
        """
        if support_mask is not None:
            raise UserError("A mask was given, but a learner that acts reads trials of equal length. Leave it out.")
        return self.extend(self.prior(len(support_x)), self._labelled(support_x, support_y))

    def meta_loss(self, tasks: TrainingTasks | Practice) -> Tensor:
        """The loss of training: that of the policy on its own trials, or minus the log-likelihood of shown actions.

        Args:
            tasks: own trials; or trials as support, and at every step the action to imitate as the query's answer.
        """
        if isinstance(tasks, Practice):
            return tasks.loss(self.along(tasks.experience), self.values(tasks.experience))
        tasks = tasks.gathered()
        return -self.along(self._labelled(tasks.support_x, tasks.support_y)).log_prob(tasks.query_y).mean()

    def _labelled(self, support_x: Tensor, support_y: Tensor) -> Experience:
        return labelled(support_x, support_y, self.num_actions if self.actions_are_values else None)


def labelled(support_x: Tensor, support_y: Tensor, num_values: int | None = None) -> Experience:
    """Experience from a support.

    Args:
        support_x: observations (T, L, *observation).
        support_y: (T, L, 3): action, reward, and 1 where an episode ended.
        num_values: how many numbers an action has, if actions are values. Then support_y is (T, L, these + 2).

    Raises:
        UserError: if the labels have another shape.
    """
    size = 3 if num_values is None else num_values + 2
    if support_y.ndim != 3 or support_y.shape[-1] != size:
        raise UserError(
            f"support_y has the shape {tuple(support_y.shape)}, but (tasks, steps, {size}) was expected: action, "
            "reward and whether an episode ended."
        )
    action, reward, ended = support_y[..., :-2], support_y[..., -2], support_y[..., -1]
    return Experience(support_x, action[..., 0].long() if num_values is None else action, reward, ended > 0.5)
