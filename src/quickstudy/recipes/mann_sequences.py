"""Memory-augmented neural networks in the task of their paper, Santoro et al. (2016): sequences of drawings."""

from torch import nn

from quickstudy.core import Experiment
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller, LabelTime
from quickstudy.networks.blur import Blur
from quickstudy.networks.memory import Erase, Time
from quickstudy.recipes._label_sequences import Optimiser, sequence_experiment
from quickstudy.recipes.sources import Labels, Split
from quickstudy.tasks import Count
from quickstudy.tasks.sequences import STRING_LENGTH


def omniglot_mann_sequences(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    short: float = 0.25,
    instances: Count = (2, 10),
    labels: Labels = "one-hot",
    letters: Count = STRING_LENGTH,
    size: int = 20,
    blur: float = 0.8,
    controller: Controller = "lstm",
    hidden: int = 200,
    heads: int = 4,
    slots: int = 128,
    width: int = 40,
    usage_decay: float = 0.99,
    feeds_reads: bool = True,
    addresses: Time = "before",
    reads: Time = "after",
    erase: Erase = "first",
    least_used: int | None = 1,
    labels_come: LabelTime = "late",
    only_queries: bool = False,
    sharpens: bool = True,
    sharpest: float | None = None,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    bent: int = 3,
    mirrored: bool = True,
    tasks_per_step: int = 64,
    optimiser: Optimiser = "adam",
    learning_rate: float = 4e-3,
    weight_decay: float = 0.05,
    steps: int = 8_000,
) -> Experiment:
    """MANN in its paper's own task: 20×20 pixels, no convolution, ten drawings of each class, labels one step late.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence.
        short: Share of the steps, the first ones, whose sequences are short: of two classes up to all, two to four
            drawings of each.
        instances: Drawings of each class in training, or a pair to draw from for each step; the test has ten.
        labels: One place for each class, or strings of five letters, fresh in every sequence.
        letters: Of a string how many letters are drawn, the others repeating them; fewer are sooner learnt.
        controller: What drives the memory; without recurrence it is one layer.
        hidden: Units of the controller.
        heads: Keys of a step, each of which writes and reads.
        slots: Rows of the memory.
        width: Numbers of a row.
        usage_decay: Share of a row's usage that is left after a step.
        feeds_reads: Give what was read to the controller's next step.
        addresses: Memory that the keys are compared with: the one before this step's writing, or the one after it.
        reads: Memory whose content is read: before this step's writing, or after it.
        erase: Least-used rows that are wiped before the writing: none, that of the first head, those of every head.
        least_used: Number of least-used rows that every head writes to; if left out, each head has one of its own.
        labels_come: With the next example, as in the paper, or with their own.
        only_queries: Where labels come late, train on the answers to the queries alone.
        sharpens: Let the controller sharpen where it reads, as no head of the paper can: it learns far sooner.
        sharpest: Bound on how sharp; where a head is too sharp, no gradient shows it the other rows.
        size: Side of an image in pixels; all of them are read, without convolutions.
        blur: Pixels, as a standard deviation, by which images are blurred, so that what is learnt of them is smooth.
        jitter: Turn, shift and scale every training image a little.
        distortion: Instead of jitter: bend images as another hand might, so many times as far as `Augmentation`.
        final: Train on the validation classes too, as the paper's 1,200 are; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        bent: Further copies of every class, each with all its drawings bent alike, so that it is another character.
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
        hidden=hidden,
        heads=heads,
        slots=slots,
        width=width,
        usage_decay=usage_decay,
        feeds_reads=feeds_reads,
        addresses=addresses,
        reads=reads,
        erase=erase,
        least_used=least_used,
        labels_come=labels_come,
        only_queries=only_queries,
        sharpens=sharpens,
        sharpest=sharpest,
    )
    return sequence_experiment(
        learner,
        split=split,
        classes=classes,
        short=short,
        instances=instances,
        labels=labels,
        letters=letters,
        size=size,
        jitter=jitter,
        distortion=distortion,
        final=final,
        generated=generated,
        bent=bent,
        mirrored=mirrored,
        tasks_per_step=tasks_per_step,
        optimiser=optimiser,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        steps=steps,
    )


def omniglot_mann_strings(
    *,
    split: Split = "vinyals",
    classes: int = 5,
    short: float = 0.5,
    instances: Count = (2, 8),
    labels: Labels = "strings",
    letters: Count = STRING_LENGTH,
    size: int = 20,
    blur: float = 0.8,
    controller: Controller = "lstm",
    hidden: int = 200,
    heads: int = 4,
    slots: int = 128,
    width: int = 40,
    usage_decay: float = 0.99,
    feeds_reads: bool = True,
    addresses: Time = "before",
    reads: Time = "after",
    erase: Erase = "first",
    least_used: int | None = None,
    labels_come: LabelTime = "late",
    only_queries: bool = False,
    sharpens: bool = True,
    sharpest: float | None = None,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    generated: float = 0.0,
    bent: int = 3,
    mirrored: bool = True,
    tasks_per_step: int = 32,
    optimiser: Optimiser = "adam",
    learning_rate: float = 4e-3,
    weight_decay: float = 0.0,
    steps: int = 9_000,
) -> Experiment:
    """As `omniglot-mann-sequences`, with classes that are named by strings of five letters, fresh in every sequence.

    Args:
        split: Characters to train on.
        classes: Classes in a sequence.
        short: Share of the steps, the first ones, whose sequences are short: of two classes up to all, two to four
            drawings of each.
        instances: Drawings of each class in training, or a pair to draw from for each step; the test has ten.
        labels: One place for each class, or strings of five letters, fresh in every sequence.
        letters: Of a string how many letters are drawn, the others repeating them; fewer are sooner learnt.
        controller: What drives the memory; without recurrence it is one layer.
        hidden: Units of the controller.
        heads: Keys of a step, each of which writes and reads.
        slots: Rows of the memory.
        width: Numbers of a row.
        usage_decay: Share of a row's usage that is left after a step.
        feeds_reads: Give what was read to the controller's next step.
        addresses: Memory that the keys are compared with: the one before this step's writing, or the one after it.
        reads: Memory whose content is read: before this step's writing, or after it.
        erase: Least-used rows that are wiped before the writing: none, that of the first head, those of every head.
        least_used: Number of least-used rows that every head writes to; if left out, each head has one of its own.
        labels_come: With the next example, as in the paper, or with their own.
        only_queries: Where labels come late, train on the answers to the queries alone.
        sharpens: Let the controller sharpen where it reads, as no head of the paper can: it learns far sooner.
        sharpest: Bound on how sharp; where a head is too sharp, no gradient shows it the other rows.
        size: Side of an image in pixels; all of them are read, without convolutions.
        blur: Pixels, as a standard deviation, by which images are blurred, so that what is learnt of them is smooth.
        jitter: Turn, shift and scale every training image a little.
        distortion: Instead of jitter: bend images as another hand might, so many times as far as `Augmentation`.
        final: Train on the validation classes too, as the paper's 1,200 are; leave it out to tune.
        generated: Share of steps whose characters are generated, new ones every time.
        bent: Further copies of every class, each with all its drawings bent alike, so that it is another character.
        mirrored: Train on the mirror images of all characters too, as classes of their own.
        tasks_per_step: Sequences in one optimiser step.
        optimiser: Adam, or the RMSProp of the paper's ports, which wants a rate of 1e-4.
        learning_rate: At its highest.
        weight_decay: Share that every weight loses in a step, times the learning rate, as AdamW has it.
        steps: Optimiser steps.
    """
    return omniglot_mann_sequences(**locals())
