"""A contrastive encoder: a metric learner that is trained without labels."""

from dataclasses import replace
from pathlib import Path

import torch

from quickstudy.core import Experiment, Optimisation, TrainingSource
from quickstudy.datasets import omniglot
from quickstudy.learners import ContrastiveEncoder
from quickstudy.networks import Conv4, Downsampling
from quickstudy.recipes._episodes import episodes_experiment
from quickstudy.sources import EpisodeCharacters, Split, part_classes
from quickstudy.tasks import Augmentation, ContrastivePairs, Layout, rotated_classes


def omniglot_contrastive(
    *,
    split: Split = "lake",
    final: bool = True,
    pairs: int = 256,
    rotations: bool = True,
    strength: float = 1.0,
    erased: float = 0.0,
    temperature: float = 0.1,
    projects_at_test: bool = True,
    downsampling: Downsampling = "stride",
    optimisation: Optimisation = Optimisation(
        steps=8_000, tasks_per_step=1, learning_rate=2e-3, warmup_steps=200, average_decay=0.999
    ),
) -> Experiment:
    """SimCLR on Omniglot: contrastive pairs of views of one drawing, and class means at test. It reads no labels.

    Args:
        split: Characters to train on. Those of lake are unseen in the tests of both splits.
        final: Train on the validation characters too, and validate on generated characters. Switch it off to tune.
        pairs: Drawings in a task. Each has two views, and one view must be found among all the others.
        rotations: Train on each drawing in four rotations, as drawings of their own.
        strength: How far a view may differ from its drawing: a factor of each bound of `Augmentation`.
        erased: Largest side of an erased rectangle, as a share of the image's side.
        temperature: The loss divides cosines by it.
        projects_at_test: Compare the projections that the loss compares; switched off, the encoder's features.
        downsampling: Strides, or max-pooling as in Matching Networks at five times the cost.
        optimisation: Optimiser and schedule.
    """
    encoder = Conv4(downsampling=downsampling)
    learner = ContrastiveEncoder(
        encoder, encoder.num_features, temperature=temperature, projects_at_test=projects_at_test
    )
    characters = EpisodeCharacters(split=split, final=final)

    def drawings(data_root: Path | None) -> ContrastivePairs:
        images, _ = omniglot.load(data_root)
        upright = torch.as_tensor(images[part_classes(split, characters.part)]).flatten(0, 1)
        augmentation = Augmentation().times(strength)._replace(erased=erased)
        return ContrastivePairs(rotated_classes(upright) if rotations else upright, pairs, augmentation)

    source: TrainingSource = drawings
    return replace(episodes_experiment(learner, Layout(), characters, optimisation), train=source)
