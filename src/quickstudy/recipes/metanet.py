"""Meta Networks: the settings of Munkhdalai and Yu (2017), section 4.1."""

from typing import Literal

from torch import nn

from quickstudy.core import Experiment
from quickstudy.learners import MetaNet
from quickstudy.learners.metanet import Variant
from quickstudy.networks import Conv4
from quickstudy.recipes._any_way import any_way_experiment
from quickstudy.recipes.sources import Pool, Split
from quickstudy.tasks import Count


def omniglot_metanet(
    *,
    split: Split = "lake",
    max_ways: int = 20,
    ways: Count = (5, 20),
    shots: Count = (1, 5),
    uneven: bool = False,
    queries: int = 1,
    variant: Variant = "metanet",
    gradients: int | None = 5,
    sharpness: float | None = 10.0,
    generators: Literal["all layers", "each layer"] = "each layer",
    second_order: bool = False,
    jitter: bool = True,
    distortion: float = 0.0,
    final: bool = True,
    pool: Pool | None = (60, 6),
    generated: float = 0.5,
    tasks_per_step: int = 8,
    learning_rate: float = 1e-3,
    frozen_encoder: bool = False,
    steps: int = 5_000,
) -> Experiment:
    """Meta Networks on Omniglot, up to 20 ways and any shots in one set of weights.

    Embedding and base learner share their lower four layers, which have batch normalisation. Give them those of a
    metric learner to begin with: `--start-from omniglot-protonet`.

    Args:
        split: Characters to train on; lake's are unseen in the test of either split.
        max_ways: Label slots, into which a training task's classes are thrown at random.
        ways: Classes in a training episode, drawn for each step.
        shots: Support drawings of each class in training, drawn for each step.
        uneven: Draw them for each class of a step by itself, few more often than many.
        queries: Queries of each class in training.
        variant: metanet- has no fast weights in the embedding, metanet+ has more in the base learner.
        gradients: Of how many support drawings the LSTM reads the gradients (the paper's T), or of all.
        sharpness: Of the attention at first, from where it is learnt; or the paper's, which stays one.
        generators: The paper's one for all layers, or one for each.
        second_order: Differentiate the gradients that fast weights are made of, too.
        jitter: Turn, shift and scale every training image a little.
        distortion: Strength of elastic distortion of training images, used instead of jitter; 1 is `Augmentation`.
        final: Train on the validation alphabets too; leave it out to tune.
        pool: Classes and drawings that the tasks of a step share, each drawing embedded once; or every task its own.
        generated: Share of steps whose characters are generated, so that some are always new to the encoder.
        tasks_per_step: Episodes in one optimiser step.
        learning_rate: Of Adam, at its highest.
        frozen_encoder: Leave the encoder as it started, at a third of its cost; for weights that were started from.
        steps: Optimiser steps.
    """
    encoder = Conv4(downsampling="pool", keep_edge=True)  # 28 → 14 → 7 → 4 → 2; the fifth block is augmented.
    learner = MetaNet(
        encoder,
        encoder.map_shape,
        max_ways=max_ways,
        variant=variant,
        num_gradients=gradients,
        sharpness=sharpness,
        generator_for=generators,
        second_order=second_order,
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
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        frozen_encoder=frozen_encoder,
        steps=steps,
    )


def omniglot_metanet_paper(
    *,
    split: Split = "vinyals",
    ways: int = 5,
    shots: int = 1,
    queries: int = 10,
    variant: Variant = "metanet",
    second_order: bool = False,
    jitter: bool = False,
    final: bool = True,
    tasks_per_step: int = 4,
    learning_rate: float = 1e-3,
    steps: int = 26_000,
) -> Experiment:
    """Meta Networks on Omniglot as in their paper: fixed ways, two networks of their own without normalisation.

    Args:
        split: Characters to train on.
        ways: Classes in an episode, in training and test alike.
        shots: Support drawings of each class in training.
        queries: Queries of each class in training; the paper does not say, a port has 10.
        variant: metanet- has no fast weights in the embedding, metanet+ has more in the base learner.
        second_order: Differentiate the gradients that fast weights are made of, too.
        jitter: Turn, shift and scale every training image a little.
        final: Train on the validation alphabets too; leave it out to tune.
        tasks_per_step: Episodes in one optimiser step; the paper's algorithm has one.
        learning_rate: Of Adam.
        steps: Optimiser steps; the paper's figure shows up to 26,000.
    """
    encoders = [Conv4(downsampling="pool", normalisation="none", keep_edge=True) for _ in range(2)]
    for encoder in encoders:
        for weight in encoder.parameters():
            nn.init.uniform_(weight, -0.1, 0.1)
    learner = MetaNet(
        encoders[0],
        encoders[0].map_shape,
        base_encoder=encoders[1],
        max_ways=ways,
        variant=variant,
        second_order=second_order,
    )
    return any_way_experiment(
        learner,
        max_ways=ways,
        split=split,
        ways=ways,
        shots=shots,
        queries=queries,
        jitter=jitter,
        final=final,
        pool=None,
        generated=0.0,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        steps=steps,
    )
