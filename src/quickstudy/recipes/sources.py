"""Where a recipe's tasks come from: a data set, the part of it, and the episodes drawn from that part.

Data are read when tasks are sampled, not before, so weights load without them.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import TaskSource, UserError
from quickstudy.datasets import glyphs, image_folder, omniglot
from quickstudy.tasks import (
    Episodes,
    GeneratedEpisodes,
    InstanceSequences,
    Layout,
    SequenceLayout,
    rotated_classes,
)
from quickstudy.tasks.sampling import highest

Split = Literal["lake", "vinyals"]
Part = Literal["train", "validation", "test"]
Parts = Part | Literal["train and validation"]

Pool = tuple[int, int]
"""Classes, and drawings of each, that all tasks of a step share."""

Labels = Literal["one-hot", "strings"]
"""How the classes of a sequence are named: each its own place, or a string of five letters."""

INK = (0.0, 1.0)
"""What the numbers of a drawing lie between: paper is zero, ink one."""

TEST_LAYOUTS = {f"{ways}-way {shots}-shot": Layout(ways, shots) for ways in (5, 20) for shots in (1, 5)}
"""The field's four settings, 15 queries a class."""

GLYPH_SEEDS = {"validation": 1, "test": 2}
"""Seeds of the generated characters that are not for training."""
_GLYPH_CLASSES = 1000


def omniglot_episodes(
    split: Split,
    part: Parts,
    layout: Layout,
    *,
    rotations: bool = False,
    within_alphabet: bool = False,
    size: int = 28,
) -> TaskSource:
    """Episodes over the characters of one part of a split; with rotations, four classes for each character."""

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
    """Sequences over the characters of one part of a split; with rotations, four classes for each character."""

    def source(data_root: Path | None) -> InstanceSequences:
        images, _ = omniglot.load(data_root, size)
        upright = torch.as_tensor(images[part_classes(split, part)])
        return InstanceSequences(rotated_classes(upright) if rotations else upright, layout)

    return source


def refuse_size(size: int) -> None:
    """Raise UserError where Omniglot's drawings have no such size."""
    if not 8 <= size <= omniglot.ORIGINAL_SIZE:
        raise UserError(f"size = {size} was given, but 8 to {omniglot.ORIGINAL_SIZE} pixels were expected.")


def sequence_labels(labels: Labels) -> Literal["indices", "strings"]:
    """The labels of a sequence task for this kind of labels."""
    return "indices" if labels == "one-hot" else "strings"


def glyph_episodes(part: Part, layout: Layout, size: int = 28) -> TaskSource:
    """Episodes over generated characters: new ones all the time to train on, else a fixed thousand classes."""

    def source(data_root: Path | None) -> Episodes | GeneratedEpisodes:
        if part == "train":
            return GeneratedEpisodes(functools.partial(turned_glyphs, size=size), layout)
        return Episodes(fixed_glyphs(part, size), layout)

    return source


def fixed_glyphs(part: Part, size: int = 28) -> Tensor:
    """The thousand classes of generated characters for validation or for the test."""
    return _fixed_glyphs(GLYPH_SEEDS[part], size)


@functools.cache
def _fixed_glyphs(seed: int, size: int) -> Tensor:
    return glyphs.load(_GLYPH_CLASSES, seed=seed, size=size)


def turned_glyphs(num_classes: int, num_drawings: int, generator: torch.Generator, size: int = 28) -> Tensor:
    """New generated characters; each class is turned by a random number of quarters, so classes vary more."""
    images = glyphs.sample(num_classes, num_drawings, generator, size)
    turned = rotated_classes(images).view(4, *images.shape)
    quarters = torch.randint(4, (num_classes,), generator=generator, device=images.device)
    return turned[quarters, torch.arange(num_classes, device=images.device)]


def folder_episodes(
    folder: Path, layout: Layout, size: int = 28, *, skip_small: bool = False, say: Callable[[str], object] = print
) -> TaskSource:
    """Episodes over a folder of images, one sub-folder a class, read at this size.

    Classes with too few images are refused by name, or left out and reported by `say`.
    """

    def source(data_root: Path | None) -> Episodes:
        images, num_drawings, names = image_folder.load(folder, size)
        needed = highest(layout.shots) + layout.queries
        is_small = num_drawings < needed
        small = ", ".join(f"{names[index]} ({num_drawings[index]})" for index in np.flatnonzero(is_small))
        if small and not skip_small:
            raise UserError(
                f"{highest(layout.shots)} shots and {layout.queries} queries need {needed} images of every class, but "
                f"{folder} has fewer of: {small}. Lower --shots or --queries, add images, or leave these classes out "
                "with --skip-small."
            )
        if small:
            say(f"left out, having too few images: {small}")
        kept = ~is_small
        return Episodes(images[kept], layout, num_examples=num_drawings[kept])

    return source


def part_classes(split: Split, part: Parts) -> np.ndarray:
    """The characters of one part of a split, or of two."""
    return np.concatenate([getattr(omniglot.split(split), name) for name in part.split(" and ")])
