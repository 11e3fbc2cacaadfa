"""MAML with policy gradients: weights from which one step on a few episodes leads to a good policy for the task.

Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks" (ICML 2017), section 3.2
and algorithm 3. The gain of the inner step is that of Rothfuss, Lee, Clavera, Asfour and Abbeel, "ProMP: Proximal
Meta-Policy Search" (ICLR 2019), which they call low variance curvature: its first two derivatives are those of the
expected reward. The mean of log-probabilities times advantages has the right first one only, as it leaves out how the
weights change which actions are drawn.

What differs from MAML's paper: the outer loop is proximal policy optimisation instead of trust regions; the deviation
of actions is the same in all tasks; advantages of the inner step are scaled.

Letters: T tasks, L steps, Q observations, A numbers of an action.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from quickstudy.core import (
    ActingLearner,
    Experience,
    Practice,
    TrainingTasks,
    check_observation,
    independent,
    read_experience,
)
from quickstudy.networks.episode_returns import linear_baseline, returns_within_episodes
from quickstudy.networks.functional import FunctionalPerceptron, Weights


class PolicyMAMLState(NamedTuple):
    """A policy for each task, and what it was learned from."""

    weights: tuple[Tensor, ...]
    """(T, …) of each weight, in the order of the learner's `adapted_names`."""
    num_updates: Tensor
    """(T,): how many gradient steps led to them."""
    experience: Experience
    """All steps so far."""


class PolicyMAML(ActingLearner):
    """Acts for some episodes, and then takes a gradient step on them; and so on.

    Args:
        num_actions: numbers of an action.
        observation_shape: shape of one observation.
        episodes: episodes of a gradient step.
        units: units of each of the two hidden layers.
        inner_rate: rate of the gradient steps.
        discount: what a reward counts one step later, within an episode.
        first_order: treat the inner gradients as constants in the outer loop.
        deviation: standard deviation of each number of an action, at first.
    """

    actions_are_values = True
    episodes_are_apart = True
    clipped_apart = ()

    def __init__(
        self,
        num_actions: int,
        observation_shape: tuple[int, ...],
        *,
        episodes: int = 20,
        units: int = 64,
        inner_rate: float = 0.1,
        discount: float = 0.99,
        first_order: bool = False,
        deviation: float = 0.5,
    ) -> None:
        super().__init__()
        self.num_actions, self.observation_shape, self.episodes = num_actions, observation_shape, episodes
        self.inner_rate, self.discount, self.first_order = inner_rate, discount, first_order
        size = torch.Size(observation_shape).numel()
        self.network = FunctionalPerceptron(size, (units, units), num_actions, normalises=False, head_deviation=0.01)
        self.log_deviation = nn.Parameter(torch.full((num_actions,), deviation).log())

    @property
    def adapted_names(self) -> tuple[str, ...]:
        """The names of the network's weights."""
        return tuple(self.network.first)

    def prior(self, num_tasks: int) -> PolicyMAMLState:
        """The weights that all tasks begin with.

        Args:
            num_tasks: T.
        """
        like = self.log_deviation
        nothing = Experience(
            like.new_zeros(num_tasks, 0, *self.observation_shape),
            like.new_zeros(num_tasks, 0, self.num_actions),
            like.new_zeros(num_tasks, 0),
            torch.zeros(num_tasks, 0, dtype=torch.bool, device=like.device),
        )
        zero_T = torch.zeros(num_tasks, dtype=torch.long, device=like.device)
        return PolicyMAMLState(tuple(self.network.weights(num_tasks).values()), zero_T, nothing)

    def extend(self, state: PolicyMAMLState, experience: Experience) -> PolicyMAMLState:
        """Remember further steps. Where enough episodes have ended since the last gradient step, take another one.

        Args:
            state: the state so far.
            experience: (T, L) steps.
        """
        if not self.training:  # In training the numbers are our own, and a GPU would have to wait.
            read_experience(experience, self.observation_shape, self.num_actions, actions_are_values=True)
        remembered = state.experience.then(experience)
        weights, num_T = self._named(state.weights), state.num_updates
        while bool((is_due_T := remembered.ended.sum(dim=1) // self.episodes > num_T).any()):
            after = self.updated(weights, remembered, self._part(remembered) == num_T[:, None])
            weights = {name: _where(is_due_T, after[name], weights[name]) for name in weights}
            num_T = num_T + is_due_T
        return PolicyMAMLState(tuple(weights.values()), num_T, remembered)

    def predict(self, state: PolicyMAMLState, query_x: Tensor) -> Independent:
        """A normal distribution over actions for each observation.

        Args:
            state: the state so far.
            query_x: observations (T, Q, *observation).
        """
        if not self.training:
            check_observation(query_x, self.observation_shape)
        return self.policy(self._named(state.weights), query_x)

    def along(self, experience: Experience) -> Independent:
        """The prediction at every step, by the weights of its time.

        Args:
            experience: whole trials.
        """
        part_TL, weights = self._part(experience), self.network.weights(len(experience.action))
        mean_TLA = self._mean(weights, experience.observation)
        for number in range(int(part_TL.max())):
            weights = self.updated(weights, experience, part_TL == number)
            is_later_TL1 = (part_TL > number)[..., None]
            mean_TLA = torch.where(is_later_TL1, self._mean(weights, experience.observation), mean_TLA)
        return self._around(mean_TLA)

    def values(self, experience: Experience) -> Tensor:
        """The linear baseline of each task, fitted to the episodes between two gradient steps, (T, L).

        Args:
            experience: whole trials.
        """
        part_TL = self._part(experience)
        returns_TL = self._returns(experience)
        found_TL = torch.zeros_like(returns_TL)
        for number in range(int(part_TL.max()) + 1):
            counts_TL = part_TL == number
            fitted_TL = linear_baseline(experience.observation, experience.ended, returns_TL, counts_TL)
            found_TL = torch.where(counts_TL, fitted_TL, found_TL)
        return found_TL

    def meta_loss(self, tasks: TrainingTasks | Practice) -> Tensor:
        """The loss of the steps after the first gradient step: how good the learner is once it has learned (eq. 4).

        The steps before it count through the weights that they lead to, and in no other way.

        Args:
            tasks: own trials; or trials as support, with actions to imitate.
        """
        if isinstance(tasks, Practice):
            tasks = tasks._replace(is_real=tasks.is_real & (self._part(tasks.experience) > 0))
        return super().meta_loss(tasks)

    def updated(self, weights: Weights, experience: Experience, counts_TL: Tensor) -> Weights:
        """Weights one step further up the gain of some steps (section 2.2), of all tasks at once.

        The step can be differentiated itself, unless it is of first order.

        Args:
            weights: of each task, by name.
            experience: steps that were done with these weights, among others.
            counts_TL: booleans: which steps count.
        """
        is_second_order = torch.is_grad_enabled() and not self.first_order and self.log_deviation.requires_grad
        advantage_TL = self._advantages(experience, counts_TL)
        with torch.enable_grad():
            here = weights if is_second_order else _constants(weights)
            log_probability_TL = self.policy(here, experience.observation).log_prob(experience.action)
            gain = policy_gain(log_probability_TL, advantage_TL, counts_TL).sum()  # Tasks share nothing.
            found = torch.autograd.grad(gain, list(here.values()), create_graph=is_second_order)
        return {name: weights[name] + self.inner_rate * each for name, each in zip(weights, found, strict=True)}

    def policy(self, weights: Weights, observation: Tensor) -> Independent:
        """The policy that has these weights.

        Args:
            weights: of each task, by name.
            observation: (T, Q, *observation).
        """
        return self._around(self._mean(weights, observation))

    def _mean(self, weights: Weights, observation: Tensor) -> Tensor:
        return self.network(weights, observation.flatten(2).to(self.log_deviation.dtype))

    def _around(self, mean_TQA: Tensor) -> Independent:
        return independent(Normal(mean_TQA, self.log_deviation.exp().expand_as(mean_TQA)))

    def _returns(self, experience: Experience) -> Tensor:
        reward_TL = experience.reward.to(self.log_deviation.dtype)
        return returns_within_episodes(reward_TL, experience.ended, self.discount)

    @torch.no_grad()
    def _advantages(self, experience: Experience, counts_TL: Tensor) -> Tensor:
        """Returns beyond the baseline, with mean 0 and deviation 1 over the steps that count in a task."""
        returns_TL = self._returns(experience)
        beyond_TL = returns_TL - linear_baseline(experience.observation, experience.ended, returns_TL, counts_TL)
        centred_TL = beyond_TL - _mean_of(beyond_TL, counts_TL)[:, None]
        deviation_T = _mean_of(centred_TL.square(), counts_TL).sqrt()
        return centred_TL / deviation_T.clamp(min=1e-6)[:, None]

    def _part(self, experience: Experience) -> Tensor:
        """How many gradient steps were taken before each step, (T, L)."""
        return experience.episode // self.episodes

    def _named(self, weights: tuple[Tensor, ...]) -> dict[str, Any]:
        return dict(zip(self.adapted_names, weights, strict=True))


def policy_gain(log_probability_TL: Tensor, advantage_TL: Tensor, counts_TL: Tensor) -> Tensor:
    """What a policy gradient step raises in each task, (T,). Its first two derivatives are those of expected reward.

    Its value is the mean advantage: the ratio of each probability to itself is one.

    Args:
        log_probability_TL: of the actions.
        advantage_TL: how much better each action was than expected.
        counts_TL: booleans: which steps count.
    """
    ratio_TL = (log_probability_TL - log_probability_TL.detach()).exp()
    return _mean_of(ratio_TL * advantage_TL, counts_TL)


def _constants(weights: Weights) -> Weights:
    return {name: each.detach().requires_grad_() for name, each in weights.items()}


def _mean_of(numbers_TL: Tensor, counts_TL: Tensor) -> Tensor:
    return (numbers_TL * counts_TL).sum(dim=1) / counts_TL.sum(dim=1).clamp(min=1)


def _where(is_due_T: Tensor, after: Tensor, before: Tensor) -> Tensor:
    return torch.where(is_due_T.view(-1, *[1] * (after.ndim - 1)), after, before)
