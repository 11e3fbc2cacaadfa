"""A user's own pictures, without classes: a folder of image files, or the files of MNIST as they are published."""

import functools
import gzip
import os
from pathlib import Path

import numpy as np

from quickstudy.datasets.download import DataError
from quickstudy.datasets.image_folder import SUFFIXES, area_average

_IDX_OF_IMAGES = b"\x00\x00\x08\x03"  # Bytes, in three dimensions.


def load(folder: Path | str, size: int = 28, *, colour: bool = False) -> np.ndarray:
    """Return all pictures in a folder and the folders in it, (N, size, size) uint8, or (N, 3, size, size) in colour.

    A picture is cut to the square in its middle and averaged by area. Beside image files, those of the MNIST family
    are read (`train-images-idx3-ubyte`, packed by gzip or not). Files come in the order of their paths; hidden ones
    are passed over.

    Args:
        folder: holds the files.
        size: pixels on a side.
        colour: keep red, green and blue; else grey.

    Raises:
        ValueError: the size is not positive.
        DataError: the folder or its pictures are missing, or a file cannot be read.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}.")
    return _load(Path(os.path.expanduser(folder)), size, colour)


@functools.lru_cache(maxsize=4)  # A training asks for its parts one by one, and CelebA takes minutes to read.
def _load(folder: Path, size: int, colour: bool) -> np.ndarray:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Expected one that holds pictures.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    packed = [path for path in files if "idx3-ubyte" in path.name]
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not packed and not images:
        raise DataError(
            f"{folder} has no pictures: expected files ending in {', '.join(sorted(SUFFIXES))}, or MNIST's "
            "*-images-idx3-ubyte[.gz]."
        )
    blocks = [_read_packed(path, size, colour) for path in packed]
    if images:
        blocks.append(np.stack([_read_picture(path, size, colour) for path in images]))
    found = np.concatenate(blocks)
    found.flags.writeable = False  # It is shared by all who ask.
    return found


def _read_picture(path: Path, size: int, colour: bool) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            pixels = np.array(ImageOps.exif_transpose(image).convert("RGB" if colour else "L"))
    # Damaged files make the decoders raise errors of many kinds.
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {error}. Replace or remove it.") from error
    return _square(pixels.transpose(2, 0, 1) if colour else pixels, size)


def _read_packed(path: Path, size: int, colour: bool) -> np.ndarray:
    """MNIST's own format: four numbers of four bytes (kind, count, rows, columns), then the pixels."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"Cannot read {path}: {error}. Fetch it again.") from error
    count, rows, columns = (int(number) for number in np.frombuffer(data[4:16], dtype=">u4"))
    if data[:4] != _IDX_OF_IMAGES or len(data) != 16 + count * rows * columns:
        raise DataError(f"{path} is damaged: it does not hold the images that it says it does. Fetch it again.")
    grey = _square(np.frombuffer(data, dtype=np.uint8, offset=16).reshape(count, rows, columns), size)
    return np.repeat(grey[:, None], 3, axis=1) if colour else grey


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle square of pictures (..., H, W), averaged to size × size."""
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[..., top : top + side, left : left + side]
    return square if side == size else area_average(square, size)
