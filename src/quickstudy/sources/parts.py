"""Which classes are in which part of a split, and what the tests of all characters share."""

from typing import Literal

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets import omniglot
from quickstudy.tasks import Layout

Split = Literal["lake", "vinyals"]
Part = Literal["train", "validation", "test"]
Parts = Part | Literal["train and validation"]

INK = (0.0, 1.0)
"""What the numbers of a drawing lie between: paper is zero, ink one."""

TEST_LAYOUTS = {f"{ways}-way {shots}-shot": Layout(ways, shots) for ways in (5, 20) for shots in (1, 5)}
"""The field's four settings, 15 queries a class."""


def part_classes(split: Split, part: Parts) -> np.ndarray:
    """The indices of the characters of one part of a split, or of two.

    Args:
        split: Which characters are in which part.
        part: The part, or two of them.
    """
    return np.concatenate([getattr(omniglot.split(split), name) for name in part.split(" and ")])


def refuse_size(size: int) -> None:
    """Refuse a size that Omniglot's drawings do not have.

    Args:
        size: Side of an image in pixels.

    Raises:
        UserError: if they do not have it.
    """
    if not 8 <= size <= omniglot.ORIGINAL_SIZE:
        raise UserError(f"size = {size} was given, but 8 to {omniglot.ORIGINAL_SIZE} pixels were expected.")
