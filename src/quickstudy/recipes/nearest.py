"""The anchors: nearest neighbour on pixels, with nothing to train, and on the code of an autoencoder."""

from quickstudy.core import Experiment
from quickstudy.learners import AutoencoderNearest, Nearest
from quickstudy.recipes._label_sequences import sequence_experiment
from quickstudy.recipes.sources import INK, Split, glyph_episodes, omniglot_episodes
from quickstudy.tasks import Layout


def omniglot_nearest() -> Experiment:
    """Nearest neighbour on pixels by cosine: proves the data right, and has nothing to train."""
    return Experiment(
        learner=Nearest(),
        train=omniglot_episodes("lake", "train", Layout()),
        validation=omniglot_episodes("lake", "validation", Layout()),
        test={"5-way 1-shot": omniglot_episodes("lake", "test", Layout())},
        steps=0,
        tasks_per_step=1,
        input_range=INK,
        data="omniglot",
    )


def glyphs_nearest() -> Experiment:
    """Nearest neighbour on the pixels of generated characters."""
    return Experiment(
        learner=Nearest(),
        train=glyph_episodes("train", Layout()),
        validation=glyph_episodes("validation", Layout()),
        test={"5-way 1-shot": glyph_episodes("test", Layout())},
        steps=0,
        tasks_per_step=1,
        input_range=INK,
        data="glyphs",
    )


def omniglot_autoencoder(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    size: int = 20,
    jitter: bool = False,
    final: bool = True,
    tasks_per_step: int = 16,
    learning_rate: float = 1e-3,
    steps: int = 6_250,
) -> Experiment:
    """Nearest neighbour on the code of an autoencoder: the deep features of the MANN paper's baseline.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence, which matter to the evaluation alone.
        size: Side of an image in pixels; all of them are read, without convolutions.
        jitter: Turn, shift and scale every training image a little.
        final: Train on the validation classes too, as the paper's 1,200 are; leave it out to tune.
        tasks_per_step: Sequences in one optimiser step.
        learning_rate: Of Adam, at its highest.
        steps: Optimiser steps.
    """
    return sequence_experiment(
        AutoencoderNearest(size**2),
        split=split,
        classes=classes,
        labels="one-hot",
        size=size,
        jitter=jitter,
        final=final,
        tasks_per_step=tasks_per_step,
        optimiser="adam",
        learning_rate=learning_rate,
        steps=steps,
    )
