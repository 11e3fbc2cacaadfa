"""How well a wave of each frequency explains the points of a curve: a periodogram for points at uneven distances.

Lomb, "Least-squares frequency analysis of unequally spaced data" (1976), as a Bayesian regression on a few harmonics
beside a trend, so that the result is the evidence for a wave: Bretthorst, "Bayesian Spectrum Analysis and Parameter
Estimation" (1988).

Letters: T tasks, S support points, F frequencies, H harmonics, B numbers of a regression, P peaks.
"""

import math

import torch
from torch import Tensor, nn

_TREND_VARIANCES = (1.0, 0.5, 0.2, 0.1)  # Of the Legendre polynomials from a constant on.
_HARMONIC_VARIANCES = (0.6, 0.25, 0.1, 0.05, 0.02)
_SEARCHED, _REFINED = 2, 5  # Harmonics of the search over all frequencies, and of that around a peak.
_FINE = 16  # Steps around a peak, of one step of the search.
_NOISE_VARIANCES = (0.01, 0.1)
_SAME_PLACE = 1e-4  # Points at a smaller distance are at one place.


class Periodogram(nn.Module):
    """The evidence for waves of evenly spaced frequencies. Points lie from -2 to 2.

    Args:
        lowest: Lowest frequency, in waves per unit of place.
        highest: Highest frequency, which itself is left out.
        spacing: Distance between frequencies.
    """

    frequencies: Tensor

    def __init__(self, *, lowest: float = 0.2, highest: float = 20.0, spacing: float = 0.08) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.arange(lowest, highest, spacing), persistent=False)
        self.spacing = spacing

    @torch.no_grad()
    def forward(self, x_TS: Tensor, y_TS: Tensor, is_real_TS: Tensor) -> Tensor:
        """Log-evidence (T, F) for a wave beside a trend, less that for the trend alone.

        Args:
            x_TS: Places of the points.
            y_TS: Their values, of mean zero and variance one in each task.
            is_real_TS: Zero where a point is padding, else one.
        """
        frequency_TF = self.frequencies.expand(x_TS.shape[0], -1)
        return evidence_for_waves(frequency_TF, _SEARCHED, x_TS, y_TS, is_real_TS)

    @torch.no_grad()
    def refined_peaks(
        self, evidence_TF: Tensor, count: int, x_TS: Tensor, y_TS: Tensor, is_real_TS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The highest peaks (T, P), the highest first: their frequencies and their evidence.

        Around each peak, a second search uses a finer grid and more harmonics.

        Args:
            evidence_TF: What `forward` returned.
            count: Peaks P.
            x_TS: Places of the points.
            y_TS: Their values, of mean zero and variance one in each task.
            is_real_TS: Zero where a point is padding, else one.
        """
        is_alias_TF = self.frequencies > highest_told(x_TS, is_real_TS)[:, None]
        frequency_TP, _ = self.peaks(
            torch.where(is_alias_TF, evidence_TF.amin(dim=1, keepdim=True), evidence_TF), count
        )
        steps_K = torch.linspace(-0.75, 0.75, _FINE + 1, dtype=x_TS.dtype, device=x_TS.device)
        near_TPK = (frequency_TP[..., None] + self.spacing * steps_K).clamp(min=self.spacing)
        fine_TF = evidence_for_waves(near_TPK.flatten(1), _REFINED, x_TS, y_TS, is_real_TS)
        fine_TPK = fine_TF.unflatten(1, near_TPK.shape[1:])
        best_TP1 = fine_TPK[..., 1:-1].argmax(dim=2, keepdim=True) + 1
        low, middle, high = (fine_TPK.gather(2, best_TP1 + step).squeeze(2) for step in (-1, 0, 1))
        step_TP, top_TP = _parabola(low, middle, high)
        width = self.spacing * 1.5 / _FINE
        refined_TP = near_TPK.gather(2, best_TP1).squeeze(2) + step_TP * width
        top_TP, order_TP = top_TP.sort(dim=1, descending=True)
        return refined_TP.gather(1, order_TP), top_TP

    def peaks(self, evidence_TF: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The highest peaks (T, P): their frequencies, interpolated between those of the grid, and their evidence.

        Args:
            evidence_TF: What `forward` returned.
            count: Peaks P.
        """
        inner_TF = evidence_TF[:, 1:-1]
        left_TF, right_TF = evidence_TF[:, :-2], evidence_TF[:, 2:]
        is_peak_TF = (inner_TF >= left_TF) & (inner_TF > right_TF)
        # Where there are too few peaks, the highest places that are none.
        index_TP = torch.where(is_peak_TF, inner_TF, inner_TF - 1e4).topk(count, dim=1).indices
        low, high, middle = (each.gather(1, index_TP) for each in (left_TF, right_TF, inner_TF))
        step_TP, top_TP = _parabola(low, middle, high)
        return self.frequencies[1:-1][index_TP] + step_TP * self.spacing, top_TP


def highest_told(x_TS: Tensor, is_real_TS: Tensor) -> Tensor:
    """The highest frequency that the points can distinguish from a lower one, (T,): half of one over their closest
    distances.

    At evenly spaced points a fast wave and a slow one have the same values (Nyquist). The tenth part of the distances
    between neighbours counts as close, so that a few close pairs among even points do not hide this. Random points have
    enough close pairs.

    Args:
        x_TS: Places of the points.
        is_real_TS: Zero where a point is padding, else one.
    """
    if x_TS.shape[1] < 2:
        return x_TS.new_full(x_TS.shape[:1], math.inf)
    ordered_TS = x_TS.masked_fill(is_real_TS == 0, math.inf).sort(dim=1).values
    gap_TS = ordered_TS.diff(dim=1)
    is_gap_TS = gap_TS.isfinite() & (gap_TS > _SAME_PLACE)
    gap_TS = gap_TS.masked_fill(~is_gap_TS, math.inf).sort(dim=1).values
    place_T1 = ((is_gap_TS.sum(dim=1, keepdim=True) - 1).clamp(min=0) * 0.1).long()
    return 0.5 / gap_TS.gather(1, place_T1).squeeze(1) * (1 + _SAME_PLACE) + torch.where(
        is_gap_TS.any(dim=1), 0.0, math.inf
    )


def evidence_for_waves(
    frequency_TF: Tensor, num_harmonics: int, x_TS: Tensor, y_TS: Tensor, is_real_TS: Tensor
) -> Tensor:
    """Log-evidence (T, F) for a wave of each frequency beside a trend, less that for the trend alone.

    Args:
        frequency_TF: Frequencies, in waves per unit of place.
        num_harmonics: Harmonics of a wave, the fundamental included.
        x_TS: Places of the points.
        y_TS: Their values, of mean zero and variance one in each task.
        is_real_TS: Zero where a point is padding, else one.
    """
    trend_TSB = _trend(x_TS / 2) * is_real_TS[..., None]
    angle_TFS = 2 * math.pi * frequency_TF[..., None] * x_TS[:, None]
    cos, sin = angle_TFS.cos(), angle_TFS.sin()
    wave_cos, wave_sin = cos * is_real_TS[:, None], sin * is_real_TS[:, None]
    waves = []
    for variance in _HARMONIC_VARIANCES[:num_harmonics]:
        waves += [math.sqrt(variance) * wave_cos, math.sqrt(variance) * wave_sin]
        wave_cos, wave_sin = wave_cos * cos - wave_sin * sin, wave_sin * cos + wave_cos * sin
    trend_TFBS = trend_TSB.transpose(1, 2)[:, None].expand(-1, frequency_TF.shape[1], -1, -1)
    both_TFBS = torch.cat([trend_TFBS, torch.stack(waves, dim=2)], dim=2)
    evidence_TF = _log_evidence(both_TFBS, y_TS, is_real_TS)
    return evidence_TF - _log_evidence(trend_TFBS[:, :1], y_TS, is_real_TS)


def _parabola(low: Tensor, middle: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Where the parabola through three points, one step apart, has its top, from the middle one; and how high it is."""
    curvature = (2 * middle - low - high).clamp(min=1e-6)
    step = ((high - low) / (2 * curvature)).clamp(-0.5, 0.5)
    return step, middle + (high - low) * step / 4


def _trend(x_TS: Tensor) -> Tensor:
    """The first Legendre polynomials (T, S, B), each by the deviation that its coefficient has."""
    square = x_TS.square()
    polynomials = torch.ones_like(x_TS), x_TS, 1.5 * square - 0.5, x_TS * (2.5 * square - 1.5)
    return torch.stack(
        [math.sqrt(v) * polynomial for v, polynomial in zip(_TREND_VARIANCES, polynomials, strict=True)], dim=-1
    )


def _log_evidence(basis_TFBS: Tensor, y_TS: Tensor, is_real_TS: Tensor) -> Tensor:
    """Of a linear regression with standard normal coefficients, averaged over a few levels of noise: (T, F)."""
    y_TF1S = y_TS[:, None, None].expand(-1, basis_TFBS.shape[1], -1, -1)
    both_TFCS = torch.cat([basis_TFBS, y_TF1S], dim=2)
    # Frequencies last: what follows runs through memory in order.
    gram_CCTF = (both_TFCS @ both_TFCS.transpose(2, 3)).permute(2, 3, 0, 1).contiguous()
    num_coefficients, num_T1 = basis_TFBS.shape[2], is_real_TS.sum(dim=1, keepdim=True)
    levels = []
    for noise in _NOISE_VARIANCES:
        left_CCTF = gram_CCTF / noise
        log_determinant_TF = num_T1 * math.log(noise)
        # Gaussian elimination, of all frequencies at once: a factorisation of each small matrix would take far longer.
        for _ in range(num_coefficients):
            pivot_TF, row_CTF = left_CCTF[0, 0] + 1, left_CCTF[0, 1:]
            log_determinant_TF = log_determinant_TF + pivot_TF.log()
            left_CCTF = left_CCTF[1:, 1:] - row_CTF[:, None] * (row_CTF / pivot_TF)
        levels.append(-(left_CCTF[0, 0] + log_determinant_TF) / 2)
    return torch.stack(levels).logsumexp(dim=0).to(y_TS.dtype)
