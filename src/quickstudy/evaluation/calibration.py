"""Does a probability mean what it says? Guo et al., "On Calibration of Modern Neural Networks" (2017)."""

import math

import torch
from torch import Tensor


def expected_calibration_error(confidence: Tensor, is_correct: Tensor, num_bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equal bins of confidence, weighted by size (eq. 3).

    Args:
        confidence: Probability of each predicted class, flat. NaN gives NaN.
        is_correct: Whether each prediction was correct.
        num_bins: Number of bins.
    """
    if confidence.isnan().any():
        return math.nan
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    gap = torch.zeros(num_bins, dtype=torch.float64, device=confidence.device)
    gap.index_add_(0, bins, confidence.double() - is_correct.double())
    return float(gap.abs().sum() / confidence.numel())
