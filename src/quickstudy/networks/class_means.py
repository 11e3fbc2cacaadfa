"""Means over the examples of each class: how metric learners and classifying CNPs aggregate."""

import torch
import torch.nn.functional as F
from torch import Tensor


def class_means(
    values_TSD: Tensor, labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The mean (T, N, D) of each class's values, zero where a task has none; and which it has, (T, N).

    With a mask, those values count where it is True.
    """
    members_TSN = members(labels_TS, num_ways, mask_TS).to(values_TSD.dtype)
    counts_TN = members_TSN.sum(dim=1)
    sums_TND = members_TSN.transpose(1, 2) @ values_TSD
    return sums_TND / counts_TN.clamp(min=1)[..., None], counts_TN > 0


def members(labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None) -> Tensor:
    """Which example is of which class, (T, S, N) booleans; with a mask, those are of none where it is False."""
    members_TSN = F.one_hot(labels_TS.long(), num_ways).bool()
    return members_TSN if mask_TS is None else members_TSN & mask_TS[..., None]


def crowding(labels_TS: Tensor, num_ways: int) -> Tensor:
    """How many examples the class of each example has, itself included: (T, S)."""
    counts_TN = members(labels_TS, num_ways).sum(dim=1)
    return counts_TN.gather(1, labels_TS.long())


def balanced_index(labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None) -> tuple[Tensor, Tensor] | None:
    """Which examples to read so that every class has as many as the task's largest, the others in turn again.

    The index (T, L) and which of it counts, (T, L) booleans; None where the classes of every task are as large.
    """
    members_TSN = members(labels_TS, num_ways, mask_TS)
    counts_TN = members_TSN.sum(dim=1)
    largest_T1 = counts_TN.amax(dim=1, keepdim=True)
    if not bool(((counts_TN > 0) & (counts_TN < largest_T1)).any()):
        return None
    # Examples in order of their classes, those of none last; then of each class as many, going round.
    kind_TS = labels_TS.long() if mask_TS is None else labels_TS.long().masked_fill(~mask_TS, num_ways)
    order_TS = kind_TS.argsort(dim=1, stable=True)
    start_TN = counts_TN.cumsum(dim=1) - counts_TN
    turn_K = torch.arange(int(largest_T1.max()), device=labels_TS.device)
    place_TNK = start_TN[..., None] + turn_K % counts_TN.clamp(min=1)[..., None]
    counts_TNK = (turn_K < largest_T1[..., None]) & (counts_TN > 0)[..., None]
    place_TL = place_TNK.flatten(1).clamp(max=labels_TS.shape[1] - 1)
    return order_TS.gather(1, place_TL), counts_TNK.flatten(1)


def mask_absent(logits_TQN: Tensor, is_present_TN: Tensor) -> Tensor:
    """Rule out the classes that a task has no example of."""
    return logits_TQN.masked_fill(~is_present_TN[:, None, :], -torch.inf)
