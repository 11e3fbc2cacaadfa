"""Transformer Neural Processes: Nguyen and Grover (2022), section 5.1."""

from quickstudy.core import Experiment
from quickstudy.learners import TNP
from quickstudy.recipes._functions import curves_experiment


def gp_tnp(
    *,
    channels: int = 64,
    blocks: int = 6,
    heads: int = 4,
    hidden: int = 128,
    is_autoregressive: bool = False,
    floor: float = 0.0,
    tasks_per_step: int = 64,
    learning_rate: float = 5e-4,
    steps: int = 30_000,
) -> Experiment:
    """A transformer neural process on curves from a Gaussian process.

    Args:
        channels: Of a token; with blocks, heads and hidden those of the paper's regression.
        blocks: Layers.
        heads: Of every attention.
        hidden: Width between the two layers of each block's perceptron.
        is_autoregressive: Train for answers in turn (TNP-A), each knowing the values before it.
        floor: Least standard deviation of a prediction.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = TNP(
        channels=channels,
        num_blocks=blocks,
        num_heads=heads,
        hidden=hidden,
        is_autoregressive=is_autoregressive,
        floor=floor,
    )
    return curves_experiment(
        learner,
        predicts_support=floor > 0,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )
