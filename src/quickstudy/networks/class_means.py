"""Means over the examples of each class: how metric learners and classifying CNPs aggregate."""

import torch
from torch import Tensor

from quickstudy.core.tracing import is_traced


def class_means(
    values_TSD: Tensor, labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The mean (T, N, D) of the values of each class, zero without an example; and which classes a task has, (T, N).

    Args:
        values_TSD: Values of the support.
        labels_TS: Class of each.
        num_ways: Classes N.
        mask_TS: Which examples count; None counts all.
    """
    members_TSN = members(labels_TS, num_ways, mask_TS).to(values_TSD.dtype)
    counts_TN = members_TSN.sum(dim=1)
    sums_TND = members_TSN.transpose(1, 2) @ values_TSD
    return sums_TND / counts_TN.clamp(min=1)[..., None], counts_TN > 0


def members(labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None) -> Tensor:
    """Which example is of which class, (T, S, N) booleans.

    Args:
        labels_TS: Class of each example.
        num_ways: Classes N.
        mask_TS: Where it is False, an example belongs to no class; None counts all.
    """
    members_TSN = labels_TS[..., None] == torch.arange(num_ways, device=labels_TS.device)
    return members_TSN if mask_TS is None else members_TSN & mask_TS[..., None]


def crowding(labels_TS: Tensor, counts_TN: Tensor) -> Tensor:
    """The size of each example's class over the mean size of the classes present, (T, S). It is one for even classes.

    Args:
        labels_TS: Class of each example.
        counts_TN: Number of examples of each class.
    """
    mean_T1 = counts_TN.sum(dim=1, keepdim=True) / (counts_TN > 0).sum(dim=1, keepdim=True).clamp(min=1)
    # At least one: the label of padding may be of a class without examples.
    return counts_TN.gather(1, labels_TS.long()).clamp(min=1) / mean_T1.clamp(min=1)


def balanced_index(labels_TS: Tensor, num_ways: int, mask_TS: Tensor | None = None) -> tuple[Tensor, Tensor] | None:
    """Which examples to read so that all classes count equally: those of smaller classes are repeated in turn.

    Each class gets as many places as the largest class of its task. A task whose classes are equally large is read in
    its own order.

    Args:
        labels_TS: Class of each example.
        num_ways: Classes N.
        mask_TS: Where it is False, an example is padding; None counts all.

    Returns:
        The index (T, L) of the examples, and which places of it count, (T, L) booleans. None if in every task all
        classes are equally large.
    """
    if is_traced():
        return None  # A graph cannot choose by numbers: it is for classes of equal size.
    counts_TN = members(labels_TS, num_ways, mask_TS).sum(dim=1)
    largest_T1 = counts_TN.amax(dim=1, keepdim=True)
    is_uneven_T = ((counts_TN > 0) & (counts_TN < largest_T1)).any(dim=1)
    if not bool(is_uneven_T.any()):
        return None
    # Real examples first; in uneven tasks in order of their classes, and then of each class as many, going round.
    kind_TS = torch.where(is_uneven_T[:, None], labels_TS.long(), 0)
    kind_TS = kind_TS if mask_TS is None else kind_TS.masked_fill(~mask_TS, num_ways)
    order_TS = kind_TS.argsort(dim=1, stable=True)
    turn_K = torch.arange(int(largest_T1.max()), device=labels_TS.device)
    start_TN = counts_TN.cumsum(dim=1) - counts_TN
    round_TNK = start_TN[..., None] + turn_K % counts_TN.clamp(min=1)[..., None]
    is_round_TNK = (turn_K < largest_T1[..., None]) & (counts_TN > 0)[..., None]
    as_is_L = torch.arange(num_ways * len(turn_K), device=labels_TS.device)
    place_TL = torch.where(is_uneven_T[:, None], round_TNK.flatten(1), as_is_L).clamp(max=labels_TS.shape[1] - 1)
    is_as_is_TL = as_is_L < counts_TN.sum(dim=1, keepdim=True)
    return order_TS.gather(1, place_TL), torch.where(is_uneven_T[:, None], is_round_TNK.flatten(1), is_as_is_TL)


def mask_absent(logits_TQN: Tensor, is_present_TN: Tensor) -> Tensor:
    """Rule out the classes that a task has no example of.

    Args:
        logits_TQN: Logits of the queries.
        is_present_TN: Which classes each task has.
    """
    return logits_TQN.masked_fill(~is_present_TN[:, None, :], -torch.inf)
