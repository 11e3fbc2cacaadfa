"""How the image files of a task are read: as drawings, or as photographs through a frozen encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets import DataError, class_folder
from quickstudy.datasets.drawings import find_ink
from quickstudy.datasets.frames import Frame, common_frame
from quickstudy.datasets.image_folder import SUFFIXES
from quickstudy.datasets.shades import GREY, read_file
from quickstudy.estimators.encoders import as_encoder

_NEAR_PAPER = 0.12
"""Shades that differ less from the border are paper."""
_MOSTLY_PAPER = 0.5
"""Share of a drawing that is paper, at least."""


class Pixels(NamedTuple):
    """An image that could be read: (H, W, 3) from 0 to 1."""

    shades: np.ndarray
    """(H, W, 3) float from 0 to 1."""

    @property
    def is_drawing(self) -> bool:
        """Whether most of it is paper, or it is a photograph of paper."""
        grey = self.shades @ GREY
        border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        is_paper = np.abs(grey - np.median(border)) < _NEAR_PAPER
        return bool(is_paper.mean() >= _MOSTLY_PAPER) or find_ink(grey).is_photo


class DrawingFiles(NamedTuple):
    """Reads files as drawings, all in one frame."""

    frame: Frame
    """Where the ink is put."""
    size: int
    """Side of the drawings, in pixels."""

    @classmethod
    def of(cls, images: Sequence[Pixels], size: int) -> "DrawingFiles":
        """The reader for these examples.

        Args:
            images: The examples.
            size: Side of the drawings, in pixels.
        """
        return cls(common_frame([find_ink(each.shades @ GREY) for each in images]), size)

    def problem(self, image: Pixels) -> str | None:
        """Why an image shows nothing, if so.

        Args:
            image: The image.
        """
        if find_ink(image.shades @ GREY).box is None:
            return "is blank: no ink stands out from its border. Crop it to the drawing, or leave it out."
        return None

    def inputs(self, images: Sequence[Pixels]) -> np.ndarray:
        """Drawings (n, 1, size, size).

        Args:
            images: The images.
        """
        drawings = [self.frame.apply(find_ink(each.shades @ GREY), self.size) for each in images]
        return np.array(drawings, dtype=np.float32).reshape(-1, 1, self.size, self.size)


class PhotoFiles(NamedTuple):
    """Reads files as photographs, through an encoder."""

    encoder: Any
    """"photos", a module or a function."""

    def problem(self, image: Pixels) -> str | None:
        """None: every photograph shows something.

        Args:
            image: The image.
        """
        return None

    def inputs(self, images: Sequence[Pixels]) -> np.ndarray:
        """Features (n, D).

        Args:
            images: The images.
        """
        return np.asarray(as_encoder(self.encoder)([each.shades for each in images]), dtype=np.float32)


class ColourFiles(NamedTuple):
    """Reads files as a training on colour images did: the square in the middle."""

    size: int
    """Side of the images, in pixels."""

    def problem(self, image: Pixels) -> str | None:
        """None: every image shows something.

        Args:
            image: The image.
        """
        return None

    def inputs(self, images: Sequence[Pixels]) -> np.ndarray:
        """Images (n, 3, size, size) from 0 to 1.

        Args:
            images: The images.
        """
        squares = [class_folder.colour_picture(each.shades, self.size) for each in images]
        return np.array(squares, dtype=np.float32).reshape(-1, 3, self.size, self.size) / 255


ImageFiles = DrawingFiles | PhotoFiles | ColourFiles
"""How the files of a task are read."""


def read_image(file: Path, *, is_photograph: bool = False) -> Pixels | str:
    """An image, or why it cannot be read.

    Args:
        file: The file.
        is_photograph: Lay transparent parts on white, like all others, and not on a shade that shows ink.
    """
    if file.is_dir():
        return f"{file} is a folder without images of its own. Give files, or a folder that holds images."
    if not file.exists():
        return f"There is no file {file}. Give the path of an image, or a folder that holds images."
    if file.is_file() and file.suffix.lower() not in SUFFIXES:
        return f"{file} is no image: expected a file that ends in {', '.join(sorted(SUFFIXES))}."
    try:
        return Pixels(read_file(file, colour=True, paper=1.0 if is_photograph else None))
    except DataError as error:
        return str(error)


def refuse_photographs(images: Sequence[Pixels]) -> None:
    """Refuse to read photographs as drawings.

    Args:
        images: The examples.

    Raises:
        UserError: if most of them have no paper.
    """
    if sum(not each.is_drawing for each in images) > len(images) / 2:
        raise UserError(
            "Most examples are no drawings on paper. For photographs, install the encoder with pip install "
            '"quickstudy[photos]" and choose it: --encoder photos, in Python encoder="photos". To read them as '
            "drawings anyway, name a learner, such as omniglot-protonet."
        )
