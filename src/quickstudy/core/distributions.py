"""Predictions are `torch.distributions`: what all of them share."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.distributions import Categorical, Distribution


def categorical(logits: Tensor) -> Categorical:
    """A class for each query, from logits (T, Q, N); a logit of −inf rules its class out."""
    # torch's own check of arguments fails where there are none.
    return Categorical(logits=logits, validate_args=None if logits.numel() else False)


@contextmanager
def unchecked_distributions() -> Iterator[None]:
    """Switch off argument checks of `torch.distributions`: they cost time in every step of a loop."""
    # torch offers a setter for this switch but no getter.
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
