"""Where a value lies within what was predicted of it: normals, and mixtures of them.

Letters: T tasks, Q queries, K parts of a mixture, Y numbers of a value.
"""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MixtureSameFamily, Normal

_HALVINGS = 40  # Of an interval of some deviations: finer than float32 can distinguish.
_FAR = 10.0  # Deviations from a part's mean; nothing worth counting lies further out.


def cumulative(prediction: Distribution, y_TQY: Tensor) -> Tensor | None:
    """The cumulative probability at each number of a value by itself; None for a prediction without quantiles.

    Args:
        prediction: The prediction.
        y_TQY: The values.
    """
    if isinstance(prediction, MixtureSameFamily):
        part = _normal(prediction.component_distribution)
        if part is None:
            return None
        below_TQKY = part.cdf(y_TQY.unsqueeze(_place_of_parts(prediction)))
        return (_shares(prediction) * below_TQKY).sum(dim=_place_of_parts(prediction))
    normal = _normal(prediction)
    return None if normal is None else normal.cdf(y_TQY)


def central_interval(prediction: Distribution, share: float) -> tuple[Tensor, Tensor] | None:
    """The ends of the central interval for each number of a value by itself; None for a prediction without quantiles.

    Args:
        prediction: The prediction.
        share: Probability of the interval. Equal probabilities lie above and below it.
    """
    tails = (1 - share) / 2, (1 + share) / 2
    if isinstance(prediction, MixtureSameFamily):
        part = _normal(prediction.component_distribution)
        return None if part is None else (_solved(prediction, part, tails[0]), _solved(prediction, part, tails[1]))
    normal = _normal(prediction)
    if normal is None:
        return None
    low, high = (normal.icdf(normal.mean.new_tensor(tail)) for tail in tails)
    return low, high


def _solved(mixture: MixtureSameFamily, part: Normal, probability: float) -> Tensor:
    """Where a mixture's cumulative probability is this, by halving."""
    parts = _place_of_parts(mixture)
    low = (part.mean - _FAR * part.stddev).amin(dim=parts)
    high = (part.mean + _FAR * part.stddev).amax(dim=parts)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = cumulative(mixture, middle)
        assert below is not None
        low, high = torch.where(below < probability, middle, low), torch.where(below < probability, high, middle)
    return (low + high) / 2


def _normal(prediction: Distribution) -> Normal | None:
    """The normals that the numbers of a value are, if they are."""
    numbers: Any = prediction.base_dist if isinstance(prediction, Independent) else prediction
    return numbers if isinstance(numbers, Normal) else None


def _place_of_parts(mixture: MixtureSameFamily) -> int:
    """The dimension of K, counted from behind."""
    return -1 - len(mixture.event_shape)


def _shares(mixture: MixtureSameFamily) -> Tensor:
    """What each part counts for, to be multiplied with something of every number of a value."""
    share_TQK = mixture.mixture_distribution.probs
    return share_TQK.reshape(share_TQK.shape + (1,) * len(mixture.event_shape))
