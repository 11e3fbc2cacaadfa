"""Memory-augmented networks: the sequence task of Santoro et al. (2016), and N-way K-shot episodes."""

from quickstudy.core import Experiment
from quickstudy.learners import MANN
from quickstudy.learners.mann import Controller, LabelTime
from quickstudy.networks import Conv4
from quickstudy.networks.memory import Erase, Time
from quickstudy.recipes._any_way import any_way_experiment
from quickstudy.recipes.sources import Pool, Split
from quickstudy.tasks import Count


def omniglot_mann(
    *,
    split: Split = "lake",
    max_ways: int = 20,
    ways: Count = (2, 20),
    shots: Count = (1, 5),
    uneven: bool = False,
    queries: int = 1,
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
    labels_come: LabelTime = "at once",
    only_queries: bool = False,
    sharpens: bool = True,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.5,
    bent: int = 0,
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
        sharpens: Let the controller sharpen where it reads, as no head of the paper can.
        jitter: Turn, shift and scale every training image a little.
        distortion: Instead of jitter: bend images as another hand might, so many times as far as `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        pool: Classes and drawings that the tasks of a step share, each drawing embedded once; or every task its own.
        generated: Share of steps whose characters are generated, so that some are always new to the encoder.
        bent: Further copies of every class, each with all its drawings bent alike, so that it is another character.
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
        sharpens=sharpens,
        labels_come=labels_come,
        only_queries=only_queries,
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
        bent=bent,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        frozen_encoder=frozen_encoder,
        steps=steps,
    )
