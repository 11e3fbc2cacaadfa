"""Memory-augmented networks: the sequence task of Santoro et al. (2016), and N-way K-shot episodes."""

from torch import nn

from quickstudy.core import Experiment
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller
from quickstudy.networks import Conv4
from quickstudy.networks.blur import Blur
from quickstudy.recipes._any_way import any_way_experiment
from quickstudy.recipes._label_sequences import Optimiser, sequence_experiment
from quickstudy.recipes.sources import Labels, Pool, Split
from quickstudy.tasks import Count
from quickstudy.tasks.sequences import STRING_LENGTH


def omniglot_mann(
    *,
    split: Split = "lake",
    max_ways: int = 20,
    ways: Count = (2, 20),
    shots: Count = (1, 5),
    uneven: bool = False,
    queries: int = 1,
    sharpens: bool = True,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.5,
    copies: int = 0,
    tasks_per_step: int = 32,
    learning_rate: float = 6e-3,
    frozen_encoder: bool = False,
    steps: int = 5_000,
) -> Experiment:
    """MANN with a convolutional encoder on N-way K-shot episodes: up to 20 ways in one set of weights.

    Give it the encoder of a metric learner to begin with: `--start-from omniglot-protonet`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        max_ways: Label slots, into which a training task's classes are thrown at random.
        ways: Classes in a training episode, drawn for each step.
        shots: Support drawings of each class in training, drawn for each step.
        uneven: Draw them for each class of a step by itself, few more often than many.
        queries: Queries of each class in training, each one the next item after the support.
        sharpens: Let the controller sharpen where it reads, as no head of the paper can.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        pool: Classes and drawings that the tasks of a step share, each drawing embedded once; or every task its own.
        generated: Share of steps whose characters are generated, so that some are always new to the encoder.
        copies: Warped copies of each class; all drawings of a copy are warped in the same way, so it is a new class.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        frozen_encoder: Leave the encoder as it started, at a third of its cost; for weights that were started from.
        steps: Optimiser steps.
    """
    encoder = Conv4(downsampling="pool")
    learner = MANN(
        encoder.num_features,
        encoder=encoder,
        max_ways=max_ways,
        sharpens=sharpens,
        labels_come="at once",
    )
    return any_way_experiment(
        learner,
        max_ways=max_ways,
        split=split,
        ways=ways,
        shots=shots,
        uneven=uneven,
        queries=queries,
        jitter=jitter,
        distortion=distortion,
        final=final,
        pool=pool,
        generated=generated,
        copies=copies,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        frozen_encoder=frozen_encoder,
        steps=steps,
    )


def omniglot_mann_sequences(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    instances: Count = 10,
    labels: Labels = "one-hot",
    letters: int = STRING_LENGTH,
    size: int = 20,
    blur: float = 0.0,
    controller: Controller = "lstm",
    sharpens: bool = True,
    sharpest: float | None = None,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    copies: int = 0,
    mirrored: bool = False,
    tasks_per_step: int = 16,
    optimiser: Optimiser = "adam",
    learning_rate: float = 6e-3,
    weight_decay: float = 0.0,
    steps: int = 18_000,
) -> Experiment:
    """MANN in its paper's own task: 20×20 pixels, no convolution, ten drawings of each class, labels one step late.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence.
        instances: Drawings of each class in training, or a pair to draw from for each step; the test has ten.
        labels: One place for each class, or strings of five letters, fresh in every sequence.
        letters: Of a string how many letters are drawn, the others repeating them; fewer are sooner learnt.
        controller: What drives the memory.
        sharpens: Let the controller sharpen where it reads, as no head of the paper can: it learns far sooner.
        sharpest: Bound on how sharp; where a head is too sharp, no gradient tells it what else there was.
        size: Side of an image in pixels; all of them are read, without convolutions.
        blur: Pixels, as a standard deviation, by which images are blurred, so that what is learnt of them is smooth.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation classes too, as the paper's 1,200 are; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        copies: Warped copies of each class; all drawings of a copy are warped in the same way, so it is a new class.
        mirrored: Train on the mirror images of all characters too, as classes of their own.
        tasks_per_step: Sequences in one optimiser step.
        optimiser: Adam, or the RMSProp of the paper's ports, which wants a rate of 1e-4.
        learning_rate: At its highest.
        weight_decay: Share that every weight loses in a step, times the learning rate, as AdamW has it.
        steps: Optimiser steps.
    """
    learner = MANN(
        size**2,
        encoder=nn.Sequential(Blur(blur), nn.Flatten(2)) if blur else None,
        labels=labels,
        max_ways=classes,
        controller=controller,
        sharpens=sharpens,
        sharpest=sharpest,
    )
    return sequence_experiment(
        learner,
        split=split,
        classes=classes,
        instances=instances,
        labels=labels,
        letters=letters,
        size=size,
        jitter=jitter,
        distortion=distortion,
        final=final,
        generated=generated,
        copies=copies,
        mirrored=mirrored,
        tasks_per_step=tasks_per_step,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        steps=steps,
    )
