"""Amortised Gaussian processes: a network reads the points and proposes kernels; Bayes' rule does the rest.

Liu, Sun, Ramadge and Adams, "Task-Agnostic Amortized Inference of Gaussian Process Hyperparameters" (NeurIPS 2020),
for the idea: hyperparameters by one pass of a network, not by a search for every task. Equation numbers are those of
Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006). The scale of each process is integrated out,
as in Shah, Wilson and Ghahramani, "Student-t Processes as Alternatives to Gaussian Processes" (AISTATS 2014).

What differs from Liu et al.: several kernels of several kinds are proposed, and their predictions are mixed by their
marginal likelihoods; the network reads the points' variogram and periodogram; it is trained by the likelihood of
further points. Inputs and values are read in units of the support itself.

Letters: T tasks, S support points, Q queries, A and B points of any kind, M proposals, P peaks of the periodogram,
H features, N numbers of a proposal.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import MixtureSameFamily, Normal

from quickstudy.core import Learner, UserError, categorical, independent, mixture, read_query, read_values
from quickstudy.core.tracing import is_traced
from quickstudy.networks.kernel_proposals import (
    NUM_NUMBERS,
    NUM_PEAKS,
    NUM_PROPOSALS,
    NUM_WAVES,
    Proposals,
    as_proposals,
    covariances,
    first_numbers,
)
from quickstudy.networks.periodogram import Periodogram
from quickstudy.networks.standard_units import Units, units_of_places, units_of_values
from quickstudy.networks.value_head import perceptron
from quickstudy.networks.variogram import Variogram

_TRUST = 8.0  # In a proposal's variance, counted in points: ν of the inverse gamma distribution of its scale.
_BANDS = 32  # Bands of frequencies; the network reads the highest evidence in each.


class AmortisedGPState(NamedTuple):
    """The support as the proposed processes know it, in units of its own."""

    places: Units
    """What inputs are measured in: their middle, and a quarter of their range."""
    values: Units
    """What values are measured in: their mean and deviation."""
    support_x: Tensor
    """(T, S): the places, in these units."""
    is_real: Tensor
    """(T, S): 1 where there is a point, 0 where there is padding."""
    proposals: Proposals
    """The proposed kernels, M for each task."""
    factors: Tensor
    """(T, M, S, S): lower triangles L with L Lᵀ = K + σ² I; of padding, those of the identity."""
    answers: Tensor
    """(T, M, S): L⁻¹ y."""
    scales: Tensor
    """(T, M): what the variances of each proposal are multiplied by, as the values ask for."""
    log_weights: Tensor
    """(T, M): how much each proposal counts."""


class AmortisedGP(Learner):
    """Proposes kernels of several kinds, and predicts with a mixture of the processes that have these kernels.

    Each process has an unknown scale that follows the values: its predictions are normals with the mean and variance of
    a Student-t process. Predictions move and stretch with the data: units are the middle and range of the support's
    places, and the mean and deviation of its values. One point says where values are, not how far they vary; then a
    deviation of one is assumed. The cost is the cube of the number of points, once for each task.

    Args:
        hidden: Width of the network that proposes kernels.
    """

    def __init__(self, *, hidden: int = 256) -> None:
        super().__init__()
        self.sizes = (1, 1)
        self.variogram, self.periodogram = Variogram(), Periodogram()
        self.features = nn.Sequential(
            perceptron(self.variogram.num_outputs + _BANDS + 1, hidden, hidden, hidden), nn.ReLU()
        )
        self.of_smooth = nn.Linear(hidden, (NUM_PROPOSALS - NUM_WAVES) * NUM_NUMBERS)
        self.of_waves = perceptron(hidden + 3, hidden // 2, NUM_WAVES // NUM_PEAKS * NUM_NUMBERS)
        self.first = nn.Parameter(first_numbers())
        for layer in (self.of_smooth, self.of_waves[-1]):  # Proposals start near the first numbers.
            weight, bias = layer.parameters()
            weight.data.mul_(0.1)
            bias.data.zero_()

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> AmortisedGPState:
        """Proposed processes that have seen the points (T, S, 1) with values (T, S, 1)."""
        # In double precision until they are in units of their own: dates in seconds differ in their last digits alone.
        support_x, support_y, mask = read_values(
            self, support_x, support_y, support_mask, sizes=self.sizes, precision=torch.float64
        )
        is_real_TS = torch.ones_like(support_x[..., 0]) if mask is None else mask.to(support_x)
        places, values = units_of_places(support_x[..., 0], is_real_TS), units_of_values(support_y[..., 0], is_real_TS)
        _refuse_what_cannot_be_said(values, self.first.dtype)
        x_TS, y_TS, is_real_TS = (
            numbers.to(self.first)
            for numbers in (
                places.measured(support_x[..., 0]),
                values.measured(support_y[..., 0]) * is_real_TS,
                is_real_TS,
            )
        )
        proposals = self.propose(x_TS, y_TS, is_real_TS)
        is_pair_T1SS = is_real_TS[:, None, :, None] * is_real_TS[:, None, None]
        own_TMS = proposals.noises[..., None] * is_real_TS[:, None] + (1 - is_real_TS[:, None])
        noisy_TMSS = covariances(proposals, x_TS, x_TS) * is_pair_T1SS + torch.diag_embed(own_TMS.double())
        factors = torch.linalg.cholesky(noisy_TMSS)
        y_TMS1 = y_TS.double()[:, None, :, None].expand(-1, NUM_PROPOSALS, -1, -1)
        answers = torch.linalg.solve_triangular(factors, y_TMS1, upper=False).squeeze(-1)
        number_T1, misfit_TM = is_real_TS.sum(dim=1, keepdim=True).double(), answers.square().sum(dim=2)
        # The marginal likelihood, an unknown scale integrated out of eq. 5.8, less what is the same for all proposals.
        log_marginal_TM = -(_TRUST + number_T1) / 2 * (misfit_TM / _TRUST).log1p()
        log_marginal_TM = log_marginal_TM - factors.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        log_weights = (proposals.log_priors + log_marginal_TM).log_softmax(dim=1)
        scales = (_TRUST + misfit_TM) / (_TRUST + number_T1 - 2)  # Of the variance of Student's t.
        return AmortisedGPState(places, values, x_TS, is_real_TS, proposals, factors, answers, scales, log_weights)

    def predict(self, state: AmortisedGPState, query_x: Tensor) -> MixtureSameFamily:
        """Values at the queries (T, Q, 1), noise included: a mixture of what the processes say (eqs. 2.25 and 2.26)."""
        query_x = read_query(self, state, query_x, self.sizes[:1], precision=torch.float64)
        x_TQ, proposals = state.places.measured(query_x[..., 0]).to(self.first), state.proposals
        across_TMSQ = covariances(proposals, state.support_x, x_TQ) * state.is_real[:, None, :, None]
        whitened_TMSQ = torch.linalg.solve_triangular(state.factors, across_TMSQ, upper=False)
        mean_TMQ = (state.answers[:, :, None] @ whitened_TMSQ).squeeze(2)
        left_TMQ = (proposals.totals[..., None] - whitened_TMSQ.square().sum(dim=2)).clamp(min=0)
        deviation_TMQ = (state.scales[..., None] * (left_TMQ + proposals.noises[..., None])).sqrt()
        middle_T11, unit_T11 = (each[:, None, None] for each in state.values)
        mean_TQM1 = (mean_TMQ * unit_T11 + middle_T11).transpose(1, 2)[..., None].to(self.first)
        deviation_TQM1 = (deviation_TMQ * unit_T11).transpose(1, 2)[..., None].to(self.first)
        logits_TQM = state.log_weights[:, None].expand(-1, query_x.shape[1], -1).to(self.first)
        return mixture(categorical(logits_TQM), independent(Normal(mean_TQM1, deviation_TQM1)))

    def propose(self, x_TS: Tensor, y_TS: Tensor, is_real_TS: Tensor) -> Proposals:
        """Kernels for points and values, both in their own units.

        Args:
            x_TS: Places of the points.
            y_TS: Their values.
            is_real_TS: 1 where there is a point, 0 where there is padding.
        """
        evidence_TF = self.periodogram(x_TS, y_TS, is_real_TS)
        frequency_TP, height_TP = self.periodogram.refined_peaks(evidence_TF, NUM_PEAKS, x_TS, y_TS, is_real_TS)
        bands_TB = _highest_by_band(evidence_TF)
        log_number_T1 = is_real_TS.sum(dim=1, keepdim=True).clamp(min=1).log()
        read = [self.variogram(x_TS, y_TS, is_real_TS), _compressed(bands_TB), log_number_T1 / 3]
        features_TH = self.features(torch.cat(read, dim=1))
        smooth_TMN = self.of_smooth(features_TH).unflatten(1, (-1, NUM_NUMBERS))
        below_highest_TP = height_TP - height_TP[:, :1]
        peaks_TP3 = torch.stack([frequency_TP.log(), _compressed(height_TP), _compressed(below_highest_TP)], dim=2)
        features_TPH = features_TH[:, None].expand(-1, NUM_PEAKS, -1)
        waves_TPN = self.of_waves(torch.cat([features_TPH, peaks_TP3], dim=2))
        waves_TMN = waves_TPN.unflatten(2, (-1, NUM_NUMBERS)).transpose(1, 2).flatten(1, 2)
        numbers_TMN = torch.cat([smooth_TMN, waves_TMN], dim=1) + self.first
        return as_proposals(numbers_TMN, -frequency_TP.log())


def _refuse_what_cannot_be_said(values: Units, dtype: torch.dtype) -> None:
    """Raise UserError where predictions of this precision could not hold the values, or tell them apart."""
    if is_traced():
        return
    info = torch.finfo(dtype)
    origin_T, unit_T = values
    largest_T = origin_T.abs() + 100 * unit_T
    is_beyond_T = (largest_T > info.max) | ((unit_T < 4 * info.eps * origin_T.abs()) & (unit_T != 1))
    if is_beyond_T.any():
        task = int(is_beyond_T.nonzero()[0])
        raise UserError(
            f"support_y of task {task} (counted from 0) varies by {float(unit_T[task]):.3g} around "
            f"{float(origin_T[task]):.10g}, which numbers of {str(dtype).removeprefix('torch.')} cannot hold or tell "
            "apart. Subtract a number from all values, or divide them by one; or call learner.double()."
        )


def _highest_by_band(evidence_TF: Tensor) -> Tensor:
    """The highest evidence in each of the bands, (T, bands). Neighbours may share a frequency."""
    count = evidence_TF.shape[1]  # One maximum after another: ONNX has no pooling to a number of bands.
    bands = (evidence_TF[:, place * count // _BANDS : -(-(place + 1) * count // _BANDS)] for place in range(_BANDS))
    return torch.stack([band_TF.amax(dim=1) for band_TF in bands], dim=1)


def _compressed(evidence: Tensor) -> Tensor:
    """Evidence grows with the number of points: by its logarithm, with its sign."""
    return evidence.sign() * evidence.abs().log1p()
