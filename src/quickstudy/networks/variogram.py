"""What the points of a curve say of its roughness: the empirical variogram.

Cressie, "Statistics for Spatial Data" (1993), section 2.4: half the squared difference of two values, by the distance
of their points.

Letters: T tasks, S support points, P pairs of them, B bins of distance.
"""

import math

import torch
from torch import Tensor, nn


class Variogram(nn.Module):
    """Describes a task's points and values by `num_outputs` numbers that do not depend on their order or their place.

    Distances are binned twice: evenly, and evenly in their logarithm. A distance between two bins counts for both.

    Args:
        bins: Bins B of each kind.
        shortest: Distance at which the logarithmic bins begin.
        longest: Distance at which all bins end.
    """

    def __init__(self, *, bins: int = 32, shortest: float = 0.01, longest: float = 4.0) -> None:
        super().__init__()
        self.bins, self.shortest, self.longest = bins, shortest, longest
        self.num_outputs = 4 * bins

    def forward(self, x_TS: Tensor, y_TS: Tensor, is_real_TS: Tensor) -> Tensor:
        """Of every bin, the mean semivariance and the logarithm of the number of pairs: (T, num_outputs).

        Args:
            x_TS: Places of the points.
            y_TS: Their values.
            is_real_TS: Zero where a point is padding, else one. Padding does not count.
        """
        distance_TP = (x_TS[:, :, None] - x_TS[:, None]).abs().flatten(1)
        half_square_TP = (y_TS[:, :, None] - y_TS[:, None]).square().flatten(1) / 2
        is_other_SS = ~torch.eye(x_TS.shape[1], dtype=torch.bool, device=x_TS.device)
        is_pair_TP = (is_real_TS[:, :, None] * is_real_TS[:, None] * is_other_SS).flatten(1)
        counted_CTP = torch.stack([is_pair_TP, is_pair_TP * half_square_TP])
        even_TP = distance_TP / self.longest
        log_TP = (distance_TP.clamp(min=self.shortest) / self.shortest).log() / math.log(self.longest / self.shortest)
        num_T1 = is_real_TS.sum(dim=1, keepdim=True).clamp(min=1)
        parts = []
        for place_TP in (even_TP, log_TP):
            count_TB, total_TB = _binned(place_TP, counted_CTP, self.bins)
            parts += [total_TB / (count_TB + 1), (count_TB / num_T1).log1p()]
        return torch.cat(parts, dim=1)


def _binned(place_TP: Tensor, values_CTP: Tensor, bins: int) -> Tensor:
    """Sums (C, T, B) of values by a place from 0 to 1; between two bins a value counts for both by its nearness."""
    place_TP = place_TP.clamp(0, 1) * (bins - 1)
    below_TP = place_TP.floor().clamp(max=bins - 2)
    share_TP = place_TP - below_TP
    index_CTP = below_TP.long().expand_as(values_CTP)
    sums_CTB = values_CTP.new_zeros(*values_CTP.shape[:2], bins)
    sums_CTB = sums_CTB.scatter_add(2, index_CTP, values_CTP * (1 - share_TP))
    return sums_CTB.scatter_add(2, index_CTP + 1, values_CTP * share_TP)
