"""Prototypical Networks: the setting of Snell et al. (2017)."""

from quickstudy.core import Experiment
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4, Downsampling
from quickstudy.recipes.sources import (
    INK,
    TEST_LAYOUTS,
    Pool,
    Split,
    glyph_episodes,
    glyph_training,
    omniglot_episodes,
    omniglot_training,
    omniglot_validation,
    training_change,
)
from quickstudy.tasks import Layout


def omniglot_protonet(
    *,
    split: Split = "lake",
    ways: int = 60,
    shots: int = 1,
    queries: int = 5,
    downsampling: Downsampling = "pool",
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.0,
    copies: int = 0,
    tasks_per_step: int = 6,
    learning_rate: float = 2e-3,
    average_decay: float | None = 0.999,
    steps: int = 9_000,
) -> Experiment:
    """Prototypical Networks on Omniglot, 60-way episodes over characters in four rotations.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        ways: Classes in a training episode; many ways make a sharp embedding.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        downsampling: Max-pooling as in the paper, or strides at a third of the cost.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too, as the paper's last run does; leave it out to tune.
        pool: Classes and drawings that the tasks of a step share, each drawing embedded once; or every task its own.
        generated: Share of steps whose characters are generated, new ones every time.
        copies: Warped copies of each class; all drawings of a copy are warped in the same way, so it is a new class.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps.
    """
    layout = Layout(ways, shots, queries, jitter=training_change(jitter, distortion))
    encoder = Conv4(downsampling=downsampling)
    return Experiment(
        learner=ProtoNet(encoder),
        train=omniglot_training(split, final, layout, pool, generated, copies),
        validation=omniglot_validation(split, final, Layout(20, 1, 5)),
        test={name: omniglot_episodes(split, "test", layout) for name, layout in TEST_LAYOUTS.items()},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=200,
        average_decay=average_decay,
        input_range=INK,
        data="omniglot",
    )


def glyphs_protonet(
    *,
    ways: int = 60,
    shots: int = 1,
    queries: int = 5,
    downsampling: Downsampling = "stride",
    pool: Pool | None = (60, 6),
    tasks_per_step: int = 6,
    learning_rate: float = 2e-3,
    average_decay: float | None = 0.999,
    steps: int = 10_000,
) -> Experiment:
    """Prototypical Networks on generated characters, new ones in every step: no data set needed.

    Args:
        ways: Classes in a training episode.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training.
        downsampling: Max-pooling as in the paper, or strides at a third of the cost.
        pool: Classes and drawings that the tasks of a step share, each drawing embedded once; or every task its own.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps.
    """
    encoder = Conv4(downsampling=downsampling)
    return Experiment(
        learner=ProtoNet(encoder),
        train=glyph_training(Layout(ways, shots, queries), pool),
        validation=glyph_episodes("validation", Layout(20, 1, 5)),
        test={name: glyph_episodes("test", layout) for name, layout in TEST_LAYOUTS.items()},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=100,
        average_decay=average_decay,
        input_range=INK,
        data="glyphs",
    )
