"""The mean curve: what one says of a series who knows other series of its kind and none of its own points."""

from typing import NamedTuple

from torch import Tensor
from torch.distributions import Distribution, Normal

from quickstudy.core import Learner, independent, read_query, read_values


class MeanCurveState(NamedTuple):
    """Nothing but the number of tasks: the support is not used."""

    tasks: Tensor
    """(T,) zeros."""


class MeanCurve(Learner):
    """Predicts a normal with the mean and the deviation of the nearest points of known series, as many as there are
    series. Where all series have the same places, these are their values at that place.

    Args:
        places: Places (P,) of all points of the known series.
        values: Their values (P,).
        num_series: How many series they are of.
    """

    sizes = 1, 1

    def __init__(self, places: Tensor, values: Tensor, num_series: int) -> None:
        super().__init__()
        self.places: Tensor
        self.values: Tensor
        self.register_buffer("places", places.double())
        self.register_buffer("values", values.double())
        self.num_nearest = min(num_series, len(places))

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> MeanCurveState:
        """Check the points (T, S, 1) with values (T, S, 1), and forget them."""
        support_x, _, _ = read_values(self, support_x, support_y, support_mask, sizes=self.sizes)
        return MeanCurveState(support_x.new_zeros(len(support_x)))

    def predict(self, state: MeanCurveState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, 1)."""
        query_x = read_query(self, state, query_x, self.sizes[:1])
        nearest_TQK = (query_x - self.places).abs().topk(self.num_nearest, largest=False).indices
        near_TQK = self.values[nearest_TQK]
        mean_TQ1 = near_TQK.mean(dim=-1, keepdim=True)
        # One point has no spread of its own; then that of all values counts.
        spread_TQ1 = near_TQK.std(dim=-1, keepdim=True, correction=0)
        least = self.values.std(correction=0).clamp(min=1e-6) / 100
        return independent(Normal(mean_TQ1.float(), spread_TQ1.clamp(min=float(least)).float()))
