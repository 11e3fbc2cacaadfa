"""The Gittins index of a Bernoulli arm, by backward induction.

Gittins, "Bandit processes and dynamic allocation indices" (1979). The index of an arm is the sure reward for each pull
for which one would just as well leave it. Here rewards are not discounted, and an arm is pulled `horizon` times at
most.

Letters: S successes, F failures, G candidate rewards.
"""

from functools import cache

import torch
from torch import Tensor

from quickstudy.baselines.bandit_rules import ArmRecord, BanditRule
from quickstudy.core.optimisation import refuse_count

_CANDIDATES = 512


class Gittins(BanditRule):
    """The arm with the highest Gittins index, for Bernoulli arms with means uniform on [0, 1].

    Args:
        horizon: how often an arm is pulled at most. The pulls of a trial are a good choice.
        num_arms: K.
        generator: the source of random numbers that breaks ties.
    """

    def __init__(self, horizon: int, num_arms: int, generator: torch.Generator) -> None:
        super().__init__(num_arms, generator, "bernoulli")
        self.index_SF = gittins_indices(horizon).to(generator.device)

    def scores(self, record: ArmRecord) -> Tensor:
        """The indices.

        Args:
            record: what was found out.
        """
        most = self.index_SF.shape[0] - 1
        successes_TK = record.rewards.long().clamp(max=most)
        failures_TK = (record.pulls - record.rewards).long().clamp(max=most)
        return self.index_SF[successes_TK, failures_TK]


def gittins_indices(horizon: int) -> Tensor:
    """The index after any numbers of successes and failures, (horizon, horizon).

    Where there were as many pulls as the horizon or more, it is the posterior mean.

    Args:
        horizon: how often an arm is pulled at most.

    Raises:
        UserError: if it is not a whole number from 1.
    """
    refuse_count("horizon", horizon, 1)
    return _indices(horizon).clone()


@cache
def _indices(horizon: int) -> Tensor:
    """Kept: a rule may be made in every step of a training."""
    candidates_G = torch.linspace(0, 1, _CANDIDATES, dtype=torch.float64)
    counts = torch.arange(horizon, dtype=torch.float64)
    index_SF = (counts[:, None] + 1) / (counts[:, None] + counts + 2)
    # worth_SG: what the arm is worth above the sure reward, for S successes of a fixed number of pulls.
    worth_SG = torch.zeros(horizon + 1, _CANDIDATES, dtype=torch.float64)
    for pulls in range(horizon - 1, -1, -1):
        mean_S1 = ((torch.arange(pulls + 1, dtype=torch.float64) + 1) / (pulls + 2))[:, None]
        ahead_SG = mean_S1 * worth_SG[1:] + (1 - mean_S1) * worth_SG[:-1]
        gain_SG = mean_S1 - candidates_G + ahead_SG
        successes = torch.arange(pulls + 1)
        index_SF[successes, pulls - successes] = _root(gain_SG, candidates_G)
        worth_SG = gain_SG.clamp(min=0)
    return index_SF.float()


def _root(gain_SG: Tensor, candidates_G: Tensor) -> Tensor:
    """The reward at which the gain, which falls, is zero: between the last candidate with a gain and the next one."""
    last_S = (gain_SG >= 0).sum(dim=1).clamp(1, len(candidates_G) - 1)[:, None] - 1
    above, below = gain_SG.gather(1, last_S), gain_SG.gather(1, last_S + 1)
    return (candidates_G[last_S] + (candidates_G[1] - candidates_G[0]) * above / (above - below)).squeeze(1)
