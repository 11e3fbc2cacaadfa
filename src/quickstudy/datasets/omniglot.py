"""Omniglot: 1,623 handwritten characters of 50 alphabets, each drawn once by 20 people.

B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through probabilistic
program induction", Science 350 (2015), https://github.com/brendenlake/omniglot.
"""

import errno
import io
import os
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quickstudy.datasets.download import (
    DataError,
    atomic_file,
    cache_folder,
    checksum,
    download,
    storage_error,
)
from quickstudy.datasets.resampling import area_average

DRAWINGS_PER_CHARACTER = 20
ORIGINAL_SIZE = 105

# Characters in each alphabet, by the sorted names that give the classes their order.
# fmt: off
_BACKGROUND = {
    "Alphabet_of_the_Magi": 20, "Anglo-Saxon_Futhorc": 29, "Arcadian": 26, "Armenian": 41,
    "Asomtavruli_(Georgian)": 40, "Balinese": 24, "Bengali": 46,
    "Blackfoot_(Canadian_Aboriginal_Syllabics)": 14, "Braille": 26, "Burmese_(Myanmar)": 34, "Cyrillic": 33,
    "Early_Aramaic": 22, "Futurama": 26, "Grantha": 43, "Greek": 24, "Gujarati": 48, "Hebrew": 22,
    "Inuktitut_(Canadian_Aboriginal_Syllabics)": 16, "Japanese_(hiragana)": 52, "Japanese_(katakana)": 47,
    "Korean": 40, "Latin": 26, "Malay_(Jawi_-_Arabic)": 40, "Mkhedruli_(Georgian)": 41, "N_Ko": 33,
    "Ojibwe_(Canadian_Aboriginal_Syllabics)": 14, "Sanskrit": 42, "Syriac_(Estrangelo)": 23, "Tagalog": 17,
    "Tifinagh": 55,
}
_EVALUATION = {
    "Angelic": 20, "Atemayar_Qelisayer": 26, "Atlantean": 26, "Aurek-Besh": 26, "Avesta": 26, "Ge_ez": 26,
    "Glagolitic": 45, "Gurmukhi": 45, "Kannada": 41, "Keble": 26, "Malayalam": 47, "Manipuri": 40,
    "Mongolian": 30, "Old_Church_Slavonic_(Cyrillic)": 45, "Oriya": 46, "Sylheti": 28, "Syriac_(Serto)": 23,
    "Tengwar": 25, "Tibetan": 42, "ULOG": 26,
}
# fmt: on
_VALIDATION = ("Armenian", "Bengali", "Early_Aramaic", "Hebrew", "Mkhedruli_(Georgian)")
_FIRST_TEST_CLASS = {"lake": 964, "vinyals": 1200}

_OFFICIAL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
# Each archive with its MD5 in the official repository and the alphabets it must hold.
_ARCHIVES = {
    "images_background.zip": ("68d2efa1b9178cc56df9314c21c6e718", _BACKGROUND),
    "images_evaluation.zip": ("6b91aef0f799c5bb55b94e3f2daec811", _EVALUATION),
}
# Raised whenever the decoding changes, so that older cached images are not taken for the new ones.
_CACHE_VERSION = 1


class Omniglot(NamedTuple):
    """All drawings of Omniglot."""

    images: np.ndarray
    """(1623, 20, size, size) uint8, ink 255 on 0."""
    names: tuple[str, ...]
    """Name of each class, such as "Alphabet/character01"."""


class Split(NamedTuple):
    """A division of the 1,623 classes into disjoint parts, as ascending class indices (int64)."""

    train: np.ndarray
    """Classes for training."""
    validation: np.ndarray
    """Classes for choices during training."""
    test: np.ndarray
    """Classes for the final figures."""


def load(root: Path | str | None = None, size: int = 28) -> Omniglot:
    """Return all drawings, averaged by area to size × size pixels.

    The first call decodes the archives and keeps the result in the user's cache folder; later calls
    map that file into memory, where writing to the images changes only the caller's copy.

    Args:
        root: a folder with the two official archives, in it or in its `omniglot` folder; nothing is
            written there. Without it, the folder in the environment variable QUICKSTUDY_DATA, then the
            user's cache, then a download into that cache.
        size: pixels on a side, at most 105.

    Raises:
        ValueError: the size is out of range.
        DataError: the archives are missing, damaged, of another layout or cannot be downloaded, or the
            disk is full.

    Warns:
        UserWarning: the cache folder cannot be written, so that each start has to decode again.
    """
    if not 1 <= size <= ORIGINAL_SIZE:
        raise ValueError(f"size must be between 1 and {ORIGINAL_SIZE} pixels, not {size}.")
    archives = _find_archives(root)
    cached = cache_folder() / "omniglot" / f"{size}px-v{_CACHE_VERSION}-{_fingerprint(archives)}.npy"
    images = _read_cached(cached, size)
    if images is None:
        images = _keep(_decode(archives, size), cached)
    return Omniglot(images, class_names())


def class_names() -> tuple[str, ...]:
    """Return the names of the 1,623 classes in the order of the images; needs no data on disk."""
    return tuple(name for _, alphabet_sizes in _ARCHIVES.values() for name in _names_of(alphabet_sizes))


def split(name: str) -> Split:
    """Return a published division of the classes; needs no data on disk.

    Args:
        name: "lake" tests on the 659 characters of the evaluation archive. "vinyals" tests on the last
            423 classes and trains on the first 1,200 (Vinyals et al., 2016). In both, five background
            alphabets with 172 characters are held back for validation (Snell et al., 2017).

    Raises:
        ValueError: no split has that name.
    """
    if name not in _FIRST_TEST_CLASS:
        raise ValueError(f"There is no Omniglot split {name!r}; choose from {', '.join(_FIRST_TEST_CLASS)}.")
    names = class_names()
    first_test_class = _FIRST_TEST_CLASS[name]
    held_back = np.array([class_name.split("/")[0] in _VALIDATION for class_name in names[:first_test_class]])
    return Split(
        train=np.flatnonzero(~held_back).astype(np.int64),
        validation=np.flatnonzero(held_back).astype(np.int64),
        test=np.arange(first_test_class, len(names), dtype=np.int64),
    )


def alphabets(names: Sequence[str]) -> np.ndarray:
    """Return the alphabet of each class (int64), numbered from 0 in order of first appearance.

    Args:
        names: Name of each class, as in `Omniglot`.
    """
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(name.split("/")[0], len(numbers)) for name in names],
        dtype=np.int64,
    )


def _names_of(alphabet_sizes: dict[str, int]) -> list[str]:
    return [
        f"{alphabet}/character{number:02d}"
        for alphabet, count in alphabet_sizes.items()
        for number in range(1, count + 1)
    ]


def _find_archives(root: Path | str | None) -> list[Path]:
    if root is not None:
        return _archives_below(root, "the data root")
    if from_environment := os.environ.get("QUICKSTUDY_DATA"):
        return _archives_below(from_environment, "QUICKSTUDY_DATA")
    folder = cache_folder() / "omniglot"
    return [
        path if os.path.isfile(path) else download(f"{_OFFICIAL}/{path.name}", path, md5)
        for path, md5 in [(folder / name, md5) for name, (md5, _) in _ARCHIVES.items()]
    ]


def _archives_below(given: Path | str, source: str) -> list[Path]:
    root = Path(os.path.expanduser(given))
    folders = [root, root / "omniglot"]
    for folder in folders:
        paths = [folder / name for name in _ARCHIVES]
        # os.path, unlike Path.is_file, says no where the folder may not be entered.
        if all(os.path.isfile(path) for path in paths):
            return paths
    raise DataError(
        f"No Omniglot in {source}: expected {' and '.join(_ARCHIVES)} together in "
        f"{' or '.join(map(str, folders))}. Put them there (they are at {_OFFICIAL}), "
        f"or leave {source} unset to download them."
    )


def _fingerprint(archives: list[Path]) -> str:
    digests = []
    for path in archives:
        try:
            digests.append(checksum(path)[:12])
        except OSError as error:
            raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    return "-".join(digests)


def _decode(archives: list[Path], size: int) -> np.ndarray:
    """Return the images of both archives; their layout is checked before the first is decoded."""
    from rich.console import Console
    from rich.progress import track

    with ExitStack() as stack:
        classes = [
            (archive, drawings)
            for path, (_, alphabet_sizes) in zip(archives, _ARCHIVES.values(), strict=True)
            for archive in [stack.enter_context(_open(path))]
            for drawings in _list_classes(archive, path.stem, alphabet_sizes)
        ]
        images = np.empty((len(classes), DRAWINGS_PER_CHARACTER, size, size), dtype=np.uint8)
        label = f"Decoding Omniglot at {size}×{size}"
        for index, (archive, drawings) in enumerate(track(classes, label, console=Console(stderr=True))):
            originals = np.stack([_read_ink(archive, drawing) for drawing in drawings])
            images[index] = area_average(originals, size)
    return images


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise _damaged(path, str(error)) from error


def _list_classes(archive: zipfile.ZipFile, top: str, alphabet_sizes: dict[str, int]) -> list[list[str]]:
    """Return the drawings of each class, sorted, or raise if the characters are not the expected ones."""
    drawings: dict[str, list[str]] = {}
    for name in sorted(archive.namelist()):
        if name.startswith(f"{top}/") and name.endswith(".png"):
            drawings.setdefault(name.rpartition("/")[0], []).append(name)
    expected = [f"{top}/{name}" for name in _names_of(alphabet_sizes)]
    counts = {folder: len(drawings.get(folder, ())) for folder in expected}
    problems = [
        f"{folder} has {count} drawings instead of {DRAWINGS_PER_CHARACTER}"
        for folder, count in counts.items()
        if count != DRAWINGS_PER_CHARACTER
    ]
    problems += [f"{folder} is no character of this archive" for folder in drawings if folder not in counts]
    if problems:
        raise _damaged(archive, f"{problems[0]} (and {len(problems) - 1} more problems like this)")
    return [drawings[folder] for folder in expected]


def _read_ink(archive: zipfile.ZipFile, drawing: str) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(archive.read(drawing)), formats=["PNG"]) as image:
            paper = np.asarray(image.convert("L"))
    # Damaged bytes make zipfile, zlib and the decoders raise errors of many kinds.
    except Exception as error:
        raise _damaged(archive, f"{drawing}: {error}") from error
    height, width = paper.shape
    if (height, width) != (ORIGINAL_SIZE, ORIGINAL_SIZE):
        raise _damaged(archive, f"{drawing} is {width}×{height} pixels, not 105×105")
    return 255 - paper


def _damaged(archive: zipfile.ZipFile | Path, reason: str) -> DataError:
    path = archive if isinstance(archive, Path) else Path(archive.filename or "")
    return DataError(
        f"{path} is damaged or not Omniglot's: {reason}. Replace it with the official archive, {_OFFICIAL}/{path.name}."
    )


def _keep(images: np.ndarray, cached: Path) -> np.ndarray:
    """Write the cache and return its mapped images, or the given ones where no cache can be kept."""
    try:
        with atomic_file(cached) as file:
            file.write(_npy_header(images.shape))
            file.write(images.data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise storage_error(cached, error) from error
        warnings.warn(f"Omniglot is decoded anew at each start: cannot write {cached} ({error}).", stacklevel=3)
        return images
    mapped = _read_cached(cached, images.shape[-1])
    return images if mapped is None else mapped


def _read_cached(cached: Path, size: int) -> np.ndarray | None:
    shape = (len(class_names()), DRAWINGS_PER_CHARACTER, size, size)
    header = _npy_header(shape)
    try:
        with cached.open("rb") as file:
            intact = file.read(len(header)) == header
        if not intact or cached.stat().st_size != len(header) + int(np.prod(shape)):
            return None
        images: np.ndarray = np.load(cached, mmap_mode="c")
        return images
    except OSError:
        return None


def _npy_header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue()
