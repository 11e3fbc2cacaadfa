"""A contrastive encoder: what the metric family gets for free, without a label."""

from pathlib import Path

import torch

from quickstudy.core import Experiment, TrainingSource
from quickstudy.datasets import omniglot
from quickstudy.learners import ContrastiveEncoder
from quickstudy.networks import Conv4, Downsampling
from quickstudy.recipes.sources import (
    INK,
    TEST_LAYOUTS,
    Split,
    omniglot_episodes,
    omniglot_validation,
    training_classes,
)
from quickstudy.tasks import Augmentation, ContrastivePairs, Layout, rotated_classes


def omniglot_contrastive(
    *,
    split: Split = "lake",
    pairs: int = 256,
    rotations: bool = True,
    strength: float = 1.0,
    erased: float = 0.0,
    temperature: float = 0.1,
    projects_at_test: bool = True,
    downsampling: Downsampling = "stride",
    final: bool = True,
    learning_rate: float = 2e-3,
    average_decay: float | None = 0.999,
    steps: int = 8_000,
) -> Experiment:
    """SimCLR on Omniglot: pairs of views of one drawing, and class means at test. No label is trained on.

    Args:
        split: Characters whose drawings to train on; lake's are unseen in the test of either split.
        pairs: Drawings in a step; each has two views, to be found among all the others.
        rotations: Turn every drawing by quarters too, as drawings of their own.
        strength: How far a view may be from its drawing: times every bound of `Augmentation`.
        erased: Largest side of a missing rectangle, as a share of the image's.
        temperature: The loss divides cosines by it.
        projects_at_test: Compare what the loss compares; without it the encoder's features, as the paper does.
        downsampling: Strides, or max-pooling as in Matching Networks at five times the cost.
        final: Train on the validation alphabets too; leave it out to tune.
        learning_rate: Of Adam, at its highest.
        average_decay: Decay a step of the moving average of the weights.
        steps: Optimiser steps.
    """
    encoder = Conv4(downsampling=downsampling)
    learner = ContrastiveEncoder(
        encoder, encoder.num_features, temperature=temperature, projects_at_test=projects_at_test
    )
    augmentation = Augmentation().times(strength)._replace(erased=erased)
    return Experiment(
        learner=learner,
        train=_drawings(split, final, rotations, pairs, augmentation),
        validation=omniglot_validation(split, final, Layout(20, 1, 5)),
        test={name: omniglot_episodes(split, "test", layout) for name, layout in TEST_LAYOUTS.items()},
        steps=steps,
        tasks_per_step=1,
        learning_rate=learning_rate,
        warmup_steps=200,
        average_decay=average_decay,
        input_range=INK,
        data="omniglot",
    )


def _drawings(split: Split, final: bool, rotations: bool, pairs: int, augmentation: Augmentation) -> TrainingSource:
    """The drawings of the training characters in one heap: which are of one character is lost here."""

    def source(data_root: Path | None) -> ContrastivePairs:
        images, _ = omniglot.load(data_root)
        heap = torch.as_tensor(images[training_classes({"split": split, "final": final})]).flatten(0, 1)
        return ContrastivePairs(rotated_classes(heap) if rotations else heap, pairs, augmentation)

    return source
