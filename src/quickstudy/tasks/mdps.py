"""Markov decision processes with few states, drawn at random.

Duan et al., "RL²" (2016), section 3.2, after Osband, Russo and Van Roy (2013): ten states, five actions; transitions
are uniform over the simplex, mean rewards normal around 1, rewards normal around their mean; episodes of ten steps
begin in state 0.

Letters: T tasks, S states, A actions, H steps to go.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.core import Outcome
from quickstudy.core.optimisation import refuse_count
from quickstudy.tasks.made_on_device import MadeOnDevice

PUBLISHED_NORMALISER = 20.77
"""Reward of an episode by which the SNAIL paper divides: published totals over published normalised scores. The true
optimum is 21.83."""

_CPU = torch.device("cpu")


class MDP(NamedTuple):
    """T processes, each in a state."""

    transitions: Tensor
    """(T, S, A, S): the probability of each next state."""
    rewards: Tensor
    """(T, S, A): mean rewards."""
    policy: Tensor
    """(T, H, S): the best action with h + 1 steps to go, for those who know the process."""
    optimum: Tensor
    """(T,): the mean reward of an episode with the best actions."""
    state: Tensor
    """(T,): the states now."""
    step: Tensor
    """(T,): steps of the present episode."""


@dataclass(frozen=True)
class MDPs(MadeOnDevice):
    """Random Markov decision processes.

    Args:
        num_states: S.
        num_choices: A.
        episode_length: steps of an episode.
        num_episodes: episodes of a trial.
        device: where processes are made.

    Raises:
        UserError: if there is no such process.
    """

    num_states: int = 10
    num_choices: int = 5
    episode_length: int = 10
    num_episodes: int = 10
    device: torch.device = _CPU

    def __post_init__(self) -> None:
        """Refuse what is no process."""
        for name in ("num_states", "num_choices", "episode_length", "num_episodes"):
            refuse_count(name, getattr(self, name), 1)

    @property
    def num_actions(self) -> int:
        """A."""
        return self.num_choices

    @property
    def num_steps(self) -> int:
        """The steps of all episodes."""
        return self.episode_length * self.num_episodes

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """One number for each state: 1 at the present state."""
        return (self.num_states,)

    def start(self, num_tasks: int, generator: torch.Generator) -> MDP:
        """Draw T processes, in state 0.

        Args:
            num_tasks: T.
            generator: the source of random numbers.
        """
        shape = num_tasks, self.num_states, self.num_choices
        # Exponential numbers divided by their sum are uniform over the simplex.
        weights_TSAS = torch.empty(*shape, self.num_states, device=self.device).exponential_(generator=generator)
        transitions_TSAS = weights_TSAS / weights_TSAS.sum(dim=-1, keepdim=True)
        rewards_TSA = 1 + torch.randn(shape, generator=generator, device=self.device)
        policy_THS, value_TS = solved(transitions_TSAS, rewards_TSA, self.episode_length)
        zero_T = torch.zeros(num_tasks, dtype=torch.long, device=self.device)
        return MDP(transitions_TSAS, rewards_TSA, policy_THS, value_TS[:, 0], zero_T, zero_T)

    def observe(self, world: MDP) -> Tensor:
        """The present state (T, S), one-hot.

        Args:
            world: T processes.
        """
        return F.one_hot(world.state, self.num_states).to(world.rewards.dtype)

    def act(self, world: MDP, action: Tensor, generator: torch.Generator) -> Outcome:
        """Do one action in each process.

        Args:
            world: T processes.
            action: (T,).
            generator: the source of random numbers.
        """
        task_T = torch.arange(len(action), device=action.device)
        mean_T = world.rewards[task_T, world.state, action]
        reward_T = mean_T + torch.randn(mean_T.shape, generator=generator, device=mean_T.device)
        next_TS = world.transitions[task_T, world.state, action]
        state_T = torch.multinomial(next_TS, 1, generator=generator).squeeze(1)
        step_T = world.step + 1
        ended_T = step_T >= self.episode_length
        moved = world._replace(state=state_T.masked_fill(ended_T, 0), step=step_T.masked_fill(ended_T, 0))
        return Outcome(reward_T, ended_T, moved)

    def is_over(self, world: MDP) -> Tensor:
        """Never before the last step.

        Args:
            world: T processes.
        """
        return torch.zeros_like(world.state, dtype=torch.bool)

    def best_action(self, world: MDP) -> Tensor:
        """The action (T,) with the highest expected reward up to the end of the episode.

        Args:
            world: T processes.
        """
        task_T = torch.arange(len(world.state), device=world.state.device)
        return world.policy[task_T, self.episode_length - 1 - world.step, world.state]


def solved(transitions_TSAS: Tensor, rewards_TSA: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """The best actions (T, H, S), by the steps to go less one, and the value (T, S) of each state at the start.

    Args:
        transitions_TSAS: probabilities of the next states.
        rewards_TSA: mean rewards.
        horizon: H, the steps of an episode.
    """
    value_TS = torch.zeros_like(rewards_TSA[..., 0])
    actions = []
    for _ in range(horizon):
        gain_TSA = rewards_TSA + torch.einsum("tsan,tn->tsa", transitions_TSAS, value_TS)
        value_TS, action_TS = gain_TSA.max(dim=-1)
        actions.append(action_TS)
    return torch.stack(actions, dim=1), value_TS
