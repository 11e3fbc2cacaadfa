"""Conditional Neural Processes: Garnelo et al. (2018), curves as in section 4.1, images completed as in section 4.2,
characters classified as in section 4.3."""

from quickstudy.core import Experiment, Optimisation
from quickstudy.core.recipe_options import variant
from quickstudy.learners import CNP, CNPClassifier
from quickstudy.learners.cnp import Decoder
from quickstudy.networks import Conv4
from quickstudy.networks.value_head import Likelihood
from quickstudy.recipes._any_way import (
    FIXED_CHARACTERS,
    SharedEncoder,
    any_way_optimisation,
    head_experiment,
)
from quickstudy.recipes._completion import completion_experiment
from quickstudy.recipes._functions import curves_experiment, function_optimisation
from quickstudy.sources import TEST_LAYOUTS, EpisodeCharacters, Split, drawings_to_complete
from quickstudy.tasks import Count, Layout


def gp_cnp(
    *,
    hidden: int = 128,
    floor: float = 0.1,
    optimisation: Optimisation = function_optimisation(steps=60_000),
) -> Experiment:
    """CNP on curves from a Gaussian process, as in its authors' notebook.

    The notebook trains for three times as many steps, at a learning rate of 1e-4.

    Args:
        hidden: Width of all layers.
        floor: Smallest standard deviation of a prediction. Without one, the likelihood of given points has no bound.
        optimisation: Optimiser and schedule.
    """
    return curves_experiment(CNP(hidden=hidden, floor=floor), optimisation)


def omniglot_completion_cnp(
    *,
    split: Split = "lake",
    hidden: int = 256,
    likelihood: Likelihood = "normal",
    floor: float = 0.1,
    support: Count = (1, 300),
    queries: int | None = 100,
    jitter: bool = True,
    optimisation: Optimisation = function_optimisation(steps=12_000, tasks_per_step=16),
) -> Experiment:
    """CNP that completes Omniglot's drawings: from a pixel's place to its ink.

    Args:
        split: Characters to train on. Those of lake are unseen in the tests of both splits.
        hidden: Width of all layers.
        likelihood: Ink as a normal variable, as in the paper, or as the probability of a black pixel.
        floor: Smallest standard deviation of a normal prediction.
        support: Pixels in the support: one number, or a range to draw from in each step.
        queries: Other pixels to predict in training; None predicts all of them.
        jitter: Turn, shift and scale each training image a little.
        optimisation: Optimiser and schedule.
    """
    return completion_experiment(
        CNP(2, 1, hidden=hidden, encoder_layers=4, decoder_layers=5, likelihood=likelihood, floor=floor),
        drawings_to_complete(split),
        optimisation,
        support=support,
        queries=queries,
        jitter=jitter,
    )


def omniglot_cnp(
    *,
    ways: int = 20,
    shots: Count = (1, 3),
    queries: int = 3,
    decoder: Decoder = "shared",
    own_encoder: bool = False,
    encoder: SharedEncoder = SharedEncoder(),
    characters: EpisodeCharacters = FIXED_CHARACTERS,
    optimisation: Optimisation = any_way_optimisation(
        # Not bfloat16: a shared decoder leaves the mean of the scores free, and rounding errors drive it to infinity.
        steps=4_000,
        tasks_per_step=12,
        learning_rate=1e-3,
        gradient_clip=10.0,
        precision="32-true",
    ),
) -> Experiment:
    """CNP on Omniglot, one decoder shared by all classes: any number of ways and shots.

    Args:
        ways: Classes in a training episode, and the only number that decoders with label slots can read.
        shots: Support drawings of each class in training: one number, or a range to draw from in each step.
        queries: Queries of each class in training.
        decoder: One decoder that scores each class, the paper's decoder over all class representations, or a decoder
            over one mean of drawings that were encoded with their labels.
        own_encoder: Train an encoder of three strided convolutions, as the paper's, instead of the shared one.
        encoder: Encoder and its first weights.
        characters: Characters for training.
        optimisation: Optimiser and schedule.
    """
    network = Conv4(downsampling="stride", blocks=3) if own_encoder else encoder.build()
    readable = {title: test for title, test in TEST_LAYOUTS.items() if decoder == "shared" or test.ways == ways} or {
        f"{ways}-way {k}-shot": Layout(ways, k) for k in (1, 5)
    }
    learner = CNPClassifier(network, network.num_features, decoder=decoder, num_ways=ways)
    layout = Layout(ways, shots, queries)
    return head_experiment(
        learner, layout, characters, optimisation, encoder, tests=readable, validation_ways=min(ways, 20)
    )


omniglot_cnp_paper = variant(
    "omniglot_cnp_paper",
    omniglot_cnp,
    "CNP on Omniglot as in its paper: three convolutions, one decoder over all class representations, fixed ways.",
    starts_from=None,
    ways=5,
    shots=1,
    queries=5,
    decoder="concatenated",
    own_encoder=True,
    residual=0,
    views=1,
    frozen_encoder=0.0,
    distortion=0.0,
    mirrored=False,
    generated=0.0,
    pool=None,
    change_once=False,
    steps=10_000,
    tasks_per_step=16,
    warmup_steps=500,
)
