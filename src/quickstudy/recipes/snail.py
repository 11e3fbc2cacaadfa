"""SNAIL: the settings of Mishra et al. (2018), section 5.1."""

from quickstudy.core import Experiment, UserError
from quickstudy.learners import SNAIL
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import any_way_experiment
from quickstudy.recipes.sources import Pool, Split
from quickstudy.tasks import Count
from quickstudy.tasks.sampling import highest


def omniglot_snail(
    *,
    split: Split = "lake",
    max_ways: int = 20,
    max_shots: int = 5,
    ways: Count = (5, 20),
    shots: Count = (1, 5),
    uneven: bool = False,
    queries: int = 1,
    label_scale: float = 8.0,
    equal_lengths: bool = True,
    shuffled_channels: float = 0.5,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.5,
    copies: int = 0,
    tasks_per_step: int = 16,
    learning_rate: float = 5e-4,
    frozen_encoder: bool = False,
    steps: int = 5_000,
) -> Experiment:
    """SNAIL on Omniglot, up to 20 ways and 5 shots in one set of weights.

    Give it the encoder of a metric learner to begin with: `--start-from omniglot-protonet`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        max_ways: Label slots, into which a training task's classes are thrown at random.
        max_shots: With the slots, how many examples the convolutions reach back over.
        ways: Classes in a training episode, drawn for each step.
        shots: Support drawings of each class in training, drawn for each step as in the paper.
        uneven: Draw them for each class of a step by itself, few more often than many.
        queries: Queries of each class in training; the paper has one for the whole task.
        label_scale: How many times as large a label is read, lest it be lost beside the 64 features of an image.
        equal_lengths: Scale embeddings to one length, so that products compare them as cosines do.
        shuffled_channels: Share of tasks whose embeddings have their channels in a random order, against overfitting.
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
    if highest(shots) > max_shots and highest(ways) * highest(shots) > max_ways * max_shots:
        raise UserError(
            f"ways = {ways} and shots = {shots} make up to {highest(ways) * highest(shots)} support examples, but "
            f"max_ways = {max_ways} and max_shots = {max_shots} hold {max_ways * max_shots}. Give a higher max_shots."
        )
    encoder = Conv4(downsampling="pool")  # 64 features, with no linear layer behind.
    return any_way_experiment(
        SNAIL(
            encoder,
            encoder.num_features,
            max_ways=max_ways,
            max_examples=max_ways * max_shots,
            label_scale=label_scale,
            equal_lengths=equal_lengths,
            shuffled_channels=shuffled_channels,
        ),
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


def omniglot_snail_paper(
    *,
    split: Split = "vinyals",
    ways: int = 5,
    shots: Count = (1, 5),
    queries: int = 1,
    jitter: bool = False,
    final: bool = True,
    tasks_per_step: int = 32,
    learning_rate: float = 1e-4,
    steps: int = 100_000,
) -> Experiment:
    """SNAIL on Omniglot as in its paper: fixed ways, tasks with examples of their own, trained from nothing.

    Args:
        split: Characters to train on.
        ways: Classes in an episode, in training and test alike.
        shots: Support drawings of each class in training, drawn for each step.
        queries: Queries of each class in training; the paper has one for the whole task.
        jitter: Turn, shift and scale every training image a little.
        final: Train on the validation alphabets too, as the paper does; leave it out to tune.
        tasks_per_step: Episodes in one optimiser step; the paper does not say, ports have 32.
        learning_rate: Of Adam; the paper does not say, ports have 1e-4.
        steps: Optimiser steps; the paper does not say.
    """
    return omniglot_snail(
        split=split,
        max_ways=ways,
        max_shots=max(5, highest(shots)),
        ways=ways,
        shots=shots,
        queries=queries,
        label_scale=1.0,
        equal_lengths=False,
        shuffled_channels=0.0,
        jitter=jitter,
        final=final,
        pool=None,
        generated=0.0,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )
