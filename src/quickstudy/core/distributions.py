"""Predictions are `torch.distributions`: what all of them share.

They demand that a value has the shape of what is predicted. Torch would repeat it along what is missing, so that values
(T, Q) given to a prediction of (T, Q, 1) had a likelihood of nothing that is meant.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, MixtureSameFamily, constraints

from quickstudy.core.errors import UserError


class _Strict(Distribution):
    """Refuses values of another shape, whether or not torch's own checks are switched on."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of values of the prediction's own shape, or of several such, which lead.

        Raises:
            UserError: if the value has another shape.
        """
        _refuse_other_shapes(self, value)
        return super().log_prob(value)


class StrictCategorical(_Strict, Categorical):
    """A `Categorical` that refuses class indices of another shape."""


class StrictIndependent(_Strict, Independent):
    """An `Independent` that refuses values of another shape."""


class StrictMixture(_Strict, MixtureSameFamily):
    """A `MixtureSameFamily` that refuses values of another shape, and whose parts may do so too."""

    def _pad(self, x: Tensor) -> Tensor:
        """Each value once for each part, not once for all of them as torch has it."""
        parts = -1 - self._event_ndims
        shape = list(x.shape)
        shape.insert(len(shape) + parts + 1, self._num_component)
        padded: Tensor = x.unsqueeze(parts).expand(shape)
        return padded


class Ink(Bernoulli):
    """How likely it is that a pixel is drawn black; grey, between 0 and 1, is an answer too.

    Of grey ink `log_prob` is what the log-probability is on average if the pixel is drawn black with a probability as
    high as its ink, and else white: minus the cross-entropy of the two. Of black and white it is that of a `Bernoulli`.
    Grey ones are no further outcomes, so their probabilities do not add up to one.
    """

    support = constraints.unit_interval  # type: ignore[assignment]


def categorical(logits: Tensor) -> Categorical:
    """A class for each query, from logits (T, Q, N); a logit of −inf rules its class out."""
    # torch's own check of arguments fails where there are none.
    return StrictCategorical(logits=logits, validate_args=None if logits.numel() else False)


def independent(numbers: Distribution) -> Independent:
    """One value of several numbers, from a distribution of each: its last batch dimension is that of the value."""
    return StrictIndependent(numbers, 1)


def mixture(shares: Categorical, parts: Distribution) -> MixtureSameFamily:
    """Values from one of several parts, the last batch dimension of which `shares` chooses from."""
    return StrictMixture(shares, parts)


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Switch off argument checks of `torch.distributions`: they cost time in every step of a loop.

    Afterwards they are as before, whatever happened to them meanwhile: the first call of `torch.compile` in a process
    switches them off for good.
    """
    # torch offers a setter for this switch but no getter.
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _refuse_other_shapes(prediction: Distribution, value: Tensor) -> None:
    expected = prediction.batch_shape + prediction.event_shape
    if value.shape[len(value.shape) - len(expected) :] != expected:
        raise UserError(
            f"A value of shape {tuple(value.shape)} was given, but the prediction is of values {tuple(expected)}. "
            "Give it that shape; further dimensions may only lead."
        )
