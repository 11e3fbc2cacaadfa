"""Arrays of images become drawings as the learners of drawings read them, queries in the frame of the examples."""

import math
from typing import Any, NamedTuple

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.datasets.drawings import Ink, find_ink
from quickstudy.datasets.frames import Frame, common_frame
from quickstudy.datasets.shades import read_any

_CHANNELS = (1, 3, 4)

_OTHER_SCALE = 2
"""A number that is so many times white is of another scale: white was the highest number of a few examples."""


class DrawingReader(NamedTuple):
    """How the images of a task are read. The examples decide it, and queries are read in the same way."""

    image_shape: tuple[int, ...]
    """Rows, columns and, if any, channels."""
    white: float
    """The number of the brightest paper."""
    frame: Frame
    """Where the ink is put."""
    size: int
    """Side of the drawings, in pixels."""

    @classmethod
    def of(cls, images: np.ndarray, size: int) -> "DrawingReader":
        """The reader for these examples.

        Args:
            images: (n, H, W) or (n, H, W, channels).
            size: Side of the drawings, in pixels.
        """
        white = white_of(images)
        reader = cls(images.shape[1:], white, Frame(False, 1.0), size)
        return reader._replace(frame=common_frame(reader._inks(images)))

    def read(self, images: np.ndarray) -> np.ndarray:
        """Drawings (n, 1, size, size) float32, ink 1 on 0.

        Args:
            images: (n, H, W) or (n, H, W, channels), of the shape of the examples.

        Raises:
            UserError: if the images have another shape, or numbers of another scale.
        """
        if images.shape[1:] != self.image_shape:
            raise UserError(
                f"Images of shape {images.shape[1:]} came, but the examples have {self.image_shape}. Give all images "
                "one shape."
            )
        highest = float(images.max()) if images.size else 0.0
        if highest > _OTHER_SCALE * self.white or 0 < highest <= 1 < self.white / _OTHER_SCALE:
            raise UserError(
                f"The highest number of these images is {highest:g}, but {self.white:g} is white in the examples. Give "
                "all images on one scale."
            )
        drawings = [self.frame.apply(ink, self.size) for ink in self._inks(images)]
        return np.array(drawings, dtype=np.float32).reshape(-1, 1, self.size, self.size)

    def _inks(self, images: np.ndarray) -> list[Ink]:
        shades = np.clip(images.astype(np.float32) / np.float32(self.white), 0, 1)
        try:
            return [find_ink(read_any(each)) for each in shades]
        except DataError as error:
            raise UserError(str(error)) from None


def white_of(images: np.ndarray) -> float:
    """The number that white has in images: 1, 255, or for other numbers the largest one.

    Args:
        images: Numbers from 0.

    Raises:
        UserError: if a number is negative.
    """
    if images.dtype == np.bool_ or images.size == 0:
        return 1.0
    low, high = float(images.min()), float(images.max())
    if low < 0:
        raise UserError(
            f"An image holds {low:g}, but numbers from 0 were expected. Pass images as they were before they were "
            "standardised."
        )
    if images.dtype == np.uint8 and high > 1:
        return 255.0
    return high if high > 1 else 1.0


def as_images(values: Any, image_shape: tuple[int, ...] | None) -> np.ndarray:
    """Images (n, H, W) or (n, H, W, channels) from arrays of images or from flat rows.

    Args:
        values: (n, H, W), (n, H, W, channels), (n, channels, H, W) or (n, numbers of an image).
        image_shape: The shape of one image, if rows are flat. None for square images.

    Raises:
        UserError: if no image has such a shape.
    """
    array = np.asarray(values)
    if array.ndim == 2:
        shape = image_shape or _square(array.shape[1])
        if math.prod(shape) != array.shape[1]:
            raise UserError(
                f"image_shape is {tuple(shape)}, but a row has {array.shape[1]} numbers. Give the rows and columns of "
                "an image."
            )
        array = array.reshape(-1, *shape)
    if array.ndim == 4 and array.shape[1] in _CHANNELS and array.shape[3] not in _CHANNELS:
        array = np.moveaxis(array, 1, 3)
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in _CHANNELS):
        raise UserError(
            f"The images have shape {array.shape}, but (n, H, W), or (n, H, W, 1, 3 or 4 channels) was expected."
        )
    return array


def _square(numbers: int) -> tuple[int, int]:
    side = math.isqrt(numbers)
    if side**2 != numbers:
        raise UserError(
            f"A row has {numbers} numbers, which is no square image. Give image_shape=(rows, columns), or pass images "
            "(n, H, W)."
        )
    return side, side
