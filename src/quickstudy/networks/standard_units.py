"""Units of the data itself, so that what is learnt in one place and at one scale holds in all.

Letters: T tasks, S support points.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

_NO_SPREAD = 1e-12  # Of the size of the numbers: what varies less than rounding does is taken not to vary.


class Units(NamedTuple):
    """What is subtracted from the numbers of a task, and what they are divided by then."""

    origin: Tensor
    """(T,)."""
    unit: Tensor
    """(T,)."""

    def measured(self, values_TS: Tensor) -> Tensor:
        """The numbers in these units, (T, S).

        Args:
            values_TS: Numbers of each task.
        """
        return (values_TS - self.origin[:, None]) / self.unit[:, None]


def units_of_places(x_TS: Tensor, is_real_TS: Tensor) -> Units:
    """Units in which the real points lie from -2 to 2. If all are at one place, the unit is one.

    Args:
        x_TS: Places of the points.
        is_real_TS: Zero where a point is padding, else one.
    """
    if x_TS.shape[1] == 0:
        return Units(x_TS.new_zeros(len(x_TS)), x_TS.new_ones(len(x_TS)))
    lowest_T = x_TS.masked_fill(is_real_TS == 0, math.inf).amin(dim=1)
    highest_T = x_TS.masked_fill(is_real_TS == 0, -math.inf).amax(dim=1)
    has_points_T = is_real_TS.any(dim=1)
    middle_T = torch.where(has_points_T, (lowest_T + highest_T) / 2, 0.0)
    return _varying(middle_T, torch.where(has_points_T, (highest_T - lowest_T) / 4, 0.0))


def units_of_values(y_TS: Tensor, is_real_TS: Tensor) -> Units:
    """Units in which the real values have mean zero and variance one. If all are equal, the unit is one.

    Args:
        y_TS: Values of the points.
        is_real_TS: Zero where a point is padding, else one.
    """
    number_T = is_real_TS.sum(dim=1).clamp(min=1)
    mean_T = (y_TS * is_real_TS).sum(dim=1) / number_T
    away_TS = (y_TS - mean_T[:, None]) * is_real_TS
    return _varying(mean_T, (away_TS.square().sum(dim=1) / number_T).sqrt())


def _varying(origin_T: Tensor, unit_T: Tensor) -> Units:
    return Units(origin_T, torch.where(unit_T > _NO_SPREAD * origin_T.abs(), unit_T, 1.0))
