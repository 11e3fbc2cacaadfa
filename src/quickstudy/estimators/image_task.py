"""A task of image files: one sub-folder for each class, any file to name."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.core import UserError
from quickstudy.datasets.image_folder import SUFFIXES, find_images
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.answers import NOTHING_MORE, Answer, Wanted, class_answers
from quickstudy.estimators.chosen import DRAWINGS, FEATURES, Chosen, choose
from quickstudy.estimators.image_files import (
    ColourFiles,
    DrawingFiles,
    ImageFiles,
    PhotoFiles,
    Pixels,
    read_image,
    refuse_photographs,
)

Paths = Iterable[str | os.PathLike[str]]


class ImageTask:
    """A learner that was adapted to the images of a folder.

    Args:
        names: The classes.
        adapted: The learner, adapted to them.
        files: How files are read.
        problems: Files of the folder that could not be read, and what to do.
    """

    def __init__(
        self, names: tuple[str, ...], adapted: AdaptedClassifier, files: ImageFiles, problems: tuple[str, ...] = ()
    ) -> None:
        self.names, self.adapted, self.files, self.problems = names, adapted, files, problems

    @classmethod
    def of(
        cls, folder: Path, learner: str | Path = "auto", num_draws: int = 1, seed: int = 0, *, encoder: Any = None
    ) -> "ImageTask":
        """Read the examples in the sub-folders of a folder. Files that cannot be read are named in `problems`.

        Args:
            folder: Holds a sub-folder of images for each class.
            learner: A name of trained weights or a run folder. "auto" takes weights of drawings, or with an encoder
                class means of its features.
            num_draws: Rounds over which predictions are averaged.
            seed: Decides the rounds.
            encoder: Of photographs: "photos", a module or a function. None reads images as drawings.

        Raises:
            UserError: if the learner does not read such images, or a class has no image that can be read.
            DataError: if the folder holds no classes.
        """
        chosen = _choose(learner, encoder)
        classes = find_images(folder)
        read = {
            name: [read_image(path, is_photograph=encoder is not None) for path in paths]
            for name, paths in classes.items()
        }
        found = [each for images in read.values() for each in images if isinstance(each, Pixels)]
        if learner == "auto" and encoder is None:
            refuse_photographs(found)
        files = _reader(chosen, found, encoder)
        images: list[Pixels] = []
        labels: list[int] = []
        problems: list[str] = []
        for label, (name, paths) in enumerate(classes.items()):
            checked = [_checked(path, image, files) for path, image in zip(paths, read[name], strict=True)]
            problems += [each for each in checked if isinstance(each, str)]
            seen = [each for each in checked if isinstance(each, Pixels)]
            if not seen:
                raise UserError(f"No image of the class '{name}' can be read. {problems[-1]}")
            images += seen
            labels += [label] * len(seen)
        adapted = AdaptedClassifier(chosen, len(classes), num_draws, seed)
        adapted.adapt(files.inputs(images), np.array(labels))
        return cls(tuple(classes), adapted, files, tuple(problems))

    def predict(self, queries: str | os.PathLike[str] | Paths, wanted: Wanted = NOTHING_MORE) -> list[Answer]:
        """Name images. A file that cannot be read gets an answer that says why; the others are answered.

        Args:
            queries: Files, or folders whose images are meant.
            wanted: What to say beside the probabilities.

        Raises:
            UserError: if more is wanted than the calibration of the weights says.
        """
        paths = _paths([queries] if isinstance(queries, str | os.PathLike) else queries)
        is_photograph = isinstance(self.files, PhotoFiles)
        read = [_checked(path, read_image(path, is_photograph=is_photograph), self.files) for path in paths]
        images = [each for each in read if isinstance(each, Pixels)]
        if not images:
            return [Answer(str(path), problem=str(each)) for path, each in zip(paths, read, strict=True)]
        named = iter(
            class_answers(
                self.adapted,
                [str(path) for path, each in zip(paths, read, strict=True) if isinstance(each, Pixels)],
                self.files.inputs(images),
                self.names,
                wanted,
            )
        )
        return [
            Answer(str(path), problem=each) if isinstance(each, str) else next(named)
            for path, each in zip(paths, read, strict=True)
        ]


def _choose(learner: str | Path, encoder: Any) -> Chosen:
    chosen = choose((DRAWINGS if encoder is None else FEATURES) if learner == "auto" else learner)
    if encoder is None and not (chosen.reads_drawings or chosen.reads_colour):
        raise UserError(f"'{chosen.name}' does not read images. Choose another learner, such as '{DRAWINGS}'.")
    if encoder is not None and (chosen.reads_drawings or chosen.reads_colour):
        raise UserError(f"'{chosen.name}' reads images, not features. Leave the encoder or the learner out.")
    return chosen


def _reader(chosen: Chosen, examples: list[Pixels], encoder: Any) -> ImageFiles:
    """How files are read, as the examples and the learner decide."""
    if encoder is not None:
        return PhotoFiles(encoder)
    return ColourFiles(chosen.size) if chosen.reads_colour else DrawingFiles.of(examples, chosen.size)


def _checked(path: Path, image: Pixels | str, files: ImageFiles) -> Pixels | str:
    """The image, or why it shows nothing."""
    problem = None if isinstance(image, str) else files.problem(image)
    return image if problem is None else f"{path} {problem}"


def _paths(queries: Paths) -> list[Path]:
    found: list[Path] = []
    for path in (Path(os.path.expanduser(each)) for each in queries):
        inside = sorted(path.iterdir()) if path.is_dir() else []
        images = [file for file in inside if file.suffix.lower() in SUFFIXES and file.name[:1] != "."]
        found += images or [path]
    return found
