"""Embeddings that a head can only compare: of one length, and in training with their channels in random order.

Letters: T tasks, S support examples, Q queries, E examples, D numbers of an embedding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def of_equal_lengths(z_TED: Tensor) -> Tensor:
    """Embeddings scaled to a mean square of one. Products favour long embeddings over similar ones.

    Args:
        z_TED: Embeddings.
    """
    return F.rms_norm(z_TED, z_TED.shape[-1:])


def in_random_channels(z_TSD: Tensor, z_TQD: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Embeddings of support and queries; some tasks have their channels in a random order of their own.

    Args:
        z_TSD: Embeddings of the support.
        z_TQD: Embeddings of the queries.
        share: Probability that a task's channels are shuffled.
    """
    if not share:
        return z_TSD, z_TQD
    num_tasks, _, num_channels = z_TSD.shape
    order_TD = torch.rand(num_tasks, num_channels, device=z_TSD.device).argsort(dim=1)
    is_left_T1 = torch.rand(num_tasks, 1, device=z_TSD.device) >= share
    order_T1D = torch.where(is_left_T1, torch.arange(num_channels, device=z_TSD.device), order_TD)[:, None]
    return z_TSD.gather(2, order_T1D.expand_as(z_TSD)), z_TQD.gather(2, order_T1D.expand_as(z_TQD))


def refuse_share(name: str, share: float) -> None:
    """Refuse what is no share.

    Args:
        name: Name of the setting.
        share: Its value.

    Raises:
        ValueError: if it is below zero or above one.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {share}, but a share from 0 to 1 was expected.")
