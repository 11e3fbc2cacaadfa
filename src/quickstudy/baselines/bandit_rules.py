"""Rules for bandits: each knows how arms are drawn, and nothing else.

Duan et al., "RL²" (2016), section 3.1 and its list of baselines; Thompson, "On the likelihood that one unknown
probability exceeds another" (1933); Auer, Cesa-Bianchi and Fischer, "Finite-time analysis of the multiarmed bandit
problem" (2002) for UCB1.

Letters: T tasks, K arms, Q observations, M draws.
"""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.baselines.posteriors import beta, normal
from quickstudy.core import Experience, categorical
from quickstudy.core.optimisation import refuse_count, refuse_number

Rewards = Literal["bernoulli", "gaussian"]


class ArmRecord(NamedTuple):
    """What was found out about each arm."""

    pulls: Tensor
    """(T, K): how often it was pulled."""
    rewards: Tensor
    """(T, K): the sum of its rewards."""


class BanditRule(ABC):
    """Chooses the arm with the highest score. Ties are broken at random.

    Args:
        num_arms: K.
        generator: the source of random numbers, if the rule needs one.
        rewards: how arms are drawn, as in `quickstudy.tasks.Bandits`.
    """

    def __init__(self, num_arms: int, generator: torch.Generator, rewards: Rewards = "bernoulli") -> None:
        self.num_arms, self.generator, self.rewards = num_arms, generator, rewards

    @abstractmethod
    def scores(self, record: ArmRecord) -> Tensor:
        """How good each arm is thought to be, (T, K).

        Args:
            record: what was found out.
        """

    def prior(self, num_tasks: int) -> ArmRecord:
        """No arm was pulled.

        Args:
            num_tasks: T.
        """
        zeros_TK = torch.zeros(num_tasks, self.num_arms, device=self.generator.device)
        return ArmRecord(zeros_TK, zeros_TK)

    def extend(self, state: ArmRecord, experience: Experience) -> ArmRecord:
        """Count further pulls.

        Args:
            state: the record so far.
            experience: further pulls (T, L).
        """
        pulled_TLK = F.one_hot(experience.action, self.num_arms).to(state.pulls.dtype)
        rewards_TK = (pulled_TLK * experience.reward[..., None]).sum(dim=1)
        return ArmRecord(state.pulls + pulled_TLK.sum(dim=1), state.rewards + rewards_TK)

    def predict(self, state: ArmRecord, observation: Tensor) -> Categorical:
        """The arms with the highest score, each as probable as the other.

        Args:
            state: the record.
            observation: (T, Q, 1), which says nothing.
        """
        return _among(best_only(self.scores(state)), observation)

    def mean(self, record: ArmRecord) -> Tensor:
        """The posterior mean of each arm, (T, K).

        Args:
            record: what was found out.
        """
        if self.rewards == "bernoulli":
            return (record.rewards + 1) / (record.pulls + 2)
        return record.rewards / (record.pulls + 1)

    def draw(self, record: ArmRecord) -> Tensor:
        """One draw of each arm's mean from its posterior, (T, K).

        Args:
            record: what was found out.
        """
        if self.rewards == "bernoulli":
            return beta(record.rewards + 1, record.pulls - record.rewards + 1, self.generator)
        return normal(self.mean(record), (record.pulls + 1).rsqrt(), self.generator)


class RandomArm(BanditRule):
    """Any arm.

    Args:
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def scores(self, record: ArmRecord) -> Tensor:
        """All the same.

        Args:
            record: what was found out.
        """
        return torch.zeros_like(record.pulls)


class Greedy(BanditRule):
    """The arm with the highest posterior mean.

    Args:
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def scores(self, record: ArmRecord) -> Tensor:
        """The posterior means.

        Args:
            record: what was found out.
        """
        return self.mean(record)


class EpsilonGreedy(Greedy):
    """Any arm with probability ε, and else the arm with the highest posterior mean.

    Args:
        epsilon: ε, from 0 to 1.
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def __init__(
        self, epsilon: float, num_arms: int, generator: torch.Generator, rewards: Rewards = "bernoulli"
    ) -> None:
        super().__init__(num_arms, generator, rewards)
        refuse_number("epsilon", epsilon, "from 0 to 1", lambda value: 0 <= value <= 1)
        self.epsilon = epsilon

    def predict(self, state: ArmRecord, observation: Tensor) -> Categorical:
        """A mixture of any arm and the best one.

        Args:
            state: the record.
            observation: (T, Q, 1), which says nothing.
        """
        greedy_TK = best_only(self.scores(state)).softmax(dim=-1)
        mixed_TK = (1 - self.epsilon) * greedy_TK + self.epsilon / self.num_arms
        return _among(mixed_TK.log(), observation)


class UCB1(BanditRule):
    """The arm with the highest bound: posterior mean + scale · √(2 ln t / pulls), t the pulls of all arms.

    An arm that was never pulled counts as pulled once, by half a pull of each outcome.

    Args:
        scale: factor of the bonus.
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def __init__(self, scale: float, num_arms: int, generator: torch.Generator, rewards: Rewards = "bernoulli") -> None:
        super().__init__(num_arms, generator, rewards)
        refuse_number("scale", scale, "from 0", lambda value: value >= 0)
        self.scale = scale

    def scores(self, record: ArmRecord) -> Tensor:
        """The bounds.

        Args:
            record: what was found out.
        """
        time_T1 = record.pulls.sum(dim=1, keepdim=True) + 1
        return self.mean(record) + self.scale * (2 * time_T1.log() / record.pulls.clamp(min=1)).sqrt()


class Thompson(BanditRule):
    """The arm that is best in one draw from the posterior.

    Args:
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def scores(self, record: ArmRecord) -> Tensor:
        """The draw.

        Args:
            record: what was found out.
        """
        return self.draw(record)


class OptimisticThompson(BanditRule):
    """The arm that is best in the most probable one of several draws from the posterior.

    Args:
        num_draws: M. One is Thompson sampling.
        num_arms: K.
        generator: the source of random numbers.
        rewards: how arms are drawn.
    """

    def __init__(
        self, num_draws: int, num_arms: int, generator: torch.Generator, rewards: Rewards = "bernoulli"
    ) -> None:
        super().__init__(num_arms, generator, rewards)
        refuse_count("num_draws", num_draws, 1)
        self.num_draws = num_draws

    def scores(self, record: ArmRecord) -> Tensor:
        """The draw with the highest posterior density.

        Args:
            record: what was found out.
        """
        repeated = ArmRecord(*(field.repeat_interleave(self.num_draws, dim=0) for field in record))
        drawn_BK = self.draw(repeated)
        density_TM = self._log_density(repeated, drawn_BK).sum(dim=1).unflatten(0, (-1, self.num_draws))
        drawn_TMK = drawn_BK.unflatten(0, (-1, self.num_draws))
        best_TM1 = density_TM.argmax(dim=1)[:, None, None]
        return drawn_TMK.gather(1, best_TM1.expand(-1, 1, self.num_arms)).squeeze(1)

    def _log_density(self, record: ArmRecord, means_BK: Tensor) -> Tensor:
        """Of the posterior, but for what is the same for all draws of a task."""
        if self.rewards == "bernoulli":
            failures_BK = record.pulls - record.rewards
            return torch.xlogy(record.rewards, means_BK) + torch.xlogy(failures_BK, 1 - means_BK)
        return -0.5 * (record.pulls + 1) * (means_BK - self.mean(record)).square()


def best_only(scores_TK: Tensor) -> Tensor:
    """Logits that leave only the highest scores, (T, K).

    Args:
        scores_TK: one score for each action.
    """
    is_best_TK = scores_TK == scores_TK.amax(dim=-1, keepdim=True)
    return torch.zeros_like(scores_TK).masked_fill(~is_best_TK, -torch.inf)


def _among(logits_TK: Tensor, observation: Tensor) -> Categorical:
    return categorical(logits_TK[:, None].expand(-1, observation.shape[1], -1))
