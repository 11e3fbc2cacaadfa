"""The characters that a recipe trains on, and how their drawings are changed: one group of options for all recipes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quickstudy.core import TaskSource, TrainingSource
from quickstudy.datasets import omniglot
from quickstudy.sources.generated_tasks import fixed_glyphs, glyph_episodes, turned_glyphs
from quickstudy.sources.omniglot_tasks import omniglot_episodes, omniglot_sequences
from quickstudy.sources.parts import TEST_LAYOUTS, Parts, Split, part_classes, refuse_size
from quickstudy.sources.pools import Pool, mixed, pooled, refuse_pool
from quickstudy.tasks import (
    Augmentation,
    Episodes,
    GeneratedEpisodes,
    GeneratedSequences,
    InstanceSequences,
    Jitter,
    Layout,
    SequenceLayout,
    changed_images,
    mirrored_classes,
    rotated_classes,
    warped_classes,
)

_WARP = Augmentation(degrees=30, shift=0, scale=0.2, stretch=0.5, shear=0.5, displacement=2, pen=0)
"""How far the drawings of a class are warped to make a new class, at 28 pixels."""
_FIXED_GLYPHS = 4_000, 10
"""Generated classes, and drawings of each, where they are the same in all steps."""


@dataclass(frozen=True, kw_only=True)
class Characters:
    """Omniglot's characters for training, in four rotations, and how their drawings are changed."""

    split: Split = "lake"
    """Characters to train on. Those of lake are unseen in the tests of both splits."""
    final: bool = True
    """Train on the validation characters too, and validate on generated characters. Switch it off to tune."""
    jitter: bool = True
    """Turn, shift and scale each training image a little."""
    distortion: float = 0.0
    """Strength of elastic distortion of each training image, used instead of jitter; 1 is strong."""
    generated: float = 0.0
    """Share of steps whose characters are generated, new ones in each step."""
    copies: int = 0
    """Warped copies of each class. All drawings of a copy are warped in the same way, so it is a new class."""
    mirrored: bool = False
    """Train on the mirror image of each character too, as a class of its own."""

    @property
    def part(self) -> Parts:
        """The part of the split that is trained on."""
        return "train and validation" if self.final else "train"

    def classes(self, data_root: Path | None, size: int) -> Tensor:
        """Images of the training classes: (classes, drawings, size, size).

        Args:
            data_root: Folder with the data sets, if not the usual one.
            size: Side of an image in pixels.
        """
        images, _ = omniglot.load(data_root, size)
        chosen = images[part_classes(self.split, self.part)]
        upright = mirrored_classes(chosen) if self.mirrored else torch.as_tensor(chosen)
        warp = _WARP._replace(displacement=_WARP.displacement * size / 28)
        return rotated_classes(warped_classes(upright, self.copies, warp, torch.Generator().manual_seed(0)))


@dataclass(frozen=True, kw_only=True)
class EpisodeCharacters(Characters):
    """The same for N-way K-shot episodes."""

    distortion: float = 0.0
    """Strength of elastic distortion of each training image, used instead of jitter but for its shifts; 1 is strong."""
    pool: Pool | None = None
    """Classes, and drawings of each, that all tasks of a step share. None gives each task its own drawings."""
    change_once: bool = False
    """Change each training image once, not anew in each step; an encoder frozen to the end then reads it once."""

    def __post_init__(self) -> None:
        """Refuse a pool that no task can be made of."""
        refuse_pool(self.pool)

    def training(self, layout: Layout) -> TrainingSource:
        """Episodes for training.

        Args:
            layout: Ways, shots and queries of an episode.
        """
        if self.change_once:
            return functools.partial(self._changed_once, layout)
        layout = layout._replace(jitter=self.change())

        def source(data_root: Path | None) -> Any:
            drawn = pooled(Episodes, self.classes(data_root, 28), layout, self.pool)
            return mixed(drawn, self.generated, lambda: pooled(GeneratedEpisodes, turned_glyphs, layout, self.pool))

        return source

    def _changed_once(self, layout: Layout, data_root: Path | None) -> Any:
        generator = torch.Generator().manual_seed(0)

        def fixed(images: Tensor) -> Any:
            changed = changed_images(images, self.change(), generator)
            return pooled(Episodes, changed, layout, self.pool)

        drawn = fixed(self.classes(data_root, 28))
        return mixed(drawn, self.generated, lambda: fixed(turned_glyphs(*_FIXED_GLYPHS, generator)))

    def change(self) -> Jitter | Augmentation | None:
        """How each training image is changed at random."""
        if not self.distortion:
            return Jitter() if self.jitter else None
        distorted = Augmentation().times(self.distortion)
        return distorted._replace(shift=max(distorted.shift, Jitter().shift)) if self.jitter else distorted

    def validation(self, layout: Layout) -> TaskSource:
        """Episodes for validation: of the validation characters, or generated ones if those are trained on.

        Args:
            layout: Ways, shots and queries of an episode.
        """
        if self.final:
            return glyph_episodes("validation", layout)
        return omniglot_episodes(self.split, "validation", layout)

    def tests(self, layouts: Mapping[str, Layout] = TEST_LAYOUTS) -> dict[str, TaskSource]:
        """Episodes of the test characters, by title.

        Args:
            layouts: Layouts of the tests by title.
        """
        return {title: omniglot_episodes(self.split, "test", layout) for title, layout in layouts.items()}


@dataclass(frozen=True, kw_only=True)
class SequenceCharacters(Characters):
    """The same for sequences of drawings, which learners read pixel by pixel."""

    split: Split = "vinyals"
    """Characters to train on. Those of lake are unseen in the tests of both splits."""
    size: int = 20
    """Side of an image in pixels."""

    def __post_init__(self) -> None:
        """Refuse sizes that Omniglot's drawings do not have."""
        refuse_size(self.size)

    def training(self, layout: SequenceLayout) -> TrainingSource:
        """Sequences for training.

        Args:
            layout: Classes and drawings of a sequence, and its labels.
        """
        distorted = Augmentation(shift=1.5, displacement=1.1).times(self.distortion) if self.distortion else None
        layout = layout._replace(jitter=distorted or (Jitter(shift=1.5) if self.jitter else None))

        def source(data_root: Path | None) -> Any:
            drawn = InstanceSequences(self.classes(data_root, self.size), layout)
            glyphs = functools.partial(turned_glyphs, size=self.size)
            return mixed(drawn, self.generated, lambda: GeneratedSequences(glyphs, layout))

        return source

    def validation(self, layout: SequenceLayout) -> TaskSource:
        """Sequences for validation: of the validation characters, or generated ones if those are trained on.

        Args:
            layout: Classes and drawings of a sequence, and its labels.
        """
        if not self.final:
            return omniglot_sequences(self.split, "validation", layout, size=self.size)
        return lambda data_root: InstanceSequences(fixed_glyphs("validation", self.size), layout)

    def test(self, layout: SequenceLayout) -> TaskSource:
        """Sequences of the test characters.

        Args:
            layout: Classes and drawings of a sequence, and its labels.
        """
        return omniglot_sequences(self.split, "test", layout, size=self.size)
