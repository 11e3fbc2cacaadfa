"""From a decoder's numbers to a distribution over values, and the perceptrons that decoders are.

Letters: T tasks, Q queries, Y numbers of a value.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from quickstudy.core.distributions import Ink, independent

Likelihood = Literal["normal", "bernoulli"]


def perceptron(*sizes: int) -> nn.Sequential:
    """Linear layers from each size to the next, with ReLU between them.

    Args:
        sizes: Numbers that the first layer reads, and then numbers that each layer gives.
    """
    layers: list[nn.Module] = []
    for source, target in pairwise(sizes):
        layers += [nn.Linear(source, target), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


class ValueHead(nn.Module):
    """Turns a decoder's last numbers into a distribution over values.

    `normal` gives mean and standard deviation. The deviation has a floor, σ = floor + (1 − floor) softplus(s). Without
    it, the likelihood of points that are in the support and among the queries has no bound. `bernoulli` gives the
    probability of ink; a grey value is a share of ink (see `Ink`).

    Args:
        num_outputs: Numbers Y of a value.
        likelihood: Kind of distribution, `normal` or `bernoulli`.
        floor: Least standard deviation, from 0 up to below 1.

    Raises:
        ValueError: if there is no such likelihood, or the floor is not from 0 up to below 1.
    """

    def __init__(self, num_outputs: int, likelihood: Likelihood = "normal", floor: float = 0.1) -> None:
        super().__init__()
        if likelihood not in ("normal", "bernoulli"):
            raise ValueError(f"likelihood is {likelihood!r}, but normal or bernoulli was expected.")
        if not 0 <= floor < 1:
            raise ValueError(f"floor is {floor}, but a deviation from 0 up to below 1 was expected.")
        self.num_outputs, self.likelihood, self.floor = num_outputs, likelihood, floor
        self.num_inputs = 2 * num_outputs if likelihood == "normal" else num_outputs
        """How many numbers the decoder must give."""

    def forward(self, numbers: Tensor) -> Distribution:
        """The distribution of the values.

        Args:
            numbers: The decoder's numbers, (..., num_inputs).
        """
        if self.likelihood == "bernoulli":
            return independent(Ink(logits=numbers))
        mean, spread = numbers.chunk(2, dim=-1)
        return independent(Normal(mean, self.deviation(spread)))

    def deviation(self, spread: Tensor) -> Tensor:
        """The standard deviation σ, above the floor. Without a floor it is still large enough to divide by.

        Args:
            spread: The number s that the decoder gives, of any shape.
        """
        return (self.floor + (1 - self.floor) * F.softplus(spread)).clamp(min=torch.finfo(spread.dtype).tiny ** 0.25)
