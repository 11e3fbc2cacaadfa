"""Kernels of several kinds as rows of numbers that a network can give.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapter 4; equation numbers are theirs.
Points lie from -2 to 2, and values have variance one.

Letters: T tasks, M proposals, P peaks, N numbers of a proposal, A and B points.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_NOISE = 0.0005
"""Deviation of the noise at least, for functions of variance one: below, covariances of close points are singular."""

_TERMS = {
    "squared exponential": ("squared exponential",),
    "matern 5/2": ("matern 5/2",),
    "matern 3/2": ("matern 3/2",),
    "matern 1/2": ("matern 1/2",),
    "trend and roughness": ("squared exponential", "matern 3/2"),
    "trend and wave": ("squared exponential", "wave"),
    "roughness and wave": ("matern 3/2", "wave"),
}
"""What a kernel of each kind is the sum of. A wave is a periodic kernel that fades with the distance."""

_COUNTS = {
    "squared exponential": 2,
    "matern 5/2": 1,
    "matern 3/2": 2,
    "matern 1/2": 1,
    "trend and roughness": 2,
    "trend and wave": 6,
    "roughness and wave": 3,
}
"""How many of each kind are proposed."""

NUM_PROPOSALS = sum(_COUNTS.values())
NUM_WAVES = sum(count for kind, count in _COUNTS.items() if "wave" in _TERMS[kind])
NUM_PEAKS = 3
"""Frequencies for which waves are proposed."""
NUM_NUMBERS = 9
"""Of a proposal: logarithms of two variances and two length-scales, a shift of the period, logarithms of how far waves
reach, of the noise and of a constant's variance, and how much the proposal counts before the values are known."""


class Proposals(NamedTuple):
    """Kernels, M for each task."""

    variances: Tensor
    """(T, M, 2): of the two terms; the second is zero where there is one."""
    lengths: Tensor
    """(T, M, 2): their length-scales ℓ; of a wave in turns of it."""
    periods: Tensor
    """(T, M): of waves."""
    reaches: Tensor
    """(T, M): length-scales over which waves change their shape."""
    noises: Tensor
    """(T, M): variances of what every value has of its own."""
    constants: Tensor
    """(T, M): variances of a constant that all values share."""
    log_priors: Tensor
    """(T, M): how much each counts before the values are known."""

    @property
    def totals(self) -> Tensor:
        """(T, M): variances of a function's values, without noise."""
        return self.variances.sum(dim=2) + self.constants


def as_proposals(numbers_TMN: Tensor, log_period_TP: Tensor) -> Proposals:
    """The kernels that numbers stand for. The waves come last and take the periods in turn.

    Args:
        numbers_TMN: Numbers of each proposal, in the order that `NUM_NUMBERS` explains.
        log_period_TP: Logarithms of the periods of waves.
    """
    n = numbers_TMN.clamp(-14, 8)
    has_two_M = torch.tensor([len(terms) > 1 for kind, terms in _TERMS.items() for _ in range(_COUNTS[kind])])
    variances = n[..., :2].exp().clamp(max=400) * F.pad(has_two_M.to(n)[:, None], (1, 0), value=1.0)
    constants = n[..., 7].exp().clamp(max=400)
    each = NUM_WAVES // log_period_TP.shape[1]
    log_period_TM = F.pad(log_period_TP.repeat(1, each), (NUM_PROPOSALS - NUM_WAVES, 0))
    return Proposals(
        variances=variances,
        lengths=n[..., 2:4].clamp(-4.5, 4.0).exp(),
        periods=(log_period_TM + 0.003 * n[..., 4].tanh()).exp(),
        reaches=n[..., 5].clamp(-3, 5).exp(),
        noises=n[..., 6].exp() + _LEAST_NOISE**2 * (variances.sum(dim=2) + constants).clamp(min=1),
        constants=constants,
        log_priors=n[..., 8],
    )


def covariances(proposals: Proposals, a_TA: Tensor, b_TB: Tensor) -> Tensor:
    """Covariances of a function's values at points, (T, M, A, B), without noise. They may be singular, so they are
    float64.

    Args:
        proposals: Kernels of each task.
        a_TA: Points, for the rows.
        b_TB: Points, for the columns.
    """
    proposals, a_TA, b_TB = Proposals(*(each.double() for each in proposals)), a_TA.double(), b_TB.double()
    distance_T1AB = (a_TA[:, None, :, None] - b_TB[:, None, None]).abs()
    parts, end = [], 0
    for kind, terms in _TERMS.items():
        own = slice(end, end := end + _COUNTS[kind])
        variances, lengths = proposals.variances[:, own, :, None, None], proposals.lengths[:, own, :, None, None]
        part = proposals.constants[:, own, None, None]
        for place, term in enumerate(terms):
            if term == "wave":
                correlation = _wave(
                    distance_T1AB, lengths[:, :, place], proposals.periods[:, own], proposals.reaches[:, own]
                )
            else:
                correlation = _SHAPES[term](distance_T1AB / lengths[:, :, place])
            part = part + variances[:, :, place] * correlation
        parts.append(part)
    return torch.cat(parts, dim=1)


def first_numbers() -> Tensor:
    """Where a network's proposals start, (M, N): those of a kind apart."""
    first = []
    for kind, terms in _TERMS.items():
        has_wave = terms[-1] == "wave"
        apart = max(1, _COUNTS[kind] // NUM_PEAKS) if has_wave else _COUNTS[kind]
        for spread in torch.linspace(-1, 1, apart + 2)[1:-1].tolist():
            length = math.log(0.5) + spread if len(terms) == 1 or terms[0] == "matern 3/2" else math.log(2.0)
            second = spread if has_wave else math.log(0.3) + spread
            noise = math.log(0.03) - 2 * spread
            row = [-0.5, -0.5, length, second, 0.0, math.log(6.0), noise, -2.0, 0.0]
            first += [row] * (NUM_PEAKS if has_wave else 1)
    return torch.tensor(first)


def _wave(distance_T1AB: Tensor, length_TM11: Tensor, period_TM: Tensor, reach_TM: Tensor) -> Tensor:
    turns = (math.pi * distance_T1AB / period_TM[..., None, None]).sin() / length_TM11
    faded = distance_T1AB / reach_TM[..., None, None]
    return (-2 * turns.square() - faded.square() / 2).exp()  # eq. 4.31, times eq. 4.9


_SHAPES = {
    "squared exponential": lambda r: (-r.square() / 2).exp(),  # eq. 4.9
    "matern 1/2": lambda r: (-r).exp(),  # eq. 4.18
    "matern 3/2": lambda r: (1 + math.sqrt(3) * r) * (-math.sqrt(3) * r).exp(),  # eq. 4.17
    "matern 5/2": lambda r: (1 + math.sqrt(5) * r + 5 / 3 * r.square()) * (-math.sqrt(5) * r).exp(),  # eq. 4.17
}
