"""Units of a data set, kept with the weights, so that a learner reads and predicts numbers in the units of the user.

Letters: T tasks, P points, Q queries, D numbers of an input, Y of a value.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from quickstudy.core.distributions import independent

_HALF_RANGE = 2.0
"""Places go from -2 to 2, as those of the curves from Gaussian processes do."""
_NO_SPREAD = 1e-12  # Of the size of the numbers: what varies less than rounding does is taken not to vary.


class DataUnits(nn.Module):
    """Places from -2 to 2, and values of mean zero and variance one. Until `measure` is called nothing changes.

    Args:
        num_inputs: Numbers D of a place.
        num_outputs: Numbers Y of a value.
    """

    # Dates in seconds differ in their last digits alone, so units are in double precision.
    def __init__(self, num_inputs: int = 1, num_outputs: int = 1) -> None:
        super().__init__()
        self.place_origin: Tensor
        self.place_unit: Tensor
        self.value_origin: Tensor
        self.value_unit: Tensor
        for name, size in (("place", num_inputs), ("value", num_outputs)):
            self.register_buffer(f"{name}_origin", torch.zeros(size, dtype=torch.float64))
            self.register_buffer(f"{name}_unit", torch.ones(size, dtype=torch.float64))

    def measure(self, x_PD: Tensor, y_PY: Tensor) -> None:
        """Take the units of these points.

        Args:
            x_PD: Places.
            y_PY: Values.
        """
        x_PD, y_PY = x_PD.to(self.place_unit), y_PY.to(self.value_unit)
        lowest_D, highest_D = x_PD.amin(dim=0), x_PD.amax(dim=0)
        self.place_origin.copy_((lowest_D + highest_D) / 2)
        self.place_unit.copy_(_varying(self.place_origin, (highest_D - lowest_D) / (2 * _HALF_RANGE)))
        self.value_origin.copy_(y_PY.mean(dim=0))
        self.value_unit.copy_(_varying(self.value_origin, y_PY.std(dim=0, correction=0)))

    def places(self, x_TPD: Tensor, like: Tensor) -> Tensor:
        """Places in these units.

        Args:
            x_TPD: Places of the user.
            like: Gives the precision of the result.
        """
        return ((x_TPD - self.place_origin) / self.place_unit).to(like)

    def values(self, y_TPY: Tensor, like: Tensor) -> Tensor:
        """Values in these units.

        Args:
            y_TPY: Values of the user.
            like: Gives the precision of the result.
        """
        return ((y_TPY - self.value_origin) / self.value_unit).to(like)

    def of_user(self, prediction: Distribution) -> Distribution:
        """A normal prediction in these units as one in those of the user.

        Args:
            prediction: Independent normals of the values.
        """
        if not (isinstance(prediction, Independent) and isinstance(prediction.base_dist, Normal)):
            raise ValueError("Only normal predictions have units.")
        normal = prediction.base_dist
        origin_Y, unit_Y = self.value_origin.to(normal.loc), self.value_unit.to(normal.loc)
        return independent(Normal(origin_Y + unit_Y * normal.loc, unit_Y * normal.scale))


def _varying(origin: Tensor, unit: Tensor) -> Tensor:
    return torch.where(unit > _NO_SPREAD * origin.abs(), unit, 1.0)
