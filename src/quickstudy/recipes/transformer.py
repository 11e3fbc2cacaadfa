"""In-context transformer on episodes of any number of ways."""

from quickstudy.core import Experiment
from quickstudy.learners import InContextTransformer
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import any_way_experiment
from quickstudy.recipes.sources import Pool, Split
from quickstudy.tasks import Count


def omniglot_transformer(
    *,
    split: Split = "lake",
    max_ways: int = 20,
    ways: Count = (5, 20),
    shots: Count = (1, 5),
    uneven: bool = False,
    queries: int = 1,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.5,
    copies: int = 0,
    tasks_per_step: int = 64,
    learning_rate: float = 1e-3,
    frozen_encoder: bool = False,
    steps: int = 5_000,
) -> Experiment:
    """In-context transformer on Omniglot, up to 20 ways and any number of shots in one set of weights.

    Give it the encoder of a metric learner to begin with: `--start-from omniglot-protonet`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        max_ways: Label slots, into which a training task's classes are thrown at random.
        ways: Classes in a training episode, drawn for each step.
        shots: Support drawings of each class in training, drawn for each step.
        uneven: Draw them for each class of a step by itself, few more often than many.
        queries: Queries of each class in training.
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
    return any_way_experiment(
        InContextTransformer(encoder, encoder.num_features, max_ways=max_ways),
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
