"""Transformer Neural Processes: Nguyen and Grover (2022), section 5.1."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import TNP
from quickstudy.recipes._functions import curves_experiment, function_optimisation


def gp_tnp(
    *,
    channels: int = 64,
    blocks: int = 6,
    heads: int = 4,
    hidden: int = 128,
    is_autoregressive: bool = False,
    floor: float = 0.0,
    optimisation: Optimisation = function_optimisation(steps=20_000, learning_rate=5e-4),
) -> Experiment:
    """A transformer neural process on curves from a Gaussian process.

    Args:
        channels: Channels of a token. Blocks, heads and hidden have the values of the paper's regression.
        blocks: Layers.
        heads: Heads of each attention.
        hidden: Width between the two layers of each block's perceptron.
        is_autoregressive: Train to predict points one after another (TNP-A), each with the values before it.
        floor: Smallest standard deviation of a prediction.
        optimisation: Optimiser and schedule.
    """
    learner = TNP(
        channels=channels,
        num_blocks=blocks,
        num_heads=heads,
        hidden=hidden,
        is_autoregressive=is_autoregressive,
        floor=floor,
    )
    return curves_experiment(learner, optimisation, predicts_support=floor > 0)
