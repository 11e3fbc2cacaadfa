"""Each connection has a slow weight and a fast one: the fast one learns quickly and fades.

Hinton and Plaut, "Using Fast Weights to Deblur Old Memories" (Cognitive Science Society, 1987). New memories interfere
with old ones. When a few of the old ones are rehearsed, the fast weights undo the interference for the others too.

Letters: B pairs, I numbers of an input, O numbers of an output.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class TwoSpeedWeights(NamedTuple):
    """Both weights of each connection. They act as their sum."""

    slow: Tensor
    """(O, I)."""
    fast: Tensor
    """(O, I)."""


class Rates(NamedTuple):
    """How the weights of each speed learn."""

    slow: float = 0.01
    """Share of a gradient that the slow weights take in a step."""
    fast: float = 0.2
    """The same of the fast weights; zero leaves a network of slow weights alone."""
    decay: float = 0.9
    """Share of the fast weights that is left after a step."""


def outputs_of(weights: TwoSpeedWeights, x_BI: Tensor) -> Tensor:
    """Outputs (B, O) between 0 and 1.

    Args:
        weights: Slow and fast weights.
        x_BI: Inputs.
    """
    return (x_BI @ (weights.slow + weights.fast).mT).sigmoid()


def learned(weights: TwoSpeedWeights, x_BI: Tensor, y_BO: Tensor, rates: Rates) -> TwoSpeedWeights:
    """The weights after one step of the delta rule on pairs; the fast ones fade first.

    Args:
        weights: Slow and fast weights.
        x_BI: Inputs.
        y_BO: Wanted outputs, between 0 and 1.
        rates: Rates of both speeds.
    """
    with torch.no_grad():
        change = (y_BO - outputs_of(weights, x_BI)).mT @ x_BI
        return TwoSpeedWeights(weights.slow + rates.slow * change, rates.decay * weights.fast + rates.fast * change)
