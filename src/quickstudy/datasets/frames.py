"""The frame of drawings: where their ink lies in a square image, and how large it is there.

The drawings of a task share one frame. So drawings of one class do not differ in size by how near the edge their ink
comes, and a query is read as the examples were.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quickstudy.datasets.drawings import LARGEST_SIDE, USUAL_SIDE, Ink, Invert, framed

_THICK = 0.085
"""Width of a stroke, as a share of the longer side of the ink: most of Omniglot's drawings have thinner strokes."""
_POWER, _SMALLEST_SIDE = 0.55, 0.4
"""Ink with thick strokes is made smaller. A full correction would leave too few pixels for the shape. LOG.md has the
measurement."""


class Frame(NamedTuple):
    """How the drawings of a task are put into a square."""

    is_moved: bool
    """Whether the ink of every drawing is moved to the middle and scaled."""
    side: float
    """Longer side of ink that is moved, as a share of the square's side."""
    moves_photographs: bool = True
    """Whether the ink of photographs is moved in any case."""

    def apply(self, ink: Ink, size: int) -> np.ndarray:
        """A drawing in this frame: (size, size) float32 from 0 to 1.

        Args:
            ink: What `find_ink` found in the image.
            size: Pixels on a side.
        """
        is_moved = self.is_moved or (self.moves_photographs and ink.is_photo)
        return framed(ink, size, reframe=is_moved, side=self.side)


def common_frame(inks: Sequence[Ink], invert: Invert = "auto", reframe: Invert = "auto") -> Frame:
    """The frame of these drawings. It moves their ink if in more than half of them the ink reaches from edge to edge.

    Args:
        inks: What `find_ink` found in each image.
        invert: How the ink was found. Only with "auto" does the frame depend on the drawings.
        reframe: True or False decides whether the ink is moved.
    """
    side = usual_side(inks) if invert == "auto" else USUAL_SIDE
    if isinstance(reframe, bool):
        return Frame(reframe, side, moves_photographs=reframe)
    reaches_edges = invert == "auto" and bool(np.median([ink.longer_side for ink in inks] or [0]) > LARGEST_SIDE)
    return Frame(reaches_edges, side)


def usual_side(inks: Sequence[Ink]) -> float:
    """The longer side of moved ink, as a share of the square's: smaller where strokes are thick.

    Args:
        inks: What `find_ink` found in each image. Blank images do not count.
    """
    widths = [width for width in map(stroke_width, inks) if width is not None]
    if not widths:
        return USUAL_SIDE
    return float(np.clip(USUAL_SIDE * (_THICK / np.median(widths)) ** _POWER, _SMALLEST_SIDE, USUAL_SIDE))


def stroke_width(ink: Ink) -> float | None:
    """The mean width of a drawing's strokes, as a share of the longer side of its ink. None without ink.

    A stroke has two edges, so its width is twice its area over the length of its edges. Across an edge the ink rises
    from 0 to 1, so the sum of the gradients is the length of the edges, also of grey ones.

    Args:
        ink: What `find_ink` found in the image.
    """
    if ink.box is None:
        return None
    top, left, bottom, right = ink.box
    shades = np.pad(np.abs(ink.shades[top:bottom, left:right]), 1)
    edges = np.hypot(np.diff(shades, axis=0)[:, :-1], np.diff(shades, axis=1)[:-1]).sum()
    return float(2 * shades.sum() / edges / max(bottom - top, right - left))
