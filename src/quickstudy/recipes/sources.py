"""Where a recipe's tasks come from: a data set, the part of it, and the episodes drawn from that part.

Nothing is read before the tasks are asked for, so weights load without their data.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import TaskSource, TrainingSource, UserError
from quickstudy.datasets import glyphs, image_folder, omniglot
from quickstudy.tasks import (
    Augmentation,
    Episodes,
    GeneratedEpisodes,
    GeneratedSequences,
    InstanceSequences,
    Jitter,
    Layout,
    Mixture,
    SequenceLayout,
    SharedEpisodes,
    mirrored_classes,
    rotated_classes,
    warped_classes,
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

_ANOTHER_CHARACTER = Augmentation(degrees=30, shift=0, scale=0.2, stretch=0.5, shear=0.5, displacement=2, pen=0)
"""How far the drawings of a class are warped to make a new class, at 28 pixels."""
_GLYPH_SEEDS = {"validation": 1, "test": 2}
_GLYPH_CLASSES = 1000


def omniglot_episodes(
    split: Split,
    part: Parts,
    layout: Layout,
    *,
    rotations: bool = False,
    copies: int = 0,
    within_alphabet: bool = False,
    size: int = 28,
) -> TaskSource:
    """Episodes over the characters of one part of a split; with rotations, four classes for each character.

    `copies` adds warped copies of each class: all drawings of a copy are warped in the same way.
    """

    def source(data_root: Path | None) -> Episodes:
        classes = part_classes(split, part)
        images, names = omniglot.load(data_root, size)
        chosen = _further_classes(images[classes], copies, rotations)
        alphabets = omniglot.alphabets(names)[classes]
        groups = np.tile(alphabets, len(chosen) // len(classes)) if within_alphabet else None
        return Episodes(chosen, layout, groups=groups)

    return source


def omniglot_sequences(
    split: Split,
    part: Parts,
    layout: SequenceLayout,
    *,
    rotations: bool = False,
    copies: int = 0,
    mirrored: bool = False,
    size: int = 20,
) -> TaskSource:
    """Sequences over the characters of one part of a split, which are as those of `omniglot_episodes`."""

    def source(data_root: Path | None) -> InstanceSequences:
        images, _ = omniglot.load(data_root, size)
        chosen = _further_classes(images[part_classes(split, part)], copies, rotations, mirrored)
        return InstanceSequences(chosen, layout)

    return source


def _further_classes(images: np.ndarray, copies: int, rotations: bool, mirrored: bool = False) -> Tensor:
    """The classes, their mirror images, those made of all these by bending, and everything in four rotations."""
    upright = mirrored_classes(images) if mirrored else torch.as_tensor(images)
    change = _ANOTHER_CHARACTER._replace(displacement=_ANOTHER_CHARACTER.displacement * images.shape[-1] / 28)
    classes = warped_classes(upright, copies, change, torch.Generator().manual_seed(0))
    return rotated_classes(classes) if rotations else classes


def sequence_training(
    split: Split,
    final: bool,
    layout: SequenceLayout,
    size: int,
    generated: float = 0.0,
    copies: int = 0,
    mirrored: bool = False,
) -> TrainingSource:
    """Sequences to train on: rotated classes, of the validation alphabets too if this is the final training.

    `copies` adds warped copies of each class, `mirrored` its mirror image. `generated` is the share of steps whose
    characters are generated instead, new ones every time.
    """
    part = _training_part(final)
    drawn = omniglot_sequences(split, part, layout, rotations=True, copies=copies, mirrored=mirrored, size=size)
    draw = functools.partial(_turned_glyphs, size=size)
    return _with_generated(drawn, lambda _: GeneratedSequences(draw, layout), generated)


def sequence_validation(split: Split, final: bool, layout: SequenceLayout, size: int) -> TaskSource:
    """Sequences for validation: of the validation classes, or of glyphs in a final training."""
    if not final:
        return omniglot_sequences(split, "validation", layout, size=size)
    return lambda data_root: InstanceSequences(_fixed_glyphs(_GLYPH_SEEDS["validation"], size), layout)


def refuse_size(size: int) -> None:
    """Raise UserError where Omniglot's drawings have no such size."""
    if not 8 <= size <= omniglot.ORIGINAL_SIZE:
        raise UserError(f"Images of {size}×{size} pixels were asked for, but 8 to {omniglot.ORIGINAL_SIZE} can be had.")


def sequence_labels(labels: Labels) -> Literal["indices", "strings"]:
    """What a sequence must bring for its labels to be read so."""
    return "indices" if labels == "one-hot" else "strings"


def omniglot_training(
    split: Split, final: bool, layout: Layout, pool: Pool | None = None, generated: float = 0.0, copies: int = 0
) -> TrainingSource:
    """Episodes to train on: rotated classes, of the validation alphabets too if this is the final training.

    `copies` adds warped copies of each class: all drawings of a copy are warped in the same way. `generated` is the
    share of steps whose characters are generated instead, new ones every time.
    """
    part = _training_part(final)
    drawn = _sharing(lambda inner: omniglot_episodes(split, part, inner, rotations=True, copies=copies), layout, pool)
    return _with_generated(drawn, glyph_training(layout, pool), generated)


def _with_generated(drawn: TrainingSource, made: TrainingSource, share: float) -> TrainingSource:
    """Tasks that are drawn from data, and for a share of the steps such as are made."""
    if not 0 <= share < 1:
        raise UserError(f"A share of {share} generated characters was asked for, but 0 up to below 1 was expected.")
    if share == 0:
        return drawn
    return lambda data_root: Mixture([drawn(data_root), made(data_root)], [1 - share, share])


def omniglot_validation(split: Split, final: bool, layout: Layout) -> TaskSource:
    """Episodes for validation: of the validation alphabets, or of glyphs in a final training."""
    return glyph_episodes("validation", layout) if final else omniglot_episodes(split, "validation", layout)


def training_change(jitter: bool, distortion: float) -> Jitter | Augmentation | None:
    """How each training image is changed: elastic distortion of this strength, or else jitter."""
    return Augmentation().times(distortion) if distortion else Jitter() if jitter else None


def glyph_training(layout: Layout, pool: Pool | None = None) -> TrainingSource:
    """Episodes over new generated characters all the time."""
    return _sharing(lambda inner: glyph_episodes("train", inner), layout, pool)


def _sharing(episodes: Callable[[Layout], TaskSource], layout: Layout, pool: Pool | None) -> TrainingSource:
    """These episodes themselves, or of each step's pool of them as many tasks as that step wants."""
    if pool is None:
        return episodes(layout)
    classes, drawings = pool
    if drawings < 2:
        raise UserError(f"A pool of {drawings} drawings of a class was asked for, but a task needs two: one to learn.")
    whole = episodes(Layout(classes, 1, drawings - 1, jitter=layout.jitter))

    def source(data_root: Path | None) -> SharedEpisodes:
        drawn: Any = whole(data_root)
        return SharedEpisodes(drawn, layout._replace(jitter=None))

    return source


def glyph_episodes(part: Part, layout: Layout, size: int = 28) -> TaskSource:
    """Episodes over generated characters: new ones all the time to train on, else a fixed thousand classes."""

    def source(data_root: Path | None) -> Episodes | GeneratedEpisodes:
        if part == "train":
            return GeneratedEpisodes(functools.partial(_turned_glyphs, size=size), layout)
        return Episodes(_fixed_glyphs(_GLYPH_SEEDS[part], size), layout)

    return source


@functools.cache
def _fixed_glyphs(seed: int, size: int = 28) -> Tensor:
    return glyphs.load(_GLYPH_CLASSES, seed=seed, size=size)


def _turned_glyphs(num_classes: int, num_drawings: int, generator: torch.Generator, size: int = 28) -> Tensor:
    """New glyphs, each class turned by a random number of quarters: more kinds than the pen's habits allow."""
    images = glyphs.sample(num_classes, num_drawings, generator, size)
    turned = rotated_classes(images).view(4, *images.shape)
    quarters = torch.randint(4, (num_classes,), generator=generator, device=images.device)
    return turned[quarters, torch.arange(num_classes, device=images.device)]


def folder_episodes(
    folder: Path, layout: Layout, size: int = 28, *, skip_small: bool = False, say: Callable[[str], object] = print
) -> TaskSource:
    """Episodes over a folder of images, one sub-folder a class, read at this size.

    Classes with too few images are refused by name, or left out and told of by `say`.
    """

    def source(data_root: Path | None) -> Episodes:
        images, num_drawings, names = image_folder.load(folder, size)
        needed = highest(layout.shots) + layout.queries
        is_small = num_drawings < needed
        small = ", ".join(f"{names[index]} ({num_drawings[index]})" for index in np.flatnonzero(is_small))
        if small and not skip_small:
            raise UserError(
                f"{layout.shots} shots and {layout.queries} queries need {needed} images of every class, but {folder} "
                f"has fewer of: {small}. Lower --shots or --queries, add images, or leave these classes out with "
                "--skip-small."
            )
        if small:
            say(f"left out, having too few images: {small}")
        kept = ~is_small
        return Episodes(images[kept], layout, num_examples=num_drawings[kept])

    return source


def _training_part(final: bool) -> Parts:
    return "train and validation" if final else "train"


def part_classes(split: Split, part: Parts) -> np.ndarray:
    """The characters of one part of a split, or of two."""
    return np.concatenate([getattr(omniglot.split(split), name) for name in part.split(" and ")])


def training_classes(split: Split, final: bool) -> np.ndarray:
    """The characters that a training on a split draws from, those of the validation too if it is the final one."""
    return part_classes(split, _training_part(final))
