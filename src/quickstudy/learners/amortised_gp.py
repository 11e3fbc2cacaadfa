"""Amortised Gaussian processes: a network reads the points and proposes kernels; Bayes' rule does the rest.

Liu, Sun, Ramadge and Adams, "Task-Agnostic Amortized Inference of Gaussian Process Hyperparameters" (NeurIPS 2020),
for the idea: hyperparameters by one pass of a network instead of a search. Rasmussen and Williams, "Gaussian Processes
for Machine Learning" (2006), chapters 2, 4 and 5, for the rest; equation numbers are theirs.

What differs from Liu et al.: several kernels of several kinds are proposed, and their predictions are mixed by their
marginal likelihoods, which is Bayes' rule where the proposals stand for the prior; the network reads the variogram
and the periodogram of the points; it is trained by the likelihood of further points.

Letters: T tasks, S support points, Q queries, M proposals, P numbers of a proposal.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal

from quickstudy.core import Learner, check_query, check_values
from quickstudy.networks.heads import perceptron
from quickstudy.networks.pair_statistics import Variogram
from quickstudy.networks.periodogram import Periodogram

_NUMBERS = 9  # Of a proposal, as the network gives them.
_BANDS = 32  # Of frequencies, of which the network is told the highest evidence.
_LEAST_NOISE = 0.003  # Of the deviation of a task's values; below, covariances of many points are nearly singular.

TERMS: dict[str, tuple[str, ...]] = {
    "squared exponential": ("squared exponential",),
    "matern 5/2": ("matern 5/2",),
    "matern 3/2": ("matern 3/2",),
    "trend and roughness": ("squared exponential", "matern 3/2"),
    "trend and wave": ("squared exponential", "wave"),
}
"""What the kernels of each kind are sums of. A wave is a periodic kernel that fades with the distance."""
PROPOSALS = {
    "squared exponential": 2,
    "matern 5/2": 1,
    "matern 3/2": 2,
    "trend and roughness": 2,
    "trend and wave": 6,
}
"""How many of each kind are proposed."""
_PEAKS = 3  # Frequencies for which waves are proposed, several for each.


class Proposals(NamedTuple):
    """Kernels, one for each task and proposal: the numbers of each of two terms, (T, M)."""

    variances: Tensor
    """(T, M, 2)."""
    lengths: Tensor
    """(T, M, 2): length-scales ℓ."""
    periods: Tensor
    """(T, M): of waves."""
    fadings: Tensor
    """(T, M): length-scales over which waves change their shape."""
    noises: Tensor
    """(T, M): variances of what every value has of its own."""
    constants: Tensor
    """(T, M): variances of a constant."""


class AmortisedGPState(NamedTuple):
    """The support as the proposed processes know it, in units of its own."""

    place: Tensor
    """(T, 2): what is subtracted from inputs, and what they are divided by then."""
    value: Tensor
    """(T, 2): the same of values."""
    support_x: Tensor
    """(T, S), in these units."""
    proposals: Proposals
    factors: Tensor
    """(T, M, S, S): L, lower triangles with L Lᵀ = K + σ² I; of a point that is not there, the identity's."""
    answers: Tensor
    """(T, M, S): L⁻¹ y."""
    log_weights: Tensor
    """(T, M): how much each proposal counts."""
    is_real: Tensor
    """(T, S) as floats: 1 where there is a point."""


class AmortisedGP(Learner):
    """Proposes kernels of several kinds, and predicts as the processes with these kernels do, mixed.

    Inputs and values are read in units of the support itself: its middle and half its range, its mean and deviation.
    So the predictions move and stretch with the data. One point tells its place alone, and units stay as they are.
    Costs the cube of the support, once a task; any number of points. `hidden` is the width of the network.
    """

    def __init__(self, *, hidden: int = 256) -> None:
        super().__init__()
        self.sizes = (1, 1)
        self.variogram, self.periodogram = Variogram(), Periodogram()
        self.num_waves = PROPOSALS["trend and wave"]
        self.num_proposals = sum(PROPOSALS.values())
        num_features = self.variogram.num_outputs + _BANDS + 1
        self.trunk = nn.Sequential(perceptron(num_features, hidden, hidden, hidden), nn.ReLU())
        self.of_smooth = nn.Linear(hidden, (self.num_proposals - self.num_waves) * _NUMBERS)
        self.of_waves = perceptron(hidden + 3, hidden // 2, self.num_waves // _PEAKS * _NUMBERS)
        self.first = nn.Parameter(_first_numbers())
        with torch.no_grad():
            for layer in (self.of_smooth, self.of_waves[-1]):
                layer.weight.mul_(0.1)
                layer.bias.zero_()

    def adapt(self, support_x: Tensor, support_y: Tensor) -> AmortisedGPState:
        """Proposed processes that have seen the points (T, S, 1) with values (T, S, 1)."""
        check_values(support_x, support_y, *self.sizes)
        mask_TS = torch.ones_like(support_x[..., 0])
        place, x_TS = _standardised_places(support_x[..., 0], mask_TS)
        value, y_TS = _standardised_values(support_y[..., 0], mask_TS)
        proposals, log_prior_TM = self._proposed(x_TS, y_TS, mask_TS)
        covariance_TMSS = self._covariances(proposals, x_TS, x_TS) * (
            mask_TS[:, None, :, None] * mask_TS[:, None, None]
        )
        own_TMS = proposals.noises[..., None] * mask_TS[:, None] + (1 - mask_TS[:, None])
        covariance_TMSS = covariance_TMSS.double() + torch.diag_embed(own_TMS.double())
        factors = torch.linalg.cholesky(covariance_TMSS)
        y_TM1S = y_TS.double()[:, None, None].expand(-1, self.num_proposals, -1, -1)
        answers = torch.linalg.solve_triangular(factors, y_TM1S.transpose(2, 3), upper=False).squeeze(-1)
        # eq. 5.8, less what is the same for all proposals.
        log_marginal_TM = -answers.square().sum(dim=2) / 2 - factors.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        log_weights = (log_prior_TM + log_marginal_TM).log_softmax(dim=1)
        return AmortisedGPState(place, value, x_TS, proposals, factors, answers, log_weights, mask_TS)

    def predict(self, state: AmortisedGPState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, 1): a mixture of what the proposed processes say (eqs. 2.25 and 2.26)."""
        check_query(query_x, len(state.place), torch.Size([1]))
        x_TQ = (query_x[..., 0] - state.place[:, :1]) / state.place[:, 1:]
        across_TMSQ = self._covariances(state.proposals, state.support_x, x_TQ) * state.is_real[:, None, :, None]
        whitened_TMSQ = torch.linalg.solve_triangular(state.factors, across_TMSQ.double(), upper=False)
        mean_TMQ = (state.answers[:, :, None] @ whitened_TMSQ).squeeze(2)
        total_TM1 = (state.proposals.variances.sum(dim=2) + state.proposals.constants)[..., None]
        left_TMQ = (total_TM1 - whitened_TMSQ.square().sum(dim=2)).clamp(min=0)
        deviation_TMQ = (left_TMQ + state.proposals.noises[..., None]).sqrt()
        shift_T11, unit_T11 = state.value[:, :1, None], state.value[:, 1:, None]
        mean_TQM1 = (mean_TMQ * unit_T11 + shift_T11).transpose(1, 2)[..., None].to(query_x)
        deviation_TQM1 = (deviation_TMQ * unit_T11).transpose(1, 2)[..., None].to(query_x)
        logits_TQM = state.log_weights[:, None].expand(-1, query_x.shape[1], -1).to(query_x)
        return MixtureSameFamily(Categorical(logits=logits_TQM), Independent(Normal(mean_TQM1, deviation_TQM1), 1))

    def _proposed(self, x_TS: Tensor, y_TS: Tensor, mask_TS: Tensor) -> tuple[Proposals, Tensor]:
        """Kernels, and the logarithm of how much each counts before the points are asked (T, M)."""
        evidence_TF = self.periodogram(x_TS, y_TS, mask_TS)
        frequency_TP, height_TP = self.periodogram.refined_peaks(evidence_TF, _PEAKS, x_TS, y_TS, mask_TS)
        bands_TB = F.adaptive_max_pool1d(evidence_TF, _BANDS)
        num_T1 = mask_TS.sum(dim=1, keepdim=True).clamp(min=1)
        features = [self.variogram(x_TS, y_TS, mask_TS), _compressed(bands_TB), num_T1.log() / 3]
        hidden_TH = self.trunk(torch.cat(features, dim=1))
        smooth_TMP = self.of_smooth(hidden_TH).unflatten(1, (-1, _NUMBERS))
        peaks_TP3 = torch.stack(
            [frequency_TP.log(), _compressed(height_TP), _compressed(height_TP - height_TP[:, :1])], dim=2
        )
        hidden_TPH = hidden_TH[:, None].expand(-1, _PEAKS, -1)
        waves_TMP = self.of_waves(torch.cat([hidden_TPH, peaks_TP3], dim=2)).unflatten(2, (-1, _NUMBERS)).flatten(1, 2)
        numbers_TMP = torch.cat([smooth_TMP, waves_TMP], dim=1) + self.first
        log_period_TM = -frequency_TP.log().repeat_interleave(self.num_waves // _PEAKS, dim=1)
        return _as_kernels(numbers_TMP, F.pad(log_period_TM, (self.num_proposals - self.num_waves, 0)))

    def _covariances(self, proposals: Proposals, a_TA: Tensor, b_TB: Tensor) -> Tensor:
        """Of the functions' values at points (T, M, A, B), without noise."""
        r_T1AB = (a_TA[:, None, :, None] - b_TB[:, None, None]).abs()
        parts = []
        end = 0
        for kind, terms in TERMS.items():
            own = slice(end, end := end + PROPOSALS[kind])
            part = proposals.constants[:, own, None, None].expand(-1, -1, *r_T1AB.shape[2:])
            for place, term in enumerate(terms):
                length = proposals.lengths[:, own, place, None, None]
                if term == "wave":
                    period, fading = (each[:, own, None, None] for each in (proposals.periods, proposals.fadings))
                    wave = (math.pi * r_T1AB / period).sin() / length
                    correlation = (-2 * wave.square() - (r_T1AB / fading).square() / 2).exp()
                else:
                    correlation = _SHAPES[term](r_T1AB / length)
                part = part + proposals.variances[:, own, place, None, None] * correlation
            parts.append(part)
        return torch.cat(parts, dim=1)


def _as_kernels(n: Tensor, log_period_TM: Tensor) -> tuple[Proposals, Tensor]:
    n = n.clamp(-8, 8)
    has_two_M = torch.tensor([len(terms) > 1 for kind, terms in TERMS.items() for _ in range(PROPOSALS[kind])])
    variances = torch.stack([n[..., 0].exp(), n[..., 1].exp() * has_two_M.to(n.device)], dim=-1).clamp(max=400)
    constants = n[..., 7].exp().clamp(max=400)
    lengths = n[..., 2:4].clamp(-4.5, 4).exp()
    period = (log_period_TM + 0.003 * n[..., 4].tanh()).exp()
    noises = n[..., 6].exp() + _LEAST_NOISE**2 * (variances.sum(dim=2) + constants).clamp(min=1)
    return Proposals(variances, lengths, period, n[..., 5].clamp(-3, 5).exp(), noises, constants), n[..., 8]


def _first_numbers() -> Tensor:
    """Where proposals start: (M, P), those of a kind apart."""
    first = []
    for kind, terms in TERMS.items():
        count = 2 if terms[-1] == "wave" else PROPOSALS[kind]
        for spread in torch.linspace(-1, 1, count + 2)[1:-1].tolist() * (PROPOSALS[kind] // count):
            length = math.log(0.5) + spread if len(terms) == 1 else math.log(2.0)
            second = spread if terms[-1] == "wave" else math.log(0.3) + spread
            noise = math.log(0.03) - 2 * spread
            first.append([-0.5, -0.5, length, second, 0.0, math.log(6.0), noise, -2.0, 0.0])
    return torch.tensor(first)


def _compressed(evidence: Tensor) -> Tensor:
    return evidence.sign() * evidence.abs().log1p()


def _standardised_places(x_TS: Tensor, mask_TS: Tensor) -> tuple[Tensor, Tensor]:
    if x_TS.shape[1] == 0:
        unit = x_TS.new_tensor([0.0, 1.0]).expand(len(x_TS), 2)
        return unit, x_TS
    low_T = x_TS.masked_fill(mask_TS == 0, math.inf).amin(dim=1)
    high_T = x_TS.masked_fill(mask_TS == 0, -math.inf).amax(dim=1)
    middle_T, unit_T = (low_T + high_T) / 2, (high_T - low_T) / 4
    unit_T = torch.where(unit_T > 0, unit_T, 1.0)
    return torch.stack([middle_T, unit_T], dim=1), (x_TS - middle_T[:, None]) / unit_T[:, None]


def _standardised_values(y_TS: Tensor, mask_TS: Tensor) -> tuple[Tensor, Tensor]:
    num_T = mask_TS.sum(dim=1)
    mean_T = (y_TS * mask_TS).sum(dim=1) / num_T.clamp(min=1)
    centred_TS = (y_TS - mean_T[:, None]) * mask_TS
    unit_T = (centred_TS.square().sum(dim=1) / num_T.clamp(min=1)).sqrt()
    unit_T = torch.where(unit_T > 1e-6 * mean_T.abs(), unit_T, 1.0)
    return torch.stack([mean_T, unit_T], dim=1), centred_TS / unit_T[:, None]


_SHAPES = {
    "squared exponential": lambda r: (-r.square() / 2).exp(),  # eq. 4.9
    "matern 3/2": lambda r: (1 + math.sqrt(3) * r) * (-math.sqrt(3) * r).exp(),  # eq. 4.17
    "matern 5/2": lambda r: (1 + math.sqrt(5) * r + 5 / 3 * r.square()) * (-math.sqrt(5) * r).exp(),  # eq. 4.17
}
