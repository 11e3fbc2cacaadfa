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


def mask_absent(logits_TQN: Tensor, is_present_TN: Tensor) -> Tensor:
    """Rule out the classes that a task has no example of."""
    return logits_TQN.masked_fill(~is_present_TN[:, None, :], -torch.inf)
