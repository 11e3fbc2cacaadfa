"""Draws from posteriors that a generator decides; `torch.distributions` takes no generator."""

import torch
from torch import Tensor


def gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma variables of rate 1.

    Args:
        shape: the shape parameter of each.
        generator: the source of random numbers.
    """
    return torch._standard_gamma(shape, generator=generator)


def beta(successes: Tensor, failures: Tensor, generator: torch.Generator) -> Tensor:
    """Beta variables.

    Args:
        successes: the first parameter of each.
        failures: the second parameter of each.
        generator: the source of random numbers.
    """
    first, second = gamma(successes, generator), gamma(failures, generator)
    return first / (first + second)


def dirichlet(counts: Tensor, generator: torch.Generator) -> Tensor:
    """Dirichlet variables over the last dimension.

    Args:
        counts: the parameters.
        generator: the source of random numbers.
    """
    weights = gamma(counts, generator)
    return weights / weights.sum(dim=-1, keepdim=True)


def normal(mean: Tensor, deviation: Tensor, generator: torch.Generator) -> Tensor:
    """Normal variables.

    Args:
        mean: the mean of each.
        deviation: the standard deviation of each.
        generator: the source of random numbers.
    """
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + deviation * noise
