"""A user's own classes for a training: images in sub-folders, divided by class into training, validation and test."""

import functools
import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quickstudy.datasets.download import DataError
from quickstudy.datasets.drawings import Ink, find_ink
from quickstudy.datasets.frames import common_frame
from quickstudy.datasets.image_folder import find_images, is_hidden
from quickstudy.datasets.pictures import Split, digest_of, square_picture
from quickstudy.datasets.shades import GREY, read_file

FEWEST_CLASSES = 6
"""Each part has two classes at least, because a task has two."""
_TEST, _VALIDATION = 0.2, 0.2
_NAMED = 5  # Files or classes that a message names.


class ClassFolder(NamedTuple):
    """Images of the classes of a folder."""

    images: np.ndarray
    """(C, E, size, size) uint8, ink 255 on 0, or in colour (C, E, 3, size, size). E is the size of the largest class;
    zeros fill up the smaller ones."""
    num_examples: np.ndarray
    """(C,) int64, how many of the E images of each class are real. They come first."""
    names: tuple[str, ...]
    """Name of each class: its folder's, with the folder of its group before it."""
    groups: tuple[str, ...]
    """Group of each class. Without groups each class is a group of its own."""
    digests: tuple[tuple[str, ...], ...]
    """For each class the digests of its images."""


def read(
    folder: Path | str, size: int = 28, *, colour: bool = False, grouped: bool = False, skip_unusable: bool = False
) -> ClassFolder:
    """Read all classes of a folder.

    Grey images are read as drawings are everywhere: ink is 1 on 0, in the frame that the images share. Colour images
    are cut to the square in their middle.

    Args:
        folder: Holds a sub-folder of images for each class; with groups, a sub-folder of classes for each group.
        size: Pixels on a side.
        colour: Keep red, green and blue.
        grouped: Classes lie in folders of groups.
        skip_unusable: Leave out files that cannot be read, and warn of them.

    Raises:
        DataError: the folder holds no classes, or an image cannot be read.
    """
    root = Path(os.path.expanduser(folder))
    found = _classes(root, grouped)
    stamped = tuple(
        (group, name, tuple((path, *_stamp(path)) for path in paths)) for (group, name), paths in found.items()
    )
    return _read(stamped, size, colour, skip_unusable)


def split(groups: Sequence[str], seed: int = 0) -> Split:
    """Divide classes: about a fifth for the test, a fifth for validation, the others for training.

    Groups are put into an order that the seed and their names decide, so it is the same on every machine and for any
    number of images. The first groups are the test, until it has its share of classes, the next ones are validation.
    Each part has two classes at least.

    Args:
        groups: The group of each class.
        seed: Decides the order.

    Raises:
        DataError: there are too few classes, or too few groups to fill the parts.
    """
    order = sorted(dict.fromkeys(groups), key=lambda name: _place(name, seed))
    if len(groups) < FEWEST_CLASSES:
        raise DataError(
            f"There are {len(groups)} classes, but training, validation and test need {FEWEST_CLASSES}: two each. "
            "Add classes."
        )
    sizes = {name: groups.count(name) for name in order}
    parts: dict[str, list[str]] = {"test": [], "validation": [], "train": []}
    wanted = {
        part: max(2, round(share * len(groups))) for part, share in (("test", _TEST), ("validation", _VALIDATION))
    }
    left = list(order)
    for part, count in wanted.items():
        while left and sum(sizes[name] for name in parts[part]) < count:
            parts[part].append(left.pop(0))
    parts["train"] = left
    if sum(sizes[name] for name in left) < 2:
        raise DataError(
            f"The {len(order)} groups are too few for training, validation and test, because a group stays together. "
            "Divide them into smaller groups, or leave out --groups."
        )
    return Split(
        *(
            np.array([index for index, name in enumerate(groups) if name in parts[part]], dtype=np.int64)
            for part in ("train", "validation", "test")
        )
    )


def _share(share: float, groups: Sequence[str]) -> int:
    return max(2, round(share * len(groups)))


def colour_picture(shades: np.ndarray, size: int) -> np.ndarray:
    """The middle square of an image as a learner of colour images reads it, (3, size, size) uint8.

    Args:
        shades: (H, W, 3) from 0 to 1.
        size: Pixels on a side.
    """
    levels = np.rint(255 * np.moveaxis(shades, -1, 0)).astype(np.uint8)
    return np.rint(square_picture(levels, size)).astype(np.uint8)


def _classes(root: Path, grouped: bool) -> dict[tuple[str, str], list[Path]]:
    """The files of each class, by group and name."""
    if not grouped:
        return {(name, name): paths for name, paths in find_images(root).items()}
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Expected one that holds a folder for each group of classes.")
    groups = sorted(path for path in root.iterdir() if path.is_dir() and not is_hidden(path))
    if not groups:
        raise DataError(
            f"{root} has no sub-folders. Expected one for each group, with a folder for each of its classes."
        )
    return {
        (group.name, f"{group.name}/{name}"): paths for group in groups for name, paths in find_images(group).items()
    }


def _place(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=2)  # A training asks for its parts one by one.
def _read(
    stamped: tuple[tuple[str, str, tuple[tuple[Path, int, int], ...]], ...],
    size: int,
    colour: bool,
    skip_unusable: bool,
) -> ClassFolder:
    """Read classes whose files have stamps, so that a changed file is read anew."""
    found: list[Any] = []  # Of each image what it is prepared from: pixels in colour, or ink.
    kept: list[tuple[str, str, tuple[str, ...]]] = []
    problems: list[str] = []
    for group, name, files in stamped:
        digests = []
        for path, *_ in files:
            try:
                shades = read_file(path, colour=True)
            except DataError as error:
                problems.append(str(error))
                continue
            digests.append(digest_of(np.rint(255 * shades).astype(np.uint8)))
            found.append(colour_picture(shades, size) if colour else find_ink(shades @ GREY))
        if digests:
            kept.append((group, name, tuple(digests)))
    _tell(problems, skip_unusable and bool(kept))
    counts = np.array([len(digests) for *_, digests in kept], dtype=np.int64)
    is_real = np.arange(counts.max(initial=0)) < counts[:, None]
    pictures = np.array(found if colour else _drawn(found, size), dtype=np.uint8)
    images = np.zeros((*is_real.shape, *pictures.shape[1:]), dtype=np.uint8)
    images[is_real] = pictures
    images.flags.writeable = False  # It is shared by all who ask.
    groups, names, digests_of_classes = zip(*kept, strict=True)
    return ClassFolder(images, counts, names, groups, digests_of_classes)


def _tell(problems: list[str], skip_unusable: bool) -> None:
    """Refuse files that cannot be read, or warn of them."""
    if not problems:
        return
    several = " ".join(problems[:_NAMED]) + (f" And {len(problems) - _NAMED} more." if problems[_NAMED:] else "")
    if not skip_unusable:
        raise DataError(f"{several} Or leave such files out with --skip-unusable.")
    warnings.warn(f"left out: {several}", UserWarning, stacklevel=4)


def _drawn(inks: list[Ink], size: int) -> list[np.ndarray]:
    """Drawings of bytes, all in one frame."""
    frame = common_frame(inks)
    return [np.rint(255 * frame.apply(ink, size)).astype(np.uint8) for ink in inks]
