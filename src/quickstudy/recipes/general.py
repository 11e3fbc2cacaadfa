"""A regressor for curves of any kind: one set of weights, trained over a broad mixture of kernels."""

from quickstudy.core import Experiment, Learner
from quickstudy.learners import TNP, ConvCNP
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.kernels import KernelPrior, OneOf, Stationary, Sum

_LENGTHS, _SCALES = (0.1, 2.0), (0.5, 1.5)
_BUMPS = [Stationary(shape, _LENGTHS, _SCALES) for shape in ("squared exponential", "matern 5/2", "matern 3/2")]
_WAVES = Stationary("periodic", (0.5, 2.0), _SCALES, period=(0.4, 2.0))
_TREND = Stationary("squared exponential", (1.0, 4.0), _SCALES)

MANY_KERNELS: KernelPrior = OneOf([*_BUMPS, _WAVES, Sum([_TREND, _WAVES]), Sum([_TREND, _BUMPS[2]])])
"""Smooth and rough curves, quick and slow ones, waves, and waves or roughness about a trend."""
MANY_NOISES = (0.01, 0.3)
"""Standard deviations, log-uniform."""


def gp_general(
    *,
    points_per_unit: float = 16.0,
    margin: float = 0.5,
    channels: int = 40,
    kernel: int = 5,
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1),
    tasks_per_step: int = 32,
    learning_rate: float = 3e-3,
    steps: int = 18_000,
) -> Experiment:
    """A convolutional CNP on curves of many kinds: inputs from -2 to 2, values of about unit scale.

    Small, to answer thousands of tasks a second.

    Args:
        points_per_unit: Of the grid; the quickest curves' length-scale is 0.1.
        margin: How far the grid goes on beyond the curves, which lie from -2 to 2.
        channels: Of the grid's function.
        kernel: Places of every convolution.
        dilations: Of the trunk's blocks, one for each.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = ConvCNP(
        points_per_unit=points_per_unit, margin=margin, channels=channels, kernel=kernel, dilations=dilations
    )
    return general_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)


def gp_general_tnp(
    *,
    channels: int = 128,
    blocks: int = 6,
    heads: int = 8,
    hidden: int = 256,
    tasks_per_step: int = 32,
    learning_rate: float = 5e-4,
    steps: int = 30_000,
) -> Experiment:
    """The same curves for a transformer neural process, at several times the cost a step.

    Args:
        channels: Of a token.
        blocks: Layers.
        heads: Of every attention.
        hidden: Width between the two layers of each block's perceptron.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = TNP(channels=channels, num_blocks=blocks, num_heads=heads, hidden=hidden)
    return general_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)


def general_experiment(learner: Learner, *, tasks_per_step: int, learning_rate: float, steps: int) -> Experiment:
    """Train on curves of many kinds, with none to 100 points given and 50 asked for."""

    def curves(support: int | tuple[int, int]) -> GaussianProcesses:
        return GaussianProcesses(PointLayout(support, 50), MANY_KERNELS, noise=MANY_NOISES)

    return Experiment(
        learner=learner,
        train=lambda _: curves((0, 100)),
        validation=lambda _: curves((10, 50)),
        test={
            "10 to 50 points": lambda _: curves((10, 50)),
            "0 to 9 points": lambda _: curves((0, 9)),
            "51 to 100 points": lambda _: curves((51, 100)),
        },
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=500,
        gradient_clip=1.0,
        average_decay=0.999,
        validate_every=1_000,
        validation_tasks=500,
        validate_by="functions",
    )
