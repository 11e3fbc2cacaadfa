"""A task of image files: one sub-folder for each class, any file to name."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.datasets.drawings import Ink, find_ink
from quickstudy.datasets.frames import Frame, common_frame
from quickstudy.datasets.image_folder import SUFFIXES, find_images
from quickstudy.datasets.shades import read_file
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.answers import Answer, class_answers
from quickstudy.estimators.chosen import DRAWINGS, Chosen, choose

Paths = Iterable[str | os.PathLike[str]]


class ImageTask:
    """A learner that was adapted to the images of a folder.

    Args:
        names: The classes.
        adapted: The learner, adapted to them.
        frame: How images are put into a square.
        problems: Files of the folder that could not be read, and what to do.
    """

    def __init__(
        self, names: tuple[str, ...], adapted: AdaptedClassifier, frame: Frame, problems: tuple[str, ...] = ()
    ) -> None:
        self.names, self.adapted, self.frame, self.problems = names, adapted, frame, problems

    @classmethod
    def of(cls, folder: Path, learner: str | Path = "auto", num_draws: int = 1, seed: int = 0) -> "ImageTask":
        """Read the examples in the sub-folders of a folder. Files that cannot be read are named in `problems`.

        Args:
            folder: Holds a sub-folder of images for each class.
            learner: A name of trained weights or a run folder. "auto" takes weights of drawings.
            num_draws: Rounds over which predictions are averaged.
            seed: Decides the rounds.

        Raises:
            UserError: if the learner does not read drawings, or a class has no image that can be read.
            DataError: if the folder holds no classes.
        """
        chosen = choose(DRAWINGS if learner == "auto" else learner)
        if not chosen.reads_drawings:
            raise UserError(f"'{chosen.name}' does not read images. Choose another learner, such as '{DRAWINGS}'.")
        classes = find_images(folder)
        inks: list[Ink] = []
        labels: list[int] = []
        problems: list[str] = []
        for label, (name, files) in enumerate(classes.items()):
            read = [_ink(file) for file in files]
            problems += [each for each in read if isinstance(each, str)]
            seen = [each for each in read if not isinstance(each, str)]
            if not seen:
                raise UserError(f"No image of the class '{name}' can be read. {problems[-1]}")
            inks += seen
            labels += [label] * len(seen)
        frame = common_frame(inks)
        adapted = AdaptedClassifier(chosen, len(classes), num_draws, seed)
        adapted.adapt(_drawings(inks, frame, chosen), np.array(labels))
        return cls(tuple(classes), adapted, frame, tuple(problems))

    def predict(self, queries: str | os.PathLike[str] | Paths) -> list[Answer]:
        """Name images. A file that cannot be read gets an answer that says why; the others are answered.

        Args:
            queries: Files, or folders whose images are meant.
        """
        files = _files([queries] if isinstance(queries, str | os.PathLike) else queries)
        read = [_ink(file) for file in files]
        inks = [each for each in read if not isinstance(each, str)]
        drawings = _drawings(inks, self.frame, self.adapted.chosen)
        named = class_answers(
            [str(file) for file, each in zip(files, read, strict=True) if not isinstance(each, str)],
            self.adapted.probabilities(drawings),
            self.names,
        )
        answers = iter(named)
        return [
            Answer(str(file), problem=each) if isinstance(each, str) else next(answers)
            for file, each in zip(files, read, strict=True)
        ]


def _ink(file: Path) -> Ink | str:
    """The ink in a file, or why there is none."""
    if file.is_dir():
        return f"{file} is a folder without images of its own. Give files, or a folder that holds images."
    if file.is_file() and file.suffix.lower() not in SUFFIXES:
        return f"{file} is no image: expected a file that ends in {', '.join(sorted(SUFFIXES))}."
    try:
        ink = find_ink(read_file(file))
    except DataError as error:
        return str(error)
    if ink.box is None:
        return f"{file} is blank: no ink stands out from its border. Crop it to the drawing, or leave it out."
    return ink


def _drawings(inks: list[Ink], frame: Frame, chosen: Chosen) -> np.ndarray:
    drawings = [frame.apply(ink, chosen.size) for ink in inks]
    return np.array(drawings, dtype=np.float32).reshape(-1, 1, chosen.size, chosen.size)


def _files(queries: Paths) -> list[Path]:
    found: list[Path] = []
    for path in (Path(os.path.expanduser(each)) for each in queries):
        inside = sorted(path.iterdir()) if path.is_dir() else []
        images = [file for file in inside if file.suffix.lower() in SUFFIXES and file.name[:1] != "."]
        found += images or [path]
    return found
