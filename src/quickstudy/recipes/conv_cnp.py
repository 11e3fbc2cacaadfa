"""Convolutional Conditional Neural Processes: Gordon et al. (2020), section 5.1."""

from quickstudy.core import Experiment
from quickstudy.learners import ConvCNP
from quickstudy.recipes._functions import curves_experiment


def gp_conv_cnp(
    *,
    points_per_unit: float = 16.0,
    margin: float = 1.0,
    channels: int = 64,
    kernel: int = 5,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 1),
    floor: float = 0.0,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    steps: int = 30_000,
) -> Experiment:
    """A convolutional CNP on curves from a Gaussian process.

    Args:
        points_per_unit: Of the grid; the curves' length-scale is 0.4.
        margin: How far the grid goes on beyond the curves, which lie from -2 to 2.
        channels: Of the grid's function.
        kernel: Places of every convolution.
        dilations: Of the trunk's blocks, one for each.
        floor: Least standard deviation of a prediction.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = ConvCNP(
        points_per_unit=points_per_unit,
        margin=margin,
        channels=channels,
        kernel=kernel,
        dilations=dilations,
        floor=floor,
    )
    return curves_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)
