"""A user's own images: a folder with one sub-folder of image files per class."""

import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.datasets.download import DataError
from quickstudy.datasets.drawings import Invert, find_ink, refuse_options
from quickstudy.datasets.frames import common_frame
from quickstudy.datasets.shades import read_file

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_SHOWN = 5  # Folders named in a message.


class ImageFolder(NamedTuple):
    """Images of the classes in a folder."""

    images: np.ndarray
    """(C, E, size, size) uint8, ink 255 on 0. E is the size of the largest class; zeros fill up the smaller ones."""
    num_drawings: np.ndarray
    """(C,) int64, how many of the E images of each class are real. They come first."""
    names: tuple[str, ...]
    """Name of each class, which is its sub-folder's."""


def load(folder: Path | str, size: int = 28, invert: Invert = "auto", reframe: Invert = "auto") -> ImageFolder:
    """Return all images as `prepare_drawing` prepares them, padded to a square with their background.

    Classes and images come in natural order ("2.png" before "10.png"); hidden files are passed over.

    Args:
        folder: holds one sub-folder per class.
        size: pixels on a side.
        invert: whether paper is brighter than ink, and so has to be turned around. "auto" finds the ink of each image
            by its contrast with the border.
        reframe: whether to put the ink into the middle, at the size of the training data. "auto" does so in
            photographs, and in all images if in more than half of them the ink reaches from edge to edge.

    Raises:
        ValueError: the size is not positive, or an option is none of its three.
        DataError: the folder or its images are missing, or an image cannot be read.
    """
    refuse_options(size, invert, reframe)
    classes = find_images(Path(os.path.expanduser(folder)))
    num_drawings = np.array([len(paths) for paths in classes.values()], dtype=np.int64)
    is_drawing = np.arange(num_drawings.max()) < num_drawings[:, None]
    inks = [find_ink(read_file(path), invert) for paths in classes.values() for path in paths]
    frame = common_frame(inks, invert, reframe)
    images = np.zeros((*is_drawing.shape, size, size), dtype=np.uint8)
    images[is_drawing] = [np.rint(255 * frame.apply(ink, size)).astype(np.uint8) for ink in inks]
    return ImageFolder(images, num_drawings, tuple(classes))


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is none of a person's own, such as __MACOSX, which comes along with archives.

    Args:
        path: The file or folder.
    """
    return path.name.startswith(".") or path.name == "__MACOSX"


def find_images(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, in natural order; hidden files are passed over.

    Args:
        folder: holds one sub-folder per class.

    Raises:
        DataError: the folder holds no classes, or one of them holds no images.
    """
    try:
        classes = {path.name: _pictures_in(path) for path in _visible(folder) if path.is_dir()}
        empty = [name for name, paths in classes.items() if not paths]
        if not classes or empty:
            raise DataError(_what_is_there(folder, classes, empty))
    except OSError as error:
        raise DataError(
            f"Cannot list {error.filename or folder}: {error.strerror or error}. "
            "Expected a folder with one sub-folder of images per class."
        ) from error
    return classes


def _what_is_there(folder: Path, classes: dict[str, list[Path]], empty: list[str]) -> str:
    """Why a folder cannot be read, and which one could be."""
    if not classes:
        own = len(_pictures_in(folder))
        found = f"has no sub-folders, but {own} images of its own" if own else "has no sub-folders"
        beside = [path for path in folder.absolute().parent.iterdir() if path.is_dir() and _pictures_in(path)]
        hint = f" If it is one class of several, give {folder.absolute().parent}." if own and len(beside) > 1 else ""
        return f"{folder} {found}: expected one per class, holding its images.{hint}"
    deeper = _with_classes(folder)
    if deeper:
        several = [f"{path} ({count} classes)" for path, count in deeper.items()]
        return (
            f"{folder / empty[0]} has no images of its own, but folders of images lie deeper. "
            f"Give a folder whose sub-folders are the classes: {_few(several)}."
        )
    return (
        f"{folder / empty[0]} has no images: expected files ending in {', '.join(sorted(SUFFIXES))}. "
        "Add some or remove the folder."
    )


def _with_classes(folder: Path) -> dict[Path, int]:
    """The folders below this one whose sub-folders hold images, with how many these are."""
    found: dict[Path, int] = {}
    for path in (path for path in _visible(folder) if path.is_dir()):
        count = sum(1 for inner in _visible(path) if inner.is_dir() and _pictures_in(inner))
        found |= {path: count} if count else _with_classes(path)
    return found


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _pictures_in(folder: Path) -> list[Path]:
    return [file for file in _visible(folder) if file.suffix.lower() in SUFFIXES and file.is_file()]


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not is_hidden(path)), key=_natural_order)


def _natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    # The name itself comes last, so that "1.png" and "01.png" have a fixed order too.
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
