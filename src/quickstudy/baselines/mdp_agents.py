"""What agents for small Markov decision processes share: each plans once an episode, with what it has found out.

Mean rewards have a normal prior, transitions the uniform one. The usual mean of the prior is 0, although the mean of
`quickstudy.tasks.MDPs` is 1: the published figures are those of 0.

Letters: T tasks, S states, A actions, H steps to go, M draws, L steps.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.baselines.bandit_rules import best_only
from quickstudy.baselines.planning import Sizes
from quickstudy.baselines.posteriors import dirichlet, normal
from quickstudy.core import Experience, categorical


class ProcessRecord(NamedTuple):
    """What was found out about each process, and the plan of the present episode."""

    visits: Tensor
    """(T, S, A, S): how often an action led from one state to another."""
    rewards: Tensor
    """(T, S, A): the sum of the rewards."""
    pulls: Tensor
    """(T, S, A): how often an action was done."""
    plan: Tensor
    """(T, H, S, A): how good each action is in this episode, by the steps that are over."""
    step: Tensor
    """(T,): steps of the present episode."""
    last: Tensor
    """(T, 2): the state and the action whose next state is not known yet. −1 where there is none."""


class MDPAgent(ABC):
    """Plans at the start of each episode.

    Args:
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def __init__(self, sizes: Sizes, generator: torch.Generator, *, prior_mean: float = 0.0) -> None:
        self.num_states, self.num_actions, self.episode_length = sizes
        self.generator, self.prior_mean = generator, prior_mean

    @abstractmethod
    def plan(self, record: ProcessRecord) -> Tensor:
        """How good each action is, (T, H, S, A), by the steps that are over.

        Args:
            record: what was found out.
        """

    def prior(self, num_tasks: int) -> ProcessRecord:
        """Nothing was found out.

        Args:
            num_tasks: T.
        """
        shape = num_tasks, self.num_states, self.num_actions
        device = self.generator.device
        zeros_TSA = torch.zeros(shape, device=device)
        nothing = ProcessRecord(
            visits=torch.zeros(*shape, self.num_states, device=device),
            rewards=zeros_TSA,
            pulls=zeros_TSA,
            plan=torch.zeros(num_tasks, 0, device=device),
            step=torch.zeros(num_tasks, dtype=torch.long, device=device),
            last=torch.full((num_tasks, 2), -1, device=device),
        )
        return nothing._replace(plan=self.plan(nothing))

    def extend(self, state: ProcessRecord, experience: Experience) -> ProcessRecord:
        """Note further steps, and plan again where an episode ended.

        Args:
            state: the record so far.
            experience: further steps (T, L).
        """
        for index in range(experience.action.shape[1]):
            state = self._noted(state, *(field[:, index] for field in experience))
        return state

    def predict(self, state: ProcessRecord, observation: Tensor) -> Categorical:
        """The best actions of the plan.

        Args:
            state: the record.
            observation: (T, Q, S), one-hot.
        """
        task_T = torch.arange(len(state.step), device=state.step.device)
        plan_TSA = state.plan[task_T, state.step]
        seen_TQ1 = observation.argmax(dim=-1)[..., None].expand(-1, -1, self.num_actions)
        return categorical(self.preferences(plan_TSA.gather(1, seen_TQ1)))

    def preferences(self, gain_TQA: Tensor) -> Tensor:
        """Logits of actions from how good they are.

        Args:
            gain_TQA: how good each action is.
        """
        return best_only(gain_TQA)

    def mean_rewards(self, record: ProcessRecord) -> Tensor:
        """Posterior means of the mean rewards, (T, S, A).

        Args:
            record: what was found out.
        """
        return (record.rewards + self.prior_mean) / (record.pulls + 1)

    def mean_transitions(self, record: ProcessRecord) -> Tensor:
        """Posterior means of the transitions, (T, S, A, S).

        Args:
            record: what was found out.
        """
        return (record.visits + 1) / (record.visits.sum(dim=-1, keepdim=True) + self.num_states)

    def draw(self, record: ProcessRecord) -> tuple[Tensor, Tensor]:
        """One draw of transitions (T, S, A, S) and mean rewards (T, S, A) from the posterior.

        Args:
            record: what was found out.
        """
        rewards = normal(self.mean_rewards(record), (record.pulls + 1).rsqrt(), self.generator)
        return dirichlet(record.visits + 1, self.generator), rewards

    def _noted(
        self, state: ProcessRecord, observation: Tensor, action: Tensor, reward: Tensor, ended: Tensor
    ) -> ProcessRecord:
        task_T, now_T = torch.arange(len(action), device=action.device), observation.argmax(dim=-1)
        visits, rewards, pulls = state.visits.clone(), state.rewards.clone(), state.pulls.clone()
        known_B = task_T[state.last[:, 0] >= 0]
        visits[known_B, state.last[known_B, 0], state.last[known_B, 1], now_T[known_B]] += 1
        rewards[task_T, now_T, action] += reward
        pulls[task_T, now_T, action] += 1
        # The state after an episode's last step is not shown: the next one begins anew.
        last_T2 = torch.stack([now_T, action], dim=1).masked_fill(ended[:, None], -1)
        step_T = (state.step + 1).masked_fill(ended, 0).clamp(max=self.episode_length - 1)
        state = ProcessRecord(visits, rewards, pulls, state.plan, step_T, last_T2)
        if not bool(ended.any()):
            return state
        again = ended[:, None, None, None]
        return state._replace(plan=torch.where(again, self.plan(state), state.plan))


class RandomChoice(MDPAgent):
    """Any action.

    Args:
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def plan(self, record: ProcessRecord) -> Tensor:
        """All actions are as good as each other.

        Args:
            record: what was found out.
        """
        return record.rewards.new_zeros(len(record.step), self.episode_length, self.num_states, self.num_actions)
