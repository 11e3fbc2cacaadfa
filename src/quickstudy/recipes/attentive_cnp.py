"""Attentive Conditional Neural Processes: Kim et al. (2019), section 4.1."""

from quickstudy.core import Experiment
from quickstudy.learners import AttentiveCNP
from quickstudy.recipes._functions import curves_experiment


def gp_attentive_cnp(
    *,
    channels: int = 128,
    heads: int = 8,
    self_attention: int = 2,
    floor: float = 0.1,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    steps: int = 30_000,
) -> Experiment:
    """An attentive CNP on curves from a Gaussian process.

    Args:
        channels: Width of all layers.
        heads: Of every attention.
        self_attention: Layers in which the support's points read each other.
        floor: Least standard deviation of a prediction, as in CNP.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = AttentiveCNP(channels=channels, num_heads=heads, self_attention=self_attention, floor=floor)
    return curves_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)
