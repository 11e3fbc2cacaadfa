"""Episodes over generated characters: new ones in each step to train on, a fixed thousand classes for tests."""

import functools
from pathlib import Path

import torch
from torch import Tensor

from quickstudy.core import TaskSource, TrainingSource
from quickstudy.datasets import glyphs
from quickstudy.sources.parts import Part
from quickstudy.sources.pools import Pool, pooled, refuse_pool
from quickstudy.tasks import Episodes, GeneratedEpisodes, Layout, rotated_classes

GLYPH_SEEDS = {"validation": 1, "test": 2}
"""Seeds of the generated characters that are not for training."""
_GLYPH_CLASSES = 1000


def glyph_episodes(part: Part, layout: Layout, size: int = 28) -> TaskSource:
    """Episodes over generated characters.

    Args:
        part: New characters in each step for training, else a fixed thousand classes.
        layout: Ways, shots and queries of an episode.
        size: Side of an image in pixels.
    """

    def source(data_root: Path | None) -> Episodes | GeneratedEpisodes:
        if part == "train":
            return GeneratedEpisodes(functools.partial(turned_glyphs, size=size), layout)
        return Episodes(fixed_glyphs(part, size), layout)

    return source


def generated_training(layout: Layout, pool: Pool | None = None) -> TrainingSource:
    """Episodes of generated characters for training, new ones in each step.

    Args:
        layout: Ways, shots and queries of an episode.
        pool: Classes, and drawings of each, that all tasks of a step share.

    Raises:
        UserError: if no task can be made of the pool.
    """
    refuse_pool(pool)
    return lambda _: pooled(GeneratedEpisodes, turned_glyphs, layout, pool)


def fixed_glyphs(part: Part, size: int = 28) -> Tensor:
    """The thousand classes of generated characters of a part: (classes, drawings, size, size).

    Args:
        part: The validation or the test.
        size: Side of an image in pixels.
    """
    return _fixed_glyphs(GLYPH_SEEDS[part], size)


@functools.cache
def _fixed_glyphs(seed: int, size: int) -> Tensor:
    return glyphs.load(_GLYPH_CLASSES, seed=seed, size=size)


def turned_glyphs(num_classes: int, num_drawings: int, generator: torch.Generator, size: int = 28) -> Tensor:
    """New generated characters, (classes, drawings, size, size); a random rotation of each class makes them vary more.

    Args:
        num_classes: Classes to make.
        num_drawings: Drawings of each class.
        generator: Draws all that is random.
        size: Side of an image in pixels.
    """
    images = glyphs.sample(num_classes, num_drawings, generator, size)
    turned = rotated_classes(images).view(4, *images.shape)
    quarters = torch.randint(4, (num_classes,), generator=generator, device=images.device)
    return turned[quarters, torch.arange(num_classes, device=images.device)]
