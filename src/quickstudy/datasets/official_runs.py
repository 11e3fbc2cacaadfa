"""The twenty runs of one-shot classification that Lake, Salakhutdinov and Tenenbaum (2015) gave to people and models.

A run has twenty characters of one alphabet: one drawing of each, by one person, to learn from, and one, by another
person, to classify. The files are `all_runs.zip` of the Omniglot repository: for each run a folder with `training`,
`test` and `class_labels.txt`, whose lines name a test drawing and the training drawing of the same character.
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from quickstudy.datasets.download import DataError
from quickstudy.datasets.resampling import area_average

_LABELS = "class_labels.txt"
_ADVICE = "Give the folder of all_runs.zip, or the file itself."


class OfficialRuns(NamedTuple):
    """Drawings of ink, 255 on 0, of all runs."""

    names: tuple[str, ...]
    """Names of the runs, in order."""
    support: np.ndarray
    """(runs, 20, size, size): one drawing of each character."""
    queries: np.ndarray
    """(runs, 20, size, size): the drawings to classify."""
    answers: np.ndarray
    """(runs, 20): for each query, the place of its character in the support."""


def load(path: Path | str, size: int = 28) -> OfficialRuns:
    """Return the drawings and answers of all runs.

    Args:
        path: `all_runs.zip`, or the folder that it holds.
        size: pixels on a side.

    Raises:
        DataError: if there are no runs, or a file of one is missing or damaged.
    """
    found = Path(path)
    if not found.exists():
        raise DataError(f"{found} does not exist. {_ADVICE}")
    try:
        root = zipfile.Path(found) if found.is_file() else found
        folders = _runs_below(root)
    except (zipfile.BadZipFile, OSError):
        raise DataError(f"{found} is neither a folder nor a ZIP file. {_ADVICE}") from None
    if not folders:
        raise DataError(f"{found} holds no run: no folder in it has a {_LABELS}. {_ADVICE}")
    runs = [_read_run(folder, size) for folder in folders]
    if len({len(answers) for _, _, answers in runs}) > 1:
        raise DataError(f"The runs of {found} have different numbers of drawings. {_ADVICE}")
    support, queries, answers = (np.stack(part) for part in zip(*runs, strict=True))
    return OfficialRuns(tuple(folder.name for folder in folders), support, queries, answers)


def _runs_below(root: Path | zipfile.Path) -> list[Path | zipfile.Path]:
    """Folders with labels: in the root, or one level further down."""
    inside = sorted((each for each in root.iterdir() if each.is_dir()), key=lambda each: each.name)
    runs = [each for each in inside if (each / _LABELS).exists()]
    return runs or [run for each in inside if not each.name.startswith("__") for run in _runs_below(each)]


def _read_run(folder: Path | zipfile.Path, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = [line.split() for line in (folder / _LABELS).read_text().splitlines() if line.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise DataError(f"{folder / _LABELS} has a line that does not name two files. {_ADVICE}")
    # Lines name files from the folder of all runs on; only the last two parts count.
    tests, classes = ([Path(name).parts[-2:] for name in names] for names in zip(*pairs, strict=True))
    characters = sorted(set(classes))
    if len(characters) != len(pairs):
        raise DataError(f"{folder / _LABELS} names a training drawing twice. {_ADVICE}")
    support = np.stack([_read_ink(folder.joinpath(*name), size) for name in characters])
    queries = np.stack([_read_ink(folder.joinpath(*name), size) for name in tests])
    return support, queries, np.array([characters.index(name) for name in classes])


def _read_ink(path: Path | zipfile.Path, size: int) -> np.ndarray:
    try:
        with path.open("rb") as file, Image.open(file) as image:
            paper = np.asarray(image.convert("L"))
    except (OSError, KeyError, UnidentifiedImageError):
        raise DataError(f"{path} is missing or no image. {_ADVICE}") from None
    return area_average(255 - paper, size)
