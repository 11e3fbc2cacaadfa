"""Gaussian processes over any number of columns, averaged over a fixed set of kernels: nothing to train.

Equation numbers are those of Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006). The scale of
each process is integrated out, as in Shah, Wilson and Ghahramani, "Student-t Processes as Alternatives to Gaussian
Processes" (AISTATS 2014). Each kernel counts by its marginal likelihood, so no hyperparameter is searched for.

Letters: T tasks, S support points, Q queries, D columns, M kernels.
"""

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import MixtureSameFamily, Normal

from quickstudy.core import Learner, TrainingTasks, categorical, independent, mixture, read_query, read_values
from quickstudy.networks.standard_units import Units, units_of_values

_LENGTHS = 0.5, 1.0, 2.0, 4.0
"""Lengths over which values change, in deviations of a column times the root of the number of columns."""
_NOISES = 0.003, 0.03, 0.15, 0.5
"""Variances of the noise, as shares of the variance of the values."""
_LINEAR = 0.0, 1.0
"""Shares of the variance that are linear in the columns."""
_TRUST = 8.0
"""Points that a kernel's own scale is worth: ν of the inverse gamma distribution of the scale."""
_NO_SPREAD = 1e-6


class AveragedGPState(NamedTuple):
    """The support in standard units, and what each process knows of it."""

    middle: Tensor
    """(T, D): the mean of each column."""
    spread: Tensor
    """(T, D): the deviation of each column, 1 where a column is constant."""
    values: Units
    """What values are measured in: their mean and deviation."""
    support_x: Tensor
    """(T, S, D), in these units."""
    is_real: Tensor
    """(T, S): 1 where there is a point, 0 where there is padding."""
    factors: Tensor
    """(T, M, S, S): lower triangles L with L Lᵀ = K + σ² I."""
    answers: Tensor
    """(T, M, S): L⁻¹ y."""
    scales: Tensor
    """(T, M): what the variances of each process are multiplied by."""
    log_weights: Tensor
    """(T, M): how much each process counts."""


class AveragedGP(Learner):
    """Predicts values from any number of columns, with a mixture of Gaussian processes.

    Columns and values may have any units. The cost is the cube of the number of points, once for each task.
    """

    kernels: Tensor
    """(M, 3): the length, noise and linear share of each kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = (None, 1)
        numbers = torch.tensor(list(product(_LENGTHS, _NOISES, _LINEAR)))
        self.register_buffer("kernels", numbers, persistent=False)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> AveragedGPState:
        """The processes after the points (T, S, D) with values (T, S, 1).

        Args:
            support_x: inputs (T, S, D).
            support_y: values (T, S, 1).
            support_mask: (T, S), True where a point is real.
        """
        x_TSD, y_TS1, mask = read_values(
            self, support_x, support_y, support_mask, sizes=self.sizes, precision=torch.float64
        )
        is_real_TS = torch.ones_like(y_TS1[..., 0]) if mask is None else mask.to(y_TS1)
        middle_TD, spread_TD = _units(x_TSD, is_real_TS)
        values = units_of_values(y_TS1[..., 0], is_real_TS)
        z_TSD = (x_TSD - middle_TD[:, None]) / spread_TD[:, None] * is_real_TS[..., None]
        y_TS = values.measured(y_TS1[..., 0]) * is_real_TS
        is_pair_T1SS = is_real_TS[:, None, :, None] * is_real_TS[:, None, None]
        noise_M1 = self.kernels[:, 1, None].double()
        own_TMS = noise_M1 * is_real_TS[:, None] + (1 - is_real_TS[:, None])
        noisy_TMSS = self._covariances(z_TSD, z_TSD) * is_pair_T1SS + torch.diag_embed(own_TMS)
        factors = torch.linalg.cholesky(noisy_TMSS)
        y_TMS1 = y_TS[:, None, :, None].expand(-1, len(self.kernels), -1, -1)
        answers = torch.linalg.solve_triangular(factors, y_TMS1, upper=False).squeeze(-1)
        number_T1, misfit_TM = is_real_TS.sum(dim=1, keepdim=True), answers.square().sum(dim=2)
        # The marginal likelihood, with the scale integrated out of eq. 5.8, up to a constant.
        log_marginal_TM = -(_TRUST + number_T1) / 2 * (misfit_TM / _TRUST).log1p()
        log_marginal_TM = log_marginal_TM - factors.diagonal(dim1=2, dim2=3).log().sum(dim=2)
        scales = (_TRUST + misfit_TM) / (_TRUST + number_T1 - 2)  # The variance of Student's t.
        log_weights = log_marginal_TM.log_softmax(dim=1)
        return AveragedGPState(middle_TD, spread_TD, values, z_TSD, is_real_TS, factors, answers, scales, log_weights)

    def predict(self, state: AveragedGPState, query_x: Tensor) -> MixtureSameFamily:
        """Values at the queries (T, Q, D), noise included (eqs. 2.25 and 2.26).

        Args:
            state: what `adapt` returned for T tasks.
            query_x: inputs (T, Q, D).
        """
        query_x = read_query(self, state, query_x, (state.middle.shape[1],), precision=torch.float64)
        z_TQD = (query_x - state.middle[:, None]) / state.spread[:, None]
        across_TMSQ = self._covariances(state.support_x, z_TQD) * state.is_real[:, None, :, None]
        whitened_TMSQ = torch.linalg.solve_triangular(state.factors, across_TMSQ, upper=False)
        mean_TMQ = (state.answers[:, :, None] @ whitened_TMSQ).squeeze(2)
        total_TMQ = self._variances(z_TQD)
        left_TMQ = (total_TMQ - whitened_TMSQ.square().sum(dim=2)).clamp(min=0) + self.kernels[:, 1, None].double()
        deviation_TMQ = (state.scales[..., None] * left_TMQ).sqrt()
        middle_T11, unit_T11 = (each[:, None, None] for each in state.values)
        mean_TQM1 = (mean_TMQ * unit_T11 + middle_T11).transpose(1, 2)[..., None]
        deviation_TQM1 = (deviation_TMQ * unit_T11).transpose(1, 2)[..., None]
        logits_TQM = state.log_weights[:, None].expand(-1, query_x.shape[1], -1)
        mean_TQM1, deviation_TQM1, logits_TQM = (
            each.to(self.kernels) for each in (mean_TQM1, deviation_TQM1, logits_TQM)
        )
        return mixture(categorical(logits_TQM), independent(Normal(mean_TQM1, deviation_TQM1)))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries. There is nothing to train.

        Args:
            tasks: the tasks of a step.
        """
        return super().meta_loss(tasks)

    def _covariances(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        """Covariances (T, M, A, B) without noise: a squared exponential (eq. 4.9) and a linear part (eq. 4.29)."""
        columns = a_TAD.shape[-1]
        dots_TAB = a_TAD @ b_TBD.transpose(1, 2)
        squares_TAB = a_TAD.square().sum(-1)[:, :, None] + b_TBD.square().sum(-1)[:, None] - 2 * dots_TAB
        length_M11, _, linear_M11 = (each[:, None, None] for each in self.kernels.double().T)
        near_TMAB = (-squares_TAB.clamp(min=0)[:, None] / (2 * columns * length_M11**2)).exp()
        return near_TMAB + linear_M11 * dots_TAB[:, None] / columns

    def _variances(self, z_TQD: Tensor) -> Tensor:
        """The prior variances (T, M, Q) of the values, without noise."""
        return 1 + self.kernels[:, 2, None].double() * z_TQD.square().mean(dim=-1)[:, None]


def _units(x_TSD: Tensor, is_real_TS: Tensor) -> tuple[Tensor, Tensor]:
    is_real_TS1 = is_real_TS[..., None]
    number_T1 = is_real_TS.sum(dim=1, keepdim=True).clamp(min=1)
    middle_TD = (x_TSD * is_real_TS1).sum(dim=1) / number_T1
    away_TSD = (x_TSD - middle_TD[:, None]) * is_real_TS1
    spread_TD = (away_TSD.square().sum(dim=1) / number_T1).sqrt()
    return middle_TD, torch.where(spread_TD > _NO_SPREAD * middle_TD.abs(), spread_TD, 1.0)
