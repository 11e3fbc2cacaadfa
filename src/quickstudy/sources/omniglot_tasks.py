"""Episodes and sequences over the characters of one part of Omniglot."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from quickstudy.core import TaskSource
from quickstudy.datasets import omniglot
from quickstudy.sources.parts import Parts, Split, part_classes
from quickstudy.tasks import Episodes, InstanceSequences, Layout, SequenceLayout, rotated_classes

Labels = Literal["one-hot", "strings"]
"""How the classes of a sequence are named: each its own place, or a string of five letters."""


def omniglot_episodes(
    split: Split,
    part: Parts,
    layout: Layout,
    *,
    rotations: bool = False,
    within_alphabet: bool = False,
    size: int = 28,
) -> TaskSource:
    """Episodes over the characters of one part of a split.

    Args:
        split: Which characters are in which part.
        part: The part to draw from.
        layout: Ways, shots and queries of an episode.
        rotations: Whether each character is four classes, one for each rotation by a quarter turn.
        within_alphabet: Whether all classes of an episode are from one alphabet.
        size: Side of an image in pixels.
    """

    def source(data_root: Path | None) -> Episodes:
        classes = part_classes(split, part)
        images, names = omniglot.load(data_root, size)
        upright = torch.as_tensor(images[classes])
        chosen = rotated_classes(upright) if rotations else upright
        alphabets = np.tile(omniglot.alphabets(names)[classes], len(chosen) // len(upright))
        return Episodes(chosen, layout, groups=alphabets if within_alphabet else None)

    return source


def omniglot_sequences(
    split: Split, part: Parts, layout: SequenceLayout, *, rotations: bool = False, size: int = 20
) -> TaskSource:
    """Sequences over the characters of one part of a split.

    Args:
        split: Which characters are in which part.
        part: The part to draw from.
        layout: Classes and drawings of a sequence, and its labels.
        rotations: Whether each character is four classes, one for each rotation by a quarter turn.
        size: Side of an image in pixels.
    """

    def source(data_root: Path | None) -> InstanceSequences:
        images, _ = omniglot.load(data_root, size)
        upright = torch.as_tensor(images[part_classes(split, part)])
        return InstanceSequences(rotated_classes(upright) if rotations else upright, layout)

    return source


def sequence_labels(labels: Labels) -> Literal["indices", "strings"]:
    """The labels of a sequence task for labels of this kind.

    Args:
        labels: How a learner reads the labels.
    """
    return "indices" if labels == "one-hot" else "strings"
