"""MAML: the settings of Finn, Abbeel and Levine (2017), sections 5.1 and 5.2."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import MAML
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron
from quickstudy.recipes._episodes import fixed_way_experiment
from quickstudy.sources import EpisodeCharacters
from quickstudy.tasks import Layout, PointLayout, Sinusoids

_WIDTHS = (256, 128, 64, 64)
_optimisation = partial(Optimisation, warmup_steps=100, gradient_clip=10.0, average_decay=0.999)


@dataclass(frozen=True, kw_only=True)
class InnerLoop:
    """How the weights are trained on the support of a task."""

    inner_rate: float = 0.2
    """Rate of gradient descent on the support. The loss is the sum over the classes."""
    inner_steps: int = 3
    """Steps of gradient descent in training."""
    test_steps: int = 5
    """Steps of gradient descent at test."""
    first_order: bool = False
    """Treat the inner gradients as constants, which saves half of the arithmetic."""
    learns_rates: bool = False
    """Learn an inner rate for each weight (Meta-SGD)."""


@dataclass(frozen=True, kw_only=True)
class ClassifyingInnerLoop(InnerLoop):
    """The same for classification."""

    adapts: Literal["all layers", "head"] = "all layers"
    """Layers that are trained on the support; the head alone is ANIL."""
    is_transductive: bool = True
    """Normalise queries among themselves, as the paper does; switched off, each query with the support alone."""
    test_rate: float | None = 0.1
    """Rate at test; that of training goes too far with more examples and steps. Learned rates stay."""


def omniglot_maml(
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 4,
    convolutions: bool = True,
    scales: bool = False,
    head_deviation: float = 0.0,
    channels: int = 64,
    inner: ClassifyingInnerLoop = ClassifyingInnerLoop(),
    characters: EpisodeCharacters = EpisodeCharacters(),
    optimisation: Optimisation = _optimisation(steps=1_500, tasks_per_step=12, learning_rate=1e-4),
) -> Experiment:
    """MAML on Omniglot: the weights of a convolutional network are trained for each task, of a fixed number of ways.

    It starts from features of ANIL, which are learned sooner from tasks of many ways. The paper's setting is
    `--start-from none --inner-rate 0.4 --test-rate none --inner-steps 1 --test-steps 3 --queries 1 --head-deviation 1
    --tasks-per-step 32 --learning-rate 1e-3 --no-jitter --split vinyals --steps 60000`, and for 20 ways `--ways 20
    --inner-rate 0.1 --inner-steps 5 --test-steps 5 --tasks-per-step 16`.

    Args:
        ways: Classes in an episode, in training and in test.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training; the authors' code has as many as shots.
        convolutions: A network of convolutions; switched off, one of four linear layers.
        scales: Scale normalised maps too; the authors' code only shifts them.
        head_deviation: Standard deviation of the last layer's first weights. From zero, the first inner step makes it
            a classifier of class means.
        channels: Channels of each convolution.
        inner: Training on the support of a task.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network: FunctionalNetwork
    if convolutions:
        network = FunctionalConv4(ways, channels=channels, scales=scales, head_deviation=head_deviation)
    else:
        network = FunctionalPerceptron(784, _WIDTHS, ways, scales=scales, head_deviation=head_deviation)
    return fixed_way_experiment(
        MAML(network, **vars(inner)),
        Layout(ways, shots, queries),
        characters,
        optimisation,
        starts_from="omniglot-anil",
    )


omniglot_maml_first_order = variant(
    "omniglot_maml_first_order",
    omniglot_maml,
    "First-order MAML on Omniglot: the inner gradients are constants, which saves half of the arithmetic.",
    first_order=True,
    steps=500,
)

omniglot_anil = variant(
    "omniglot_anil",
    omniglot_maml,
    """ANIL on Omniglot: only the last layer is trained for each task. MAML and Reptile start from its features.

    Tasks of 60 ways say more about an image than those of five.
    """,
    starts_from=None,
    ways=60,
    queries=5,
    adapts="head",
    inner_rate=1.0,
    test_rate=None,
    inner_steps=1,
    test_steps=1,
    generated=0.2,
    mirrored=True,
    steps=16_000,
    tasks_per_step=1,
    learning_rate=2e-3,
)

omniglot_anil_dense = variant(
    "omniglot_anil_dense",
    omniglot_anil,
    "ANIL on Omniglot without convolutions. `omniglot-maml-dense` starts from it.",
    starts_from=None,
    convolutions=False,
    split="vinyals",
    copies=7,
    distortion=0.25,
    generated=0.1,
    steps=60_000,
    learning_rate=3e-3,
)

omniglot_maml_dense = variant(
    "omniglot_maml_dense",
    omniglot_maml,
    "MAML on Omniglot without convolutions: the network that its paper compares with MANN.",
    starts_from="omniglot-anil-dense",
    convolutions=False,
    split="vinyals",
    copies=15,
    distortion=0.4,
    generated=0.25,
    queries=5,
    steps=20_000,
    tasks_per_step=32,
    learning_rate=1e-3,
)


def sinusoid_maml(
    *,
    shots: int = 10,
    queries: int = 10,
    inner: InnerLoop = InnerLoop(inner_rate=0.01, inner_steps=1, test_steps=10),
    optimisation: Optimisation = _optimisation(steps=20_000, tasks_per_step=25, learning_rate=1e-3),
) -> Experiment:
    """MAML on waves of random amplitude and phase, with two hidden layers of 40 units.

    The paper trains for 70,000 steps.

    Args:
        shots: Points of each wave in the support.
        queries: Points of each wave to predict.
        inner: Training on the support of a task; its loss is the mean squared error.
        optimisation: Optimiser and schedule.
    """
    training, many_points = PointLayout(shots, queries, -5.0, 5.0), PointLayout(shots, 100, -5.0, 5.0)
    network = FunctionalPerceptron(1, (40, 40), 1, normalises=False, head_deviation=0.1)
    return Experiment(
        learner=MAML(network, answers="values", **vars(inner)),
        train=lambda _: Sinusoids(training),
        validation=lambda _: Sinusoids(many_points),
        test={f"{shots} points": lambda _: Sinusoids(many_points)},
        optimisation=optimisation,
        validate_every=1_000,
        validate_by="functions",
    )
