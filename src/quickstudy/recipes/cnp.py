"""Conditional Neural Processes: Garnelo et al. (2018), curves as in section 4.1, images completed as in section 4.2,
characters told apart as in section 4.3."""

from quickstudy.core import Experiment
from quickstudy.learners import CNP, CNPClassifier
from quickstudy.learners.cnp import Decoder
from quickstudy.networks import Conv4
from quickstudy.networks.value_head import Likelihood
from quickstudy.recipes._completion import characters, completion_experiment
from quickstudy.recipes._functions import curves_experiment
from quickstudy.recipes.sources import (
    INK,
    TEST_LAYOUTS,
    Split,
    omniglot_episodes,
    omniglot_training,
    omniglot_validation,
)
from quickstudy.tasks import Count, Jitter, Layout


def gp_cnp(
    *,
    hidden: int = 128,
    floor: float = 0.1,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    steps: int = 60_000,
) -> Experiment:
    """CNP on curves from a Gaussian process, as in its authors' notebook, which trains three times as long at 1e-4.

    Args:
        hidden: Width of all layers.
        floor: Least standard deviation of a prediction: without one, points that are seen and asked for have no bound.
        tasks_per_step: Curves in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    learner = CNP(hidden=hidden, floor=floor)
    return curves_experiment(learner, tasks_per_step=tasks_per_step, learning_rate=learning_rate, steps=steps)


def omniglot_completion_cnp(
    *,
    split: Split = "lake",
    hidden: int = 256,
    likelihood: Likelihood = "normal",
    floor: float = 0.1,
    support: Count = (1, 300),
    queries: int | None = 100,
    jitter: bool = True,
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 12_000,
) -> Experiment:
    """CNP that completes Omniglot's drawings: from a pixel's place to its ink.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        hidden: Width of all layers.
        likelihood: Ink as a normal number, as in the paper, or as the chance of a black pixel.
        floor: Least standard deviation of a normal prediction.
        support: Pixels that are given, drawn for each step.
        queries: Others that are asked for in training, or all of them.
        jitter: Turn, shift and scale every training image a little.
        tasks_per_step: Images in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return completion_experiment(
        CNP(2, 1, hidden=hidden, encoder_layers=4, decoder_layers=5, likelihood=likelihood, floor=floor),
        characters(split, rotations=True),
        support=support,
        queries=queries,
        jitter=jitter,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )


def omniglot_cnp(
    *,
    split: Split = "lake",
    ways: int = 20,
    shots: Count = (1, 3),
    queries: int = 5,
    decoder: Decoder = "shared",
    jitter: bool = True,
    final: bool = True,
    tasks_per_step: int = 2,
    learning_rate: float = 1e-3,
    average_decay: float | None = 0.999,
    steps: int = 6_000,
) -> Experiment:
    """CNP on Omniglot, one decoder shared by all classes: any number of ways and shots.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in a training episode, and the only number that the concatenated decoder can read.
        shots: Support drawings of each class in training, drawn for each step.
        queries: Queries of each class in training.
        decoder: One for each class in turn, or the paper's single one over all class representations.
        jitter: Turn, shift and scale every training image a little.
        final: Train on the validation alphabets too; leave it out to tune.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps.
    """
    layout = Layout(ways, shots, queries, jitter=Jitter() if jitter else None)
    encoder = Conv4(blocks=3)  # 28 → 14 → 7 → 4, as the paper's three convolutions
    readable = {name: test for name, test in TEST_LAYOUTS.items() if decoder == "shared" or test.ways == ways} or {
        f"{ways}-way {k}-shot": Layout(ways, k) for k in (1, 5)
    }
    return Experiment(
        learner=CNPClassifier(encoder, encoder.num_features, decoder=decoder, num_ways=ways),
        train=omniglot_training(split, final, layout),
        validation=omniglot_validation(split, final, Layout(min(ways, 20), 1, 5)),
        test={name: omniglot_episodes(split, "test", layout) for name, layout in readable.items()},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=500,
        gradient_clip=10.0,
        average_decay=average_decay,
        input_range=INK,
        data="omniglot",
    )


def omniglot_cnp_paper(
    *,
    split: Split = "lake",
    ways: int = 5,
    shots: int = 1,
    queries: int = 5,
    jitter: bool = True,
    final: bool = True,
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 60_000,
) -> Experiment:
    """CNP on Omniglot as in its paper: one decoder over all class representations, fixed ways.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in an episode, in training and test alike.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        jitter: Turn, shift and scale every training image a little, as in the paper.
        final: Train on the validation alphabets too; leave it out to tune.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return omniglot_cnp(
        split=split,
        ways=ways,
        shots=shots,
        queries=queries,
        decoder="concatenated",
        jitter=jitter,
        final=final,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )
