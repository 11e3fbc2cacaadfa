"""Attentive Conditional Neural Processes: Kim et al. (2019), section 4.1."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import AttentiveCNP
from quickstudy.recipes._functions import curves_experiment, function_optimisation


def gp_attentive_cnp(
    *,
    channels: int = 128,
    heads: int = 8,
    self_attention: int = 2,
    floor: float = 0.1,
    optimisation: Optimisation = function_optimisation(steps=30_000),
) -> Experiment:
    """An attentive CNP on curves from a Gaussian process.

    Args:
        channels: Width of all layers.
        heads: Heads of each attention.
        self_attention: Layers in which the points of the support read each other.
        floor: Smallest standard deviation of a prediction, as in CNP.
        optimisation: Optimiser and schedule.
    """
    learner = AttentiveCNP(channels=channels, num_heads=heads, self_attention=self_attention, floor=floor)
    return curves_experiment(learner, optimisation)
