"""Plans in small Markov decision processes, by backward induction over the steps of an episode.

Letters: T tasks, S states, A actions, H steps of an episode.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Sizes(NamedTuple):
    """Of a process.

    Args:
        num_states: S.
        num_actions: A.
        episode_length: H.
    """

    num_states: int
    num_actions: int
    episode_length: int


def planned(transitions_TSAS: Tensor, rewards_TSA: Tensor, horizon: int) -> Tensor:
    """Value iteration: how good each action is, (T, H, S, A), by the steps that are over.

    Args:
        transitions_TSAS: probabilities of the next states.
        rewards_TSA: mean rewards.
        horizon: H.
    """
    return backwards(
        lambda value_TS: rewards_TSA + torch.einsum("tsan,tn->tsa", transitions_TSAS, value_TS), rewards_TSA, horizon
    )


def backwards(gain: Callable[[Tensor], Tensor], like_TSA: Tensor, horizon: int) -> Tensor:
    """Backward induction over the steps of an episode, (T, H, S, A), by the steps that are over.

    Args:
        gain: how good each action is, (T, S, A), given the value (T, S) of the next states.
        like_TSA: has the shape of the gain.
        horizon: H.
    """
    value_TS = torch.zeros_like(like_TSA[..., 0])
    gains = []
    for _ in range(horizon):
        gains.append(gain(value_TS))
        value_TS = gains[-1].amax(dim=-1)
    return torch.stack(gains[::-1], dim=1)


def most_favourable(mean_TSAS: Tensor, width_TSA: Tensor, value_TS: Tensor) -> Tensor:
    """The highest expected value of the next state, with transitions whose L1 distance from the mean is the width.

    The best state gets half the width; what is then too much is taken from the worst states.

    Args:
        mean_TSAS: probabilities of the next states.
        width_TSA: the widest L1 distance.
        value_TS: the value of each state.
    """
    value_TS, order_TS = value_TS.sort(dim=-1, descending=True)
    sorted_TSAS = mean_TSAS.gather(-1, order_TS[:, None, None].expand_as(mean_TSAS))
    first = torch.minimum(sorted_TSAS[..., :1] + width_TSA[..., None] / 2, torch.ones_like(sorted_TSAS[..., :1]))
    sorted_TSAS = torch.cat([first, sorted_TSAS[..., 1:]], dim=-1)
    left_TSAS = 1 - F.pad(sorted_TSAS, (1, 0))[..., :-1].cumsum(dim=-1)
    return torch.einsum("tsan,tn->tsa", torch.minimum(sorted_TSAS, left_TSAS.clamp(min=0)), value_TS)
