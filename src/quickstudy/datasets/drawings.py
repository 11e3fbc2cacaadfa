"""Pictures of drawings become what the learners of drawings were trained on: ink on nothing, with a margin."""

import os
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from quickstudy.datasets.paper import Paper, border_of, find_paper
from quickstudy.datasets.resampling import resample, shrink
from quickstudy.datasets.shades import read_any

if TYPE_CHECKING:
    from PIL.Image import Image

Invert = Literal["auto"] | bool

USUAL_SIDE, LARGEST_SIDE = 0.64, 0.9
"""The longer side of the ink, as a share of the picture's: half of Omniglot's drawings are larger than the first, one
in a hundred is larger than the second."""

_BLANK = 0.06  # Less contrast than this is no ink.
_SEEN = 0.2  # Where ink begins, as a share of the strongest.
_PHOTO_SIDES = (512, 256, 128)  # Of a photograph no more than so many pixels a side are looked at, the fewer the more
_GRAINY = 0.02  # it is grained.
_PALE, _DARK = 0.35, 0.65  # In photographs paler shares of the strongest ink are paper, darker ones are all ink.


class Ink(NamedTuple):
    """What stands out from the ground of a picture (H, W)."""

    shades: np.ndarray
    """Strength of the ink at each pixel, (H, W); 0 where there is none."""
    ground: float = 0.0
    """Shade of the ground, to which the ink is added."""
    """What it stands out from, and is added to."""
    is_photo: bool = False
    """Whether the picture is a photograph or a scan of paper."""

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """Top, left, bottom and right of the ink; None where there is none."""
        seen = np.abs(self.shades) > _SEEN
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if len(rows) == 0:
            return None
        return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1

    @property
    def longer_side(self) -> float:
        """Longer side of the box, as a share of the picture's longer side; the usual one if there is no ink."""
        if self.box is None:
            return USUAL_SIDE
        top, left, bottom, right = self.box
        return max(bottom - top, right - left) / max(self.shades.shape)


def prepare_drawing(
    image: "np.ndarray | Image | os.PathLike[str] | str",
    size: int = 28,
    *,
    invert: Invert = "auto",
    reframe: Literal["auto"] | bool = "auto",
) -> np.ndarray:
    """Return a drawing as the learners of drawings read it: (size, size) float32, ink 1 on 0.

    docs/images.md says how the ink is found and framed.

    Args:
        image: a file, a PIL image, or an array (H, W) or (H, W, channels) of booleans, bytes, 16-bit numbers, or floats
            from 0 to 1.
        size: pixels on a side.
        invert: whether ink is darker than paper. "auto" finds the ink by its contrast with the border, and makes the
            strongest 1; else shades and place stay as they are.
        reframe: whether to put the ink into the middle, at the size of the training data. "auto" does so in
            photographs, and where the ink reaches from edge to edge.

    Raises:
        ValueError: the size is not positive, or an option is none of its three.
        DataError: the image cannot be read.
    """
    from quickstudy.datasets.frames import common_frame  # Which imports this module.

    refuse_options(size, invert, reframe)
    ink = find_ink(read_any(image), invert)
    return common_frame([ink], invert, reframe).apply(ink, size)


def refuse_options(size: int, invert: object, reframe: object) -> None:
    """Raise ValueError if an option is not valid.

    Args:
        size: Pixels on a side.
        invert: Whether ink is darker than paper, as for `prepare_drawing`.
        reframe: Whether to centre the ink, as for `prepare_drawing`.

    Raises:
        ValueError: the size is not positive, or an option is none of its three.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}.")
    for name, given in (("invert", invert), ("reframe", reframe)):
        if given not in ("auto", True, False):
            raise ValueError(f'{name} must be "auto", True or False, not {given!r}.')


def find_ink(grey: np.ndarray, invert: Invert = "auto") -> Ink:
    """Separate the ink from the paper.

    Args:
        grey: Shades of grey (H, W) from 0, black, to 1, white.
        invert: Whether ink is darker than paper, as for `prepare_drawing`.
    """
    if invert != "auto":
        raw = 1 - grey if invert else grey
        ground = float(np.median(border_of(raw)))
        return Ink(raw - ground, ground)
    photo: tuple[np.ndarray, Paper] | None = None
    for side in _PHOTO_SIDES:
        reduced = shrink(grey, side)
        paper = find_paper(reduced)
        if paper is None:
            break
        photo = reduced, paper
        if paper.grain < _GRAINY:
            break
    if photo is not None:
        return Ink(_ink_on_paper(*photo), is_photo=True)
    contrast = _stronger(grey - np.median(border_of(grey)))
    strongest = contrast.max()
    return Ink(contrast / strongest if strongest >= _BLANK else np.zeros_like(grey))


def framed(ink: Ink, size: int, *, reframe: bool, side: float = USUAL_SIDE) -> np.ndarray:
    """The ink on a square, (size, size) float32 from 0 to 1.

    Args:
        ink: The ink.
        size: Pixels on a side.
        reframe: Put the ink into the middle at the size of the training data. Switched off, it keeps its place in the
            picture.
        side: Longer side of ink that is put into the middle, as a share of the square's.
    """
    height, width = ink.shades.shape
    window: float = max(height, width)
    top, left = -((window - height) // 2), -((window - width) // 2)
    if reframe and ink.box is not None:
        first, start, last, end = ink.box
        window = max(last - first, end - start) / side
        top, left = (first + last - window) / 2, (start + end - window) / 2
    return np.clip(resample(ink.shades, size, top, left, window) + np.float32(ink.ground), 0, 1)


def _ink_on_paper(grey: np.ndarray, paper: Paper) -> np.ndarray:
    """What stands out from the paper: nothing that is much paler than the strongest, such as ruled lines."""
    # On bright paper light that falls off dims the ink as it does the paper; of a dark board little is left to dim.
    brightness = max(float(np.median(paper.shades)), 0.5)
    lit = paper.shades if brightness > 0.5 else np.float32(1)
    contrast = _stronger((grey - paper.shades) / lit)
    strongest = np.sort(contrast, axis=None)[-max(10, contrast.size // 500) :].mean()
    if strongest < max(_BLANK, 5 * paper.grain / brightness):
        return np.zeros_like(grey)
    return np.clip((contrast / strongest - _PALE) / (_DARK - _PALE), 0, 1)


def _stronger(difference: np.ndarray) -> np.ndarray:
    """What is darker than the ground or what is brighter, whichever stands out more."""
    return np.maximum(difference if difference.max() > -difference.min() else -difference, 0)
