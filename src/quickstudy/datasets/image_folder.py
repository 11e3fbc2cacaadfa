"""A user's own images: a folder with one sub-folder of image files per class."""

import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from quickstudy.datasets.download import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


class ImageFolder(NamedTuple):
    """Images (C, E, size, size) of ink, 255 on 0, and num_drawings (C,) int64; names are the sub-folders'.

    E is the size of the largest class; in a smaller one the images from `num_drawings` on are zeros.
    """

    images: np.ndarray
    num_drawings: np.ndarray
    names: tuple[str, ...]


def load(
    folder: Path | str,
    size: int = 28,
    invert: Literal["auto"] | bool = "auto",
) -> ImageFolder:
    """Return all images in grey, padded to a square with their background, averaged to size × size.

    Classes and images come in natural order ("2.png" before "10.png"); hidden files are passed over.
    What is transparent counts as white.

    Args:
        folder: holds one sub-folder per class.
        size: pixels on a side.
        invert: whether paper is brighter than ink, and so has to be turned around. "auto" decides for
            each image: it is inverted if its border is bright.

    Raises:
        ValueError: the size is not positive, or `invert` is none of the three.
        DataError: the folder or its images are missing, or an image cannot be read.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}.")
    if invert not in ("auto", True, False):
        raise ValueError(f'invert must be "auto", True or False, not {invert!r}.')
    classes = _find_images(Path(os.path.expanduser(folder)))
    num_drawings = np.array([len(paths) for paths in classes.values()], dtype=np.int64)
    images = np.zeros((len(classes), int(num_drawings.max()), size, size), dtype=np.uint8)
    for class_index, paths in enumerate(classes.values()):
        for image_index, path in enumerate(paths):
            images[class_index, image_index] = _read_ink(path, size, invert)
    return ImageFolder(images, num_drawings, tuple(classes))


def area_average(images: np.ndarray, size: int) -> np.ndarray:
    """Return uint8 images (..., size, size) whose pixels are the means of the areas that they cover.

    Pixels on the edge of an area count by the part inside it. (Pillow's box filter counts them wholly
    or not at all, which makes the strokes uneven.)

    Args:
        images: uint8, of shape (..., height, width).
        size: pixels on a side.
    """
    height, width = images.shape[-2:]
    averaged = _overlaps(height, size) @ images.astype(np.float32) @ _overlaps(width, size).T
    return np.rint(averaged).astype(np.uint8)


def _overlaps(length: int, size: int) -> np.ndarray:
    """Return weights (size, length): what share of each new pixel's span each old pixel fills."""
    edges = np.arange(size + 1)[:, None] * (length / size)
    starts = np.arange(length)
    shared = np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts)
    return (np.maximum(shared, 0) * (size / length)).astype(np.float32)


def _find_images(folder: Path) -> dict[str, list[Path]]:
    try:
        images = {
            path.name: [file for file in _visible(path) if file.suffix.lower() in SUFFIXES and file.is_file()]
            for path in _visible(folder)
            if path.is_dir()
        }
    except OSError as error:
        raise DataError(
            f"Cannot list {error.filename or folder}: {error.strerror or error}. "
            "Expected a folder with one sub-folder of images per class."
        ) from error
    if not images:
        raise DataError(f"{folder} has no sub-folders: expected one per class, holding its images.")
    for name, paths in images.items():
        if not paths:
            raise DataError(
                f"{folder / name} has no images: expected files ending in {', '.join(sorted(SUFFIXES))}. "
                "Add some or remove the folder."
            )
    return images


def _visible(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_natural_order)


def _natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    # The name itself comes last, so that "1.png" and "01.png" have a fixed order too.
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def _read_ink(path: Path, size: int, invert: Literal["auto"] | bool) -> np.ndarray:
    grey = _read_grey(path)
    background = int(np.median(_border(grey)))
    if invert is True or (invert == "auto" and background > 127):
        grey, background = 255 - grey, 255 - background
    height, width = grey.shape
    side = max(height, width)
    square = np.full((side, side), background, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return area_average(square, size)


def _read_grey(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I;16"):
                return (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
            if upright.mode in ("I", "F"):
                # Their range is anybody's guess, and Pillow would clip it to 0..255.
                raise ValueError("it has 32 bits per pixel; save it with 8 or 16")
            if upright.has_transparency_data:
                # Transparent parts show the paper behind them, whatever colour they hide.
                paper = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(paper, upright.convert("RGBA"))
            return np.array(upright.convert("L"))
    # Damaged files make the decoders raise errors of many kinds.
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {error}. Replace or remove it.") from error


def _border(image: np.ndarray) -> np.ndarray:
    return np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
