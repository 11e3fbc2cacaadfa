"""Baselines of Santoro et al. (2016), section 4.1: the sequence task without a memory."""

from quickstudy.core import Experiment
from quickstudy.learners import LSTM
from quickstudy.recipes._label_sequences import Optimiser, sequence_experiment
from quickstudy.recipes.sources import Labels, Split
from quickstudy.tasks import Count


def omniglot_lstm(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    instances: Count = 10,
    labels: Labels = "one-hot",
    size: int = 20,
    is_recurrent: bool = True,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    tasks_per_step: int = 16,
    optimiser: Optimiser = "adam",
    learning_rate: float = 6e-3,
    steps: int = 18_000,
) -> Experiment:
    """An LSTM, or a feed-forward network, on the sequences of `omniglot-mann-sequences`.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence.
        instances: Drawings of each class in training, or a pair to draw from for each step; the test has ten.
        labels: One place for each class, or strings of five letters, fresh in every sequence.
        is_recurrent: An LSTM; without, a network that carries nothing from one drawing to the next.
        size: Side of an image in pixels; all of them are read, without convolutions.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation classes too, as the paper's 1,200 are; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        tasks_per_step: Sequences in one optimiser step.
        optimiser: Adam, or the RMSProp of the paper's ports, which wants a rate of 1e-4.
        learning_rate: At its highest.
        steps: Optimiser steps.
    """
    return sequence_experiment(
        LSTM(size**2, labels=labels, max_ways=classes, is_recurrent=is_recurrent),
        split=split,
        classes=classes,
        instances=instances,
        labels=labels,
        size=size,
        jitter=jitter,
        distortion=distortion,
        final=final,
        generated=generated,
        tasks_per_step=tasks_per_step,
        optimiser=optimiser,
        learning_rate=learning_rate,
        steps=steps,
    )
