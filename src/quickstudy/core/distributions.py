"""Predictions are `torch.distributions`. This module holds what all predictions share.

A value must have the shape of the prediction. Torch would broadcast it: values (T, Q) with a prediction of (T, Q, 1)
would give a likelihood without meaning.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    Normal,
    constraints,
)

from quickstudy.core.errors import UserError
from quickstudy.core.tracing import is_traced


class _Strict(Distribution):
    """Refuse values of another shape, whether or not torch's own checks are switched on."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of values.

        Args:
            value: has the shape of the prediction. Further dimensions may come before it.

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
    """A `MixtureSameFamily` that refuses values of another shape. Its parts may do so too."""

    def _pad(self, x: Tensor) -> Tensor:
        """Repeat each value once for each part. Torch would use one copy for all parts."""
        parts = -1 - self._event_ndims
        shape = list(x.shape)
        shape.insert(len(shape) + parts + 1, self._num_component)
        padded: Tensor = x.unsqueeze(parts).expand(shape)
        return padded


class Ink(Bernoulli):
    """The probability that a pixel is black. A value may also be grey, between 0 and 1.

    For a black or white pixel `log_prob` is that of a `Bernoulli`. For a grey pixel it is an average: the pixel is
    black with a probability equal to its ink, and white otherwise. This is minus the cross-entropy of the two. Grey
    values are not further outcomes, so their probabilities do not add up to one.

    Args:
        probs: Probability of ink; give this or the logits.
        logits: Logit of that probability.
        validate_args: Whether torch checks values; None follows torch's own setting.
    """

    support = constraints.unit_interval  # type: ignore[assignment]


def categorical(logits: Tensor) -> Categorical:
    """A prediction of one class for each query.

    Args:
        logits: (T, Q, N). A logit of −inf excludes its class.
    """
    if is_traced():
        return StrictCategorical(logits=logits, validate_args=False)
    # torch's own check of arguments fails where there are none.
    return StrictCategorical(logits=logits, validate_args=None if logits.numel() else False)


def independent(numbers: Distribution) -> Independent:
    """A prediction of values that consist of several numbers.

    Args:
        numbers: a distribution of each number. Its last batch dimension becomes the dimension of the value.
    """
    return StrictIndependent(numbers, 1)


def mixture(shares: Categorical, parts: Distribution) -> MixtureSameFamily:
    """A prediction of values that come from one of several parts.

    Args:
        shares: the probability of each part.
        parts: the distributions. Their last batch dimension counts the parts.
    """
    return StrictMixture(shares, parts)


def sampled(prediction: Distribution, generator: torch.Generator) -> Tensor:
    """Draw an answer to each query, (T, Q) classes or (T, Q, Y) values. It is a constant, without a gradient.

    Args:
        prediction: of classes, or of values with a normal distribution.
        generator: the source of random numbers.

    Raises:
        UserError: if nothing can be drawn from such a prediction with a generator.
    """
    if isinstance(prediction, Categorical):
        flat_BN = prediction.probs.flatten(0, -2)
        return torch.multinomial(flat_BN, 1, generator=generator).view(prediction.batch_shape)
    base = getattr(prediction, "base_dist", prediction)
    if not isinstance(base, Normal):
        raise UserError(f"{type(base).__name__} was predicted, but actions are drawn from a Categorical or a Normal.")
    # Else a policy gradient would be zero: the drawn action would move along with its mean.
    mean, deviation = base.mean.detach(), base.stddev.detach()
    return mean + deviation * torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Switch off the argument checks of `torch.distributions` in a block. They cost time in every step of a loop.

    After the block the setting is the one before it. This matters because the first call of `torch.compile` in a
    process switches the checks off for good.
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
