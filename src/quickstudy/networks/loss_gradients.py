"""Gradients of losses of single examples, and of pairs of them, in closed form.

Letters: T tasks, S support examples, E examples of any kind, G pairs, N classes, D features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.networks.class_means import mask_absent

_MARGIN = 1.0


def partners(labels_TS: Tensor, count: int) -> Tensor:
    """For each of the first examples the index of another one, (T, G): by turns one of its class and one of another
    class.

    It is the next one of that kind, in cyclic order; the next of all if there is none of that kind.

    Args:
        labels_TS: Class of each example.
        count: Number G of examples that get a partner.
    """
    num_examples = labels_TS.shape[1]
    index_S = torch.arange(num_examples, device=labels_TS.device)
    away_GS = (index_S - index_S[:count, None]) % num_examples
    is_same_TGS = labels_TS[:, :count, None] == labels_TS[:, None, :]
    is_wanted_TGS = is_same_TGS == (index_S[:count, None] % 2 == 0)
    far_TGS = away_GS + num_examples * ~is_wanted_TGS + 2 * num_examples * (away_GS == 0)
    return far_TGS.argmin(dim=2)


def contrast(apart_TGD: Tensor, is_same_TG: Tensor) -> Tensor:
    """The gradient of a contrastive loss for the first of each pair: d² for one class, max(0, margin − d)² for two.

    Args:
        apart_TGD: Difference of the two embeddings of each pair.
        is_same_TG: Whether the two are of one class.
    """
    distance_TG1 = apart_TGD.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    pushed_TGD = (1 - _MARGIN / distance_TG1).clamp(max=0) * apart_TGD
    return 2 * torch.where(is_same_TG[..., None], apart_TGD, pushed_TGD)


def cross_entropy_gradient(logits_TEN: Tensor, labels_TE: Tensor, is_present_TN: Tensor) -> Tensor:
    """The gradient of each example's cross-entropy with respect to its logits, (T, E, N).

    Args:
        logits_TEN: Logits of the examples.
        labels_TE: Class of each.
        is_present_TN: Which classes each task has; the others are ruled out.
    """
    probabilities_TEN = mask_absent(logits_TEN, is_present_TN).softmax(dim=-1)
    return probabilities_TEN - F.one_hot(labels_TE, logits_TEN.shape[-1]).to(probabilities_TEN.dtype)
