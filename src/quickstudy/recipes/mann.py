"""Memory-augmented networks: the sequence task of Santoro et al. (2016)."""

from quickstudy.core import Experiment
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller
from quickstudy.recipes._late_labels import Labels, Optimiser, sequence_experiment
from quickstudy.recipes.sources import Split


def omniglot_mann_sequences(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    labels: Labels = "one-hot",
    size: int = 20,
    controller: Controller = "lstm",
    sharpens: bool = False,
    jitter: bool = True,
    tasks_per_step: int = 16,
    optimiser: Optimiser = "adam",
    learning_rate: float = 1e-3,
    steps: int = 6_250,
) -> Experiment:
    """MANN in its paper's own task: 20×20 pixels, no convolution, ten drawings of each class, labels one step late.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence.
        labels: One place for each class, or strings of five letters, fresh in every sequence.
        controller: What drives the memory.
        sharpens: Let the controller sharpen where it reads, as no head of the paper can.
        size: Side of an image in pixels; all of them are read, without convolutions.
        jitter: Turn, shift and scale every training image a little.
        tasks_per_step: Sequences in one optimiser step; times the steps, the paper's 100,000 episodes.
        optimiser: Adam, or the RMSProp of the paper's ports, which wants a rate of 1e-4.
        learning_rate: At its highest.
        steps: Optimiser steps.
    """
    learner = MANN(size**2, labels=labels, max_ways=classes, controller=controller, sharpens=sharpens)
    return sequence_experiment(
        learner,
        split=split,
        classes=classes,
        labels=labels,
        size=size,
        jitter=jitter,
        tasks_per_step=tasks_per_step,
        optimiser=optimiser,
        learning_rate=learning_rate,
        steps=steps,
    )
