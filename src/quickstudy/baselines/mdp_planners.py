"""Agents for small Markov decision processes, each with its own way to plan an episode.

Osband, Russo and Van Roy, "(More) Efficient Reinforcement Learning via Posterior Sampling" (2013): PSRL;
Osband and Van Roy, "Why is Posterior Sampling Better than Optimism for Reinforcement Learning?" (2017): OPSRL;
Jaksch, Ortner and Auer, "Near-optimal Regret Bounds for Reinforcement Learning" (2010): UCRL2.

Letters: T tasks, S states, A actions, H steps to go, Q observations, M draws.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.baselines.bandit_rules import best_only
from quickstudy.baselines.mdp_agents import MDPAgent, ProcessRecord
from quickstudy.baselines.planning import Sizes, backwards, most_favourable, planned
from quickstudy.core import categorical
from quickstudy.core.optimisation import refuse_count, refuse_kind, refuse_number

Ties = Literal["random", "first"]


class GreedyPlanner(MDPAgent):
    """The best actions by the posterior means.

    Args:
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
        ties: of equally good actions, "random" does any, and "first" always the first one. The published figures are
            those of "first", which explores less.
    """

    def __init__(
        self, sizes: Sizes, generator: torch.Generator, *, prior_mean: float = 0.0, ties: Ties = "random"
    ) -> None:
        super().__init__(sizes, generator, prior_mean=prior_mean)
        refuse_kind("ties", ties, ("random", "first"))
        self.ties = ties

    def preferences(self, gain_TQA: Tensor) -> Tensor:
        """Logits that leave the best actions, or the first of them.

        Args:
            gain_TQA: how good each action is.
        """
        if self.ties == "random":
            return best_only(gain_TQA)
        first_TQ1 = gain_TQA.argmax(dim=-1, keepdim=True)
        return torch.full_like(gain_TQA, -torch.inf).scatter(-1, first_TQ1, 0.0)

    def plan(self, record: ProcessRecord) -> Tensor:
        """Value iteration with the means.

        Args:
            record: what was found out.
        """
        return planned(self.mean_transitions(record), self.mean_rewards(record), self.episode_length)


class ShortSighted(GreedyPlanner):
    """The action with the highest posterior mean reward in the present state, whatever it leads to.

    It makes no plan, so it uses what it has found out at the next step. In `quickstudy.tasks.MDPs` actions lead almost
    anywhere, so looking ahead gains little.

    Args:
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
        ties: as for `GreedyPlanner`.
    """

    def plan(self, record: ProcessRecord) -> Tensor:
        """There is none.

        Args:
            record: what was found out.
        """
        return record.rewards.new_zeros(len(record.step), 1, 1, 1)

    def predict(self, state: ProcessRecord, observation: Tensor) -> Categorical:
        """The best actions by the mean rewards.

        Args:
            state: the record.
            observation: (T, Q, S), one-hot.
        """
        seen_TQ1 = observation.argmax(dim=-1)[..., None].expand(-1, -1, self.num_actions)
        return categorical(self.preferences(self.mean_rewards(state).gather(1, seen_TQ1)))


class EpsilonGreedyPlanner(GreedyPlanner):
    """Any action with probability ε, and else the best one by the posterior means.

    Args:
        epsilon: ε, from 0 to 1.
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def __init__(self, epsilon: float, sizes: Sizes, generator: torch.Generator, *, prior_mean: float = 0.0) -> None:
        super().__init__(sizes, generator, prior_mean=prior_mean)
        refuse_number("epsilon", epsilon, "from 0 to 1", lambda value: 0 <= value <= 1)
        self.epsilon = epsilon

    def preferences(self, gain_TQA: Tensor) -> Tensor:
        """A mixture of any action and the best one.

        Args:
            gain_TQA: how good each action is.
        """
        best_TQA = best_only(gain_TQA).softmax(dim=-1)
        return ((1 - self.epsilon) * best_TQA + self.epsilon / self.num_actions).log()


class PSRL(MDPAgent):
    """The best actions in one draw from the posterior.

    Args:
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def plan(self, record: ProcessRecord) -> Tensor:
        """Value iteration in the draw.

        Args:
            record: what was found out.
        """
        return planned(*self.draw(record), self.episode_length)


class OPSRL(MDPAgent):
    """The best actions where each action is as good as in the most favourable of several draws.

    Args:
        num_draws: M. One is PSRL.
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def __init__(self, num_draws: int, sizes: Sizes, generator: torch.Generator, *, prior_mean: float = 0.0) -> None:
        super().__init__(sizes, generator, prior_mean=prior_mean)
        refuse_count("num_draws", num_draws, 1)
        self.num_draws = num_draws

    def plan(self, record: ProcessRecord) -> Tensor:
        """Value iteration with the best draw of each action at each step.

        Args:
            record: what was found out.
        """
        draws = [self.draw(record) for _ in range(self.num_draws)]
        transitions_TMSAS, rewards_TMSA = (torch.stack(parts, dim=1) for parts in zip(*draws, strict=True))

        def gain(value_TS: Tensor) -> Tensor:
            return (rewards_TMSA + torch.einsum("tmsan,tn->tmsa", transitions_TMSAS, value_TS)).amax(dim=1)

        return backwards(gain, rewards_TMSA[:, 0], self.episode_length)


class UCRL2(MDPAgent):
    """The best actions in the most favourable process within confidence sets around the means.

    Args:
        scale: factor of the widths of the sets. That of the theory, 1, is far too careful for short trials.
        sizes: of the process.
        generator: the source of random numbers.
        prior_mean: mean of the prior of mean rewards.
    """

    def __init__(self, scale: float, sizes: Sizes, generator: torch.Generator, *, prior_mean: float = 0.0) -> None:
        super().__init__(sizes, generator, prior_mean=prior_mean)
        refuse_number("scale", scale, "from 0", lambda value: value >= 0)
        self.scale = scale

    def plan(self, record: ProcessRecord) -> Tensor:
        """Value iteration with the highest rewards and the most favourable transitions of the sets.

        Args:
            record: what was found out.
        """
        time_T11 = record.pulls.sum(dim=(1, 2), keepdim=True) + 1
        log_T11 = (2 * self.num_states * self.num_actions * time_T11).log()
        pulls_TSA = record.pulls.clamp(min=1)
        rewards_TSA = self.mean_rewards(record) + self.scale * (7 * log_T11 / (2 * pulls_TSA)).sqrt()
        width_TSA = self.scale * (14 * self.num_states * log_T11 / pulls_TSA).sqrt()
        mean_TSAS = self.mean_transitions(record)

        def gain(value_TS: Tensor) -> Tensor:
            return rewards_TSA + most_favourable(mean_TSAS, width_TSA, value_TS)

        return backwards(gain, rewards_TSA, self.episode_length)
