"""A regressor for curves of any kind: one set of weights, trained over a broad mixture of kernels."""

from quickstudy.core import Experiment, Learner, Optimisation
from quickstudy.learners import TNP, AmortisedGP
from quickstudy.recipes._functions import function_optimisation
from quickstudy.tasks import GaussianProcesses, Mixture, PointLayout
from quickstudy.tasks.kernels import KernelPrior, OneOf, Product, Range, Stationary, Sum

_LENGTHS, _SCALES = (0.1, 2.0), (0.5, 1.5)
_BUMPS = [Stationary(shape, _LENGTHS, _SCALES) for shape in ("squared exponential", "matern 5/2", "matern 3/2")]
_WAVES = Stationary("periodic", (0.5, 2.0), _SCALES, period=(0.4, 2.0))
_TREND = Stationary("squared exponential", (1.0, 4.0), _SCALES)

MANY_KERNELS: KernelPrior = OneOf([*_BUMPS, _WAVES, Sum([_TREND, _WAVES]), Sum([_TREND, _BUMPS[2]])])
"""Smooth and rough curves, quick and slow ones, waves, and waves or roughness about a trend."""
MANY_NOISES: Range = (0.01, 0.3)
"""Standard deviations, log-uniform."""

_BROAD_LENGTHS, _BROAD_SCALES = (0.05, 4.0), (0.2, 2.0)
_SLOW = Stationary("squared exponential", (0.7, 8.0), _BROAD_SCALES)
_FADING = Stationary("squared exponential", (1.0, 16.0), 1.0)

_QUICK_WAVES = Product([Stationary("periodic", (0.5, 2.0), (0.1, 1.0), period=(0.05, 2.0)), _FADING])

BROAD_KERNELS: KernelPrior = OneOf(
    [
        Stationary("squared exponential", _BROAD_LENGTHS, 1.0),
        Stationary("matern 5/2", _BROAD_LENGTHS, 1.0),
        Stationary("matern 3/2", _BROAD_LENGTHS, 1.0),
        Stationary("matern 1/2", (0.1, 8.0), 1.0),
        Product([Stationary("periodic", (0.5, 2.0), 1.0, period=(0.05, 4.0)), _FADING]),
        Sum([_SLOW, _QUICK_WAVES]),
        Sum([Stationary("matern 3/2", (0.05, 1.0), _BROAD_SCALES), _QUICK_WAVES]),
        Sum([_SLOW, Stationary("matern 3/2", (0.05, 1.0), (0.1, 1.0))]),
    ]
)
"""The same kinds, quicker and slower, very rough curves, and roughness about waves, which may change as they go on."""
BROAD_NOISES: Range = (0.005, 1.5)
"""From next to none to more than the curve itself."""


def gp_general(
    *,
    hidden: int = 256,
    optimisation: Optimisation = function_optimisation(
        steps=6_000, tasks_per_step=16, learning_rate=1.5e-3, gradient_clip=1.0
    ),
) -> Experiment:
    """Amortised Gaussian processes for curves of many kinds: any inputs, any values, any number of points.

    Args:
        hidden: Width of the network that proposes kernels.
        optimisation: Optimiser and schedule.
    """
    return general_experiment(AmortisedGP(hidden=hidden), optimisation)


def gp_general_tnp(
    *,
    channels: int = 128,
    blocks: int = 6,
    heads: int = 8,
    hidden: int = 256,
    optimisation: Optimisation = function_optimisation(
        steps=30_000, tasks_per_step=32, learning_rate=5e-4, gradient_clip=1.0
    ),
) -> Experiment:
    """A transformer neural process for curves of many kinds: inputs from -2 to 2, values of about unit scale.

    Args:
        channels: Channels of a token.
        blocks: Layers.
        heads: Heads of each attention.
        hidden: Width between the two layers of each block's perceptron.
        optimisation: Optimiser and schedule.
    """
    return general_experiment(TNP(channels=channels, num_blocks=blocks, num_heads=heads, hidden=hidden), optimisation)


def general_experiment(learner: Learner, optimisation: Optimisation) -> Experiment:
    """Train on curves of many kinds, with a support of 0 to 200 points and 50 queries.

    Half of the steps have few points or many. With few points a curve's own units are uncertain; with many points its
    kernel must be known most exactly.

    Args:
        learner: The learner.
        optimisation: Optimiser and schedule.
    """

    def curves(support: int | tuple[int, int]) -> GaussianProcesses:
        return GaussianProcesses(PointLayout(support, 50), MANY_KERNELS, noise=MANY_NOISES)

    def broad(support: int | tuple[int, int]) -> GaussianProcesses:
        return GaussianProcesses(PointLayout(support, 50), BROAD_KERNELS, noise=BROAD_NOISES)

    return Experiment(
        learner=learner,
        train=lambda _: Mixture(
            [curves((1, 64)), broad((0, 64)), curves((1, 10)), broad((1, 10)), broad((65, 200))],
            [0.3, 0.34, 0.13, 0.13, 0.1],
        ),
        validation=lambda _: curves((10, 50)),
        test={
            "10 to 50 points": lambda _: curves((10, 50)),
            "0 to 9 points": lambda _: curves((0, 9)),
            "51 to 100 points": lambda _: curves((51, 100)),
            "broader kinds, 10 to 50 points": lambda _: broad((10, 50)),
            "broader kinds, 51 to 200 points": lambda _: broad((51, 200)),
        },
        optimisation=optimisation,
        validate_every=1_000,
        validation_tasks=500,
        validate_by="functions",
    )
