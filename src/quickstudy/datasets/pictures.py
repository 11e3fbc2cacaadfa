"""A user's own pictures, without classes: a folder of image files, or the files of MNIST as they are published."""

import functools
import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.datasets.download import DataError
from quickstudy.datasets.image_folder import SUFFIXES
from quickstudy.datasets.resampling import resample
from quickstudy.datasets.shades import GREY, read_file

_IDX_OF_IMAGES = b"\x00\x00\x08\x03"  # Bytes, in three dimensions.
_HEADER = 16
_FIRST_VALIDATION, _FIRST_TEST = 0.8, 0.9


class Pictures(NamedTuple):
    """Pictures and their digests."""

    images: np.ndarray
    """(N, size, size) uint8, or (N, 3, size, size) in colour."""
    digests: tuple[str, ...]
    """For each picture 16 hexadecimal digits. They follow from the pixels of the file, and so do not depend on the
    size, the colour or the format."""


class Split(NamedTuple):
    """A division of pictures into disjoint parts, as ascending indices (int64)."""

    train: np.ndarray
    """Pictures for training."""
    validation: np.ndarray
    """Pictures for choices during training."""
    test: np.ndarray
    """Pictures for the final figures."""


def load(folder: Path | str, size: int = 28, *, colour: bool = False) -> np.ndarray:
    """Return all pictures in a folder, without their digests. See `read`.

    Args:
        folder: Holds the files.
        size: Pixels on a side.
        colour: Keep red, green and blue; else grey.

    Raises:
        ValueError: the size is not positive.
        DataError: the folder or its pictures are missing, or a file cannot be read.
    """
    return read(folder, size, colour=colour).images


def read(folder: Path | str, size: int = 28, *, colour: bool = False) -> Pictures:
    """Return all pictures in a folder and its sub-folders.

    A picture is cut to the square in its middle. Then it is averaged by area, or enlarged smoothly. Files of MNIST and
    data sets like it are read too (`train-images-idx3-ubyte`, compressed by gzip or not). Files come in the order of
    their paths. Hidden files are left out.

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
    found = _files(Path(os.path.expanduser(folder)))
    return _read(tuple((path, *_stamp(path)) for path in found), size, colour)


def split(digests: Sequence[str]) -> Split:
    """Divide pictures by their digests: about 80 % for training, 10 % for validation and 10 % for testing.

    If you add or remove pictures, the others stay in their parts. Copies of one picture are in one part. If a part
    would be empty, the picture with the largest digest of the largest part goes there.

    Args:
        digests: Digest of each picture.

    Raises:
        DataError: fewer than three pictures differ.
    """
    if len(set(digests)) < 3:
        raise DataError(
            f"Only {len(set(digests))} of {len(digests)} pictures are different, but training, validation and test "
            "need one each at least. Add pictures."
        )
    places = np.array([int(digest, 16) / 16 ** len(digest) for digest in digests])
    parts = np.digitize(places, (_FIRST_VALIDATION, _FIRST_TEST))
    for part in (0, 1, 2):
        if not (parts == part).any():
            # From the part with most to give; in it the largest, so that it is the same one every time.
            giver = max((0, 1, 2), key=lambda each: len(set(places[parts == each])))
            parts[places == places[parts == giver].max()] = part
    return Split(*(np.flatnonzero(parts == part).astype(np.int64) for part in (0, 1, 2)))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Expected one that holds pictures.")
    below = (path for path in folder.rglob("*") if not _is_hidden(path.relative_to(folder)) and path.is_file())
    files = sorted(path for path in below if _is_packed(path) or path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"{folder} has no pictures: expected files ending in {', '.join(sorted(SUFFIXES))}, or MNIST's "
            "*-images-idx3-ubyte[.gz]."
        )
    return sorted(files, key=lambda path: not _is_packed(path))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_packed(path: Path) -> bool:
    return "idx3-ubyte" in path.name


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=4)  # A training asks for its parts one by one, and CelebA takes minutes to read.
def _read(files: tuple[tuple[Path, int, int], ...], size: int, colour: bool) -> Pictures:
    """Read files, each with its stamp, so that a changed one is read anew."""
    blocks, digests = [], []
    for path, *_ in files:
        levels = _unpacked(path) if _is_packed(path) else _levels(path)[None]
        digests += [digest_of(picture) for picture in levels]
        blocks.append(np.rint(square_picture(_shown(levels, colour=colour), size)).astype(np.uint8))
    found = np.concatenate(blocks)
    found.flags.writeable = False  # It is shared by all who ask.
    return Pictures(found, tuple(digests))


def _shown(levels: np.ndarray, *, colour: bool) -> np.ndarray:
    """Pictures (N, H, W, 3) or grey ones (N, H, W) as (N, 3, H, W) or, without colour, (N, H, W)."""
    if levels.ndim == 3:
        return np.repeat(levels[:, None], 3, axis=1) if colour else levels
    return np.moveaxis(levels, -1, 1) if colour else np.asarray(levels @ GREY)


def _levels(path: Path) -> np.ndarray:
    """A picture's red, green and blue, (H, W, 3) uint8."""
    return np.rint(255 * read_file(path, colour=True)).astype(np.uint8)


def _unpacked(path: Path) -> np.ndarray:
    """MNIST's own format, (N, H, W) of bytes: four numbers of four bytes (kind, count, rows, columns), then pixels."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}. Download it again.") from error
    if data[:4] != _IDX_OF_IMAGES or len(data) < _HEADER:
        raise DataError(
            f"{path} is damaged, or is no file of images, which begins with other bytes. Download it again."
        )
    count, rows, columns = (int(number) for number in np.frombuffer(data[4:_HEADER], dtype=">u4"))
    if len(data) != _HEADER + count * rows * columns:
        raise DataError(
            f"{path} is damaged: its header says {count} images of {rows}×{columns} pixels, but its length is that of "
            "another number. Download it again."
        )
    if len(data) == _HEADER:
        raise DataError(f"{path} holds {count} images of {rows}×{columns} pixels, so it has no pixels. Remove it.")
    return np.frombuffer(data, dtype=np.uint8, offset=_HEADER).reshape(count, rows, columns)


def digest_of(levels: np.ndarray) -> str:
    """Digest of a picture's pixels: 16 hexadecimal digits.

    Args:
        levels: (H, W, 3) or (H, W) uint8.
    """
    height, width = levels.shape[:2]
    if levels.ndim == 2:
        levels = np.repeat(levels[..., None], 3, axis=2)
    content = hashlib.blake2b(f"{height}x{width}:".encode(), digest_size=8)
    content.update(levels.tobytes())
    return content.hexdigest()


def square_picture(pixels: np.ndarray, size: int) -> np.ndarray:
    """The middle square of pictures, (..., size, size) from 0 to 255.

    Args:
        pixels: (..., H, W) of bytes.
        size: Pixels on a side.
    """
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[..., top : top + side, left : left + side]
    if side >= size:
        return resample(square, size, 0, 0, side)
    # Of what is enlarged the edge goes on outside, where else there would be black.
    padding = [(0, 0)] * (square.ndim - 2) + [(2, 2)] * 2
    return np.clip(resample(np.pad(square, padding, mode="edge"), size, 2, 2, side), 0, 255)
