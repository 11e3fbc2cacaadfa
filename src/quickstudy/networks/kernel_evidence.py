"""Evidence for each class from kernels on a task's features, exact and without weights, with leave-one-out answers.

Every kernel gives a least-squares classifier (kernel ridge regression on one number for each class), whose answer for
an example that is left out has a closed form: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006),
equation 5.12. Class means complete the list, as in Snell, Swersky and Zemel, "Prototypical Networks" (NIPS 2017).

The order of examples, features and classes changes nothing, nor does a shift of the features. Views differ in what else
they ignore: standardised features their units, ranks any rising function of each, and directions a scale of all. The
last view weighs standardised features by how well they separate the classes of the support. Its weights know the
labels, so its leave-one-out answers are too good, the more so the more features there are.

Letters: T tasks, S support examples, Q queries, I items, N ways, D features, V views, R rows of a view, M pieces of
evidence.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.networks.class_means import members

VIEWS = 4
"""Standardised features, ranks of features, directions, and weighed features."""
_SHAPES = ((4.0, 0.3), (1.0, 0.03), (1.0, 0.3), (0.2, 0.1))
"""Squared length, in mean squared distances, and ridge of each kernel."""
NUM_EVIDENCE = VIEWS * (len(_SHAPES) + 1)
"""M: the kernels and the class means of each view."""
_NO_SPREAD = 1e-6
"""A feature that varies less than this share of its size is constant."""
_TINY = 1e-12
_DOUBT = 2.0
"""Examples that a feature does not separate by class, which are added to those of the support."""
_MOST_SEPARATION = 100.0
_LEAST_SHARE = 0.05
"""Of the mean weight, for a feature that separates nothing."""


class KernelExamples(NamedTuple):
    """The support in each view, and what the evidence of a query needs of it."""

    middle: Tensor
    """(T, D): the mean of each feature."""
    spread: Tensor
    """(T, D): the deviation of each feature, 1 where it is constant."""
    weights_of_features: Tensor
    """(T, D): how well each feature separates the classes, 1 on average."""
    sorted: Tensor
    """(T, D, S): each feature in rising order, infinite behind the real examples."""
    number: Tensor
    """(T,): real examples."""
    seen: Tensor
    """(T, V, S, D): the examples in each view."""
    unit: Tensor
    """(T, V): the mean squared distance between two examples."""
    weights: Tensor
    """(T, V, kernels, S, N): of the examples, in the answer of a kernel."""
    means: Tensor
    """(T, V, N, D): class means."""
    is_real: Tensor
    """(T, S): 1 where an example is real."""


def read_examples(x_TSD: Tensor, y_TS: Tensor, num_ways: int, mask_TS: Tensor | None) -> tuple[KernelExamples, Tensor]:
    """The examples as the evidence needs them, and the evidence (T, S, N, M) for each example without itself.

    Args:
        x_TSD: Features of the examples.
        y_TS: Their classes.
        num_ways: Classes N.
        mask_TS: Which examples are real; None counts all.
    """
    is_real_TS = x_TSD.new_ones(y_TS.shape) if mask_TS is None else mask_TS.to(x_TSD.dtype)
    number_T = is_real_TS.sum(dim=1)
    middle_TD, spread_TD = _units(x_TSD, is_real_TS)
    behind_TSD = x_TSD.masked_fill(is_real_TS[..., None] == 0, math.inf)
    sorted_TDS = behind_TSD.transpose(1, 2).sort(dim=-1).values.contiguous()
    is_of_TSN = members(y_TS, num_ways, mask_TS).to(x_TSD.dtype)
    standard_TSD = _standardised(x_TSD, middle_TD, spread_TD) * is_real_TS[..., None]
    separation_TD = _separation(standard_TSD, is_of_TSN)
    seen_TVSD = _views(x_TSD, middle_TD, spread_TD, separation_TD, sorted_TDS, number_T) * is_real_TS[:, None, :, None]
    square_TVSS = _square_distances(seen_TVSD, seen_TVSD)
    both_T1SS = (is_real_TS[:, None, :, None] * is_real_TS[:, None, None, :]).expand_as(square_TVSS)
    pairs_T1 = (number_T * (number_T - 1)).clamp(min=1)[:, None]
    unit_TV = ((square_TVSS * both_T1SS).sum(dim=(2, 3)) / pairs_T1).clamp(min=_TINY)
    weights, left_out = [], []
    for length, ridge in _SHAPES:
        kernel_TVSS = _kernel(square_TVSS, unit_TV, length) * both_T1SS
        weights_TVSN, left_out_TVSN = _least_squares(kernel_TVSS, is_of_TSN, is_real_TS, ridge)
        weights.append(weights_TVSN)
        left_out.append(left_out_TVSN)
    means_TVND, of_means_TVSN = _means(seen_TVSD, is_of_TSN, unit_TV)
    examples = KernelExamples(
        middle_TD,
        spread_TD,
        separation_TD,
        sorted_TDS,
        number_T,
        seen_TVSD,
        unit_TV,
        torch.stack(weights, 2),
        means_TVND,
        is_real_TS,
    )
    return examples, torch.stack([*left_out, of_means_TVSN], dim=-1).permute(0, 2, 3, 1, 4).flatten(3)


def evidence(examples: KernelExamples, x_TQD: Tensor) -> Tensor:
    """The evidence (T, Q, N, M) for the classes of queries.

    Args:
        examples: The support.
        x_TQD: Features of the queries.
    """
    asked_TVQD = _views(
        x_TQD, examples.middle, examples.spread, examples.weights_of_features, examples.sorted, examples.number
    )
    square_TVQS = _square_distances(asked_TVQD, examples.seen)
    answers = [
        _kernel(square_TVQS, examples.unit, length) * examples.is_real[:, None, None] @ examples.weights[:, :, place]
        for place, (length, _) in enumerate(_SHAPES)
    ]
    nearness_TVQN = _nearness(_square_distances(asked_TVQD, examples.means), examples.unit)
    return torch.stack([*answers, nearness_TVQN], dim=-1).permute(0, 2, 3, 1, 4).flatten(3)


def _units(x_TSD: Tensor, is_real_TS: Tensor) -> tuple[Tensor, Tensor]:
    number_T1 = is_real_TS.sum(dim=1, keepdim=True)
    real_TS1 = is_real_TS[..., None]
    middle_TD = (x_TSD * real_TS1).sum(dim=1) / number_T1
    away_TSD = (x_TSD - middle_TD[:, None]) * real_TS1
    spread_TD = (away_TSD.square().sum(dim=1) / number_T1).sqrt()
    return middle_TD, torch.where(spread_TD > _NO_SPREAD * middle_TD.abs(), spread_TD, 1.0)


def _standardised(x_TID: Tensor, middle_TD: Tensor, spread_TD: Tensor) -> Tensor:
    return ((x_TID - middle_TD[:, None]) / spread_TD[:, None]).clamp(-30, 30)


def _separation(standard_TSD: Tensor, is_of_TSN: Tensor) -> Tensor:
    """How well each feature separates the classes (T, D): its variance in multiples of that within classes, less one.

    The variance within classes is drawn towards that of all examples, so with one example of each class all features
    weigh the same. Each feature keeps a little weight, because others may need it.
    """
    count_TN = is_of_TSN.sum(dim=1)
    means_TND = is_of_TSN.transpose(1, 2) @ standard_TSD / count_TN.clamp(min=1)[..., None]
    within_TD = (standard_TSD - is_of_TSN @ means_TND).square().sum(dim=1)
    number_T1, ways_T1 = count_TN.sum(dim=1, keepdim=True), (count_TN > 0).sum(dim=1, keepdim=True)
    total_TD = standard_TSD.square().sum(dim=1) / (number_T1 - 1).clamp(min=1)
    shrunk_TD = (within_TD + _DOUBT * total_TD) / (number_T1 - ways_T1 + _DOUBT)
    # Bounds of one type: ONNX has no clamp between a whole number and another.
    separation_TD = (total_TD / shrunk_TD.clamp(min=_TINY) - 1).clamp(0.0, _MOST_SEPARATION)
    separation_TD = separation_TD + _LEAST_SHARE * separation_TD.mean(dim=1, keepdim=True) + _NO_SPREAD
    return separation_TD / separation_TD.mean(dim=1, keepdim=True)


def _views(
    x_TID: Tensor, middle_TD: Tensor, spread_TD: Tensor, separation_TD: Tensor, sorted_TDS: Tensor, number_T: Tensor
) -> Tensor:
    """The items (T, V, I, D), each view scaled to a mean square of about one over its features."""
    away_TID = x_TID - middle_TD[:, None]
    length_TI1 = away_TID.square().sum(dim=-1, keepdim=True).sqrt()
    directions_TID = away_TID / length_TI1.clamp(min=_TINY)
    standard_TID = _standardised(x_TID, middle_TD, spread_TD)
    ranks_TID = _ranks(x_TID, sorted_TDS, number_T)
    root = math.sqrt(x_TID.shape[-1])
    weighed_TID = standard_TID * separation_TD.sqrt()[:, None]
    return torch.stack([standard_TID / root, ranks_TID / root, directions_TID, weighed_TID / root], dim=1)


def _ranks(x_TID: Tensor, sorted_TDS: Tensor, number_T: Tensor) -> Tensor:
    """Normal scores of the ranks among the examples: what remains of features under any rising function of each."""
    x_TDI = x_TID.transpose(1, 2).contiguous()
    below_TDI = torch.searchsorted(sorted_TDS, x_TDI)
    upto_TDI = torch.searchsorted(sorted_TDS, x_TDI, right=True)
    share_TDI = ((below_TDI + upto_TDI) / 2 + 0.5) / (number_T[:, None, None] + 1)
    return (math.sqrt(2) * torch.erfinv(2 * share_TDI.to(x_TID.dtype) - 1)).transpose(1, 2)


def _square_distances(one_TVRD: Tensor, other_TVRD: Tensor) -> Tensor:
    squares = one_TVRD.square().sum(dim=-1)[..., None] + other_TVRD.square().sum(dim=-1)[..., None, :]
    return (squares - 2 * one_TVRD @ other_TVRD.transpose(-1, -2)).clamp(min=0)


def _kernel(square_TVRS: Tensor, unit_TV: Tensor, length: float) -> Tensor:
    return (-square_TVRS / (length * unit_TV[..., None, None])).exp()


def _least_squares(kernel_TVSS: Tensor, is_of_TSN: Tensor, is_real_TS: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """The weights of the examples, and their answers without themselves; both are (T, V, S, N)."""
    eye_SS = torch.eye(kernel_TVSS.shape[-1], dtype=kernel_TVSS.dtype, device=kernel_TVSS.device)
    inverse_TVSS = torch.linalg.inv(kernel_TVSS + ridge * eye_SS)
    # Targets are 1 for the own class and 0 for the others, less their mean over the classes of the task.
    is_present_T1N = is_of_TSN.amax(dim=1, keepdim=True)
    target_TSN = (is_of_TSN - is_present_T1N / is_present_T1N.sum(dim=-1, keepdim=True)) * is_real_TS[..., None]
    weights_TVSN = inverse_TVSS @ target_TSN[:, None]
    left_out_TVSN = target_TSN[:, None] - weights_TVSN / inverse_TVSS.diagonal(dim1=-2, dim2=-1)[..., None]
    return weights_TVSN, left_out_TVSN


def _means(seen_TVSD: Tensor, is_of_TSN: Tensor, unit_TV: Tensor) -> tuple[Tensor, Tensor]:
    """Class means, and the nearness (T, V, S, N) of each example to them without itself."""
    count_TN = is_of_TSN.sum(dim=1)
    means_TVND = is_of_TSN.transpose(1, 2)[:, None] @ seen_TVSD / count_TN.clamp(min=1)[:, None, :, None]
    square_TVSN = _square_distances(seen_TVSD, means_TVND)
    # Without the example itself, its class mean is further away by this factor.
    own_TS = (is_of_TSN @ count_TN[..., None]).squeeze(-1)
    without_TS = (own_TS / (own_TS - 1).clamp(min=0.5)).square()
    is_own_TVSN = is_of_TSN[:, None].expand_as(square_TVSN) > 0
    square_TVSN = torch.where(is_own_TVSN, square_TVSN * without_TS[:, None, :, None], square_TVSN)
    return means_TVND, _nearness(square_TVSN, unit_TV)


def _nearness(square_TVRN: Tensor, unit_TV: Tensor) -> Tensor:
    """Minus the squared distances to class means, in mean squared distances between examples."""
    return -(square_TVRN / unit_TV[..., None, None]).clamp(max=30)
