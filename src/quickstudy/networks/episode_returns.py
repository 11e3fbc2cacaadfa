"""Rewards to come within an episode, and a baseline that is linear in features of the observation and of time.

Duan, Chen, Houthooft, Schulman and Abbeel, "Benchmarking Deep Reinforcement Learning for Continuous Control" (ICML
2016), section 6: the features are the observation, its squares, and powers of the step's number.

Letters: T tasks, L steps, F features.
"""

import torch
from torch import Tensor

_RIDGE = 1e-3
"""Weight of the squared coefficients, so that features that never change do no harm."""
_STEPS_PER_UNIT = 10.0


def returns_within_episodes(reward_TL: Tensor, ended_TL: Tensor, discount: float) -> Tensor:
    """The discounted rewards from each step to the end of its episode, (T, L).

    Args:
        reward_TL: rewards.
        ended_TL: booleans: the episode ended with the step.
        discount: what a reward counts one step later.
    """
    later_T, found = torch.zeros_like(reward_TL[:, 0]), []
    for reward_T, ended_T in zip(reward_TL.unbind(dim=1)[::-1], ended_TL.unbind(dim=1)[::-1], strict=True):
        later_T = reward_T + discount * later_T.masked_fill(ended_T, 0.0)
        found.append(later_T)
    return torch.stack(found[::-1], dim=1)


def step_of_episode(ended_TL: Tensor) -> Tensor:
    """How many steps of its episode were before each step, (T, L).

    Args:
        ended_TL: booleans: the episode ended with the step.
    """
    index_L = torch.arange(ended_TL.shape[1], device=ended_TL.device)
    starts_TL = (index_L + 1) * ended_TL  # Of the next episode, at the end of one.
    starts_TL = torch.cat([torch.zeros_like(starts_TL[:, :1]), starts_TL[:, :-1]], dim=1)
    return index_L - starts_TL.cummax(dim=1).values


def linear_baseline(observation: Tensor, ended_TL: Tensor, returns_TL: Tensor, counts_TL: Tensor) -> Tensor:
    """The returns (T, L) as a linear function of the features, fitted to some steps of each task by least squares.

    Args:
        observation: (T, L, *observation).
        ended_TL: booleans: the episode ended with the step.
        returns_TL: what is to be estimated.
        counts_TL: booleans: which steps it is fitted to.
    """
    seen_TLD = observation.flatten(2).to(returns_TL.dtype)
    time_TL1 = step_of_episode(ended_TL).to(returns_TL.dtype)[..., None] / _STEPS_PER_UNIT
    powers = [time_TL1**power for power in range(4)]
    features_TLF = torch.cat([seen_TLD, seen_TLD.square(), *powers], dim=-1)
    counted_TFL = (features_TLF * counts_TL[..., None]).transpose(1, 2)
    ridge_FF = _RIDGE * torch.eye(features_TLF.shape[-1], dtype=seen_TLD.dtype, device=seen_TLD.device)
    weights_TF1 = torch.linalg.solve(counted_TFL @ features_TLF + ridge_FF, counted_TFL @ returns_TL[..., None])
    return (features_TLF @ weights_TF1)[..., 0]
