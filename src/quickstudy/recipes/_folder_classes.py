"""The training that learners of a user's own classes share: a folder of images, divided by class."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quickstudy.core import Experiment, Learner, Optimisation, TaskSource, UserError
from quickstudy.datasets import class_folder
from quickstudy.networks import Conv4, Views
from quickstudy.sources import INK, Part
from quickstudy.tasks import Augmentation, Count, Episodes, Jitter, Layout, rotated_classes
from quickstudy.tasks.sampling import highest, lowest

_PARTS: tuple[Part, ...] = "train", "validation", "test"


@dataclass(frozen=True, kw_only=True)
class FolderClasses:
    """A user's own classes: where they are, how they are read, and which are for training, validation and test."""

    folder: str = ""
    """Folder with a sub-folder of images for each class."""
    size: int = 28
    """Side of the images in pixels."""
    colour: bool = False
    """Read red, green and blue, for photographs; switched off, images are read as drawings, ink on paper."""
    grouped: bool = False
    """The folder holds a folder for each group of classes, such as an alphabet. A group stays in one part."""
    split_seed: int = 0
    """Decides which classes are for training (about 60 %), validation (20 %) and test (20 %)."""
    skip_unusable: bool = False
    """Leave out files that cannot be read and classes with too few images, and name them."""
    jitter: bool = True
    """Turn, shift and scale each training image a little."""
    distortion: float = 0.0
    """Strength of elastic distortion of each training image, used instead of jitter; 1 is `Augmentation`."""
    rotated: bool = False
    """Train on each class in four rotations, as four classes. For drawings whose classes have a right way up."""

    def __post_init__(self) -> None:
        """Refuse sizes that the networks do not read."""
        if self.size < 16:
            raise UserError(f"size = {self.size} was given, but 16 pixels or more were expected.")

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return 3 if self.colour else 1

    def source(self, part: Part, layout: Layout, *, up_to: bool = False) -> TaskSource:
        """Episodes over the classes of one part.

        Args:
            part: The part.
            layout: How many of what.
            up_to: If the part has fewer classes than the layout asks for, take all of them.
        """

        def episodes(data_root: Path | None) -> Episodes:
            found, chosen = self._usable(layout)
            classes = getattr(chosen, part)
            fitting = self._fitting(layout, part, len(classes), up_to)
            images, counts = torch.as_tensor(np.array(found.images[classes])), found.num_examples[classes]
            if part != "train":
                return Episodes(images, fitting, num_examples=counts)
            turned = rotated_classes(images) if self.rotated else images
            counts = np.tile(counts, len(turned) // len(images))
            return Episodes(turned, fitting._replace(jitter=self._change()), num_examples=counts)

        return episodes

    def contents(self, layout: Layout) -> dict[str, list[str]]:
        """Digests of the images of each part.

        Args:
            layout: The layout that classes must have images for.
        """
        found, chosen = self._usable(layout)
        return {part: [each for index in getattr(chosen, part) for each in found.digests[index]] for part in _PARTS}

    def _usable(self, layout: Layout) -> tuple[class_folder.ClassFolder, Any]:
        """The classes that have enough images, and their division."""
        if not self.folder:
            raise UserError("No folder of images was given. Give one: --folder DIR, with a sub-folder for each class.")
        found = class_folder.read(
            self.folder, self.size, colour=self.colour, grouped=self.grouped, skip_unusable=self.skip_unusable
        )
        # The division knows all classes, so leaving out small ones moves no other.
        chosen = class_folder.split(found.groups, self.split_seed)
        needed = highest(layout.shots) + layout.queries
        small = np.flatnonzero(found.num_examples < needed)
        if not len(small):
            return found, chosen
        named = ", ".join(f"{found.names[index]} ({found.num_examples[index]})" for index in small[:5])
        named += f" and {len(small) - 5} more" if len(small) > 5 else ""
        if not self.skip_unusable:
            raise UserError(
                f"{highest(layout.shots)} shots and {layout.queries} queries need {needed} images of every class, but "
                f"{self.folder} has fewer of: {named}. Add images, lower --shots or --queries, or leave these classes "
                "out with --skip-unusable."
            )
        warnings.warn(f"left out, having too few images: {named}", UserWarning, stacklevel=4)
        return found, type(chosen)(*(part[~np.isin(part, small)] for part in chosen))

    def _fitting(self, layout: Layout, part: Part, num_classes: int, up_to: bool) -> Layout:
        """The layout with no more ways than there are classes, or a refusal."""
        if highest(layout.ways) <= num_classes:
            return layout
        if num_classes < 2 or (not up_to and lowest(layout.ways) > num_classes):
            raise UserError(
                f"The {part} classes of {self.folder} are {num_classes}, but a task needs "
                f"{2 if num_classes < 2 else lowest(layout.ways)}. Add classes, or lower --ways."
            )
        return layout._replace(ways=num_classes if up_to else (lowest(layout.ways), num_classes))

    def _change(self) -> Jitter | Augmentation | None:
        """How each training image is changed at random."""
        factor = self.size / 28
        if self.distortion:
            changed = Augmentation().times(self.distortion)
            return changed._replace(shift=changed.shift * factor, displacement=changed.displacement * factor)
        return Jitter(shift=2 * factor) if self.jitter else None


@dataclass(frozen=True, kw_only=True)
class FolderEpisodes:
    """Training episodes of a user's own classes."""

    ways: Count = (2, 10)
    """Classes in a training episode: one number, or a range to draw from, as far as the folder has classes."""
    shots: Count = (1, 3)
    """Support images of each class: one number, or a range to draw from in each step."""
    queries: int = 2
    """Queries of each class."""

    @property
    def layout(self) -> Layout:
        """The layout of an episode."""
        return Layout(self.ways, self.shots, self.queries)

    def tests(self) -> dict[str, Layout]:
        """The settings of the test, by title. The test classes may be fewer than these ways."""
        ways, shots = min(highest(self.ways), 5), highest(self.shots)
        return {f"up to {ways}-way {each}-shot": Layout(ways, each, self.queries) for each in dict.fromkeys((1, shots))}


def folder_encoder(classes: FolderClasses, *, keep_edge: bool = False) -> Views:
    """The encoder of `omniglot-encoder`, for images of this size and colour.

    Args:
        classes: The images.
        keep_edge: Round up in max-pooling.
    """
    size, channels = classes.size, classes.channels
    return Views(Conv4(downsampling="pool", in_channels=channels, image_size=size, keep_edge=keep_edge, residual=2), 5)


def folder_experiment(
    learner: Learner,
    classes: FolderClasses,
    episodes: FolderEpisodes,
    optimisation: Optimisation,
    starts_from: str,
) -> Experiment:
    """Train on a user's own classes. Grey images begin with the weights of Omniglot, wherever shapes agree."""
    layout = episodes.layout
    # Each layout needs as many images of a class, so all use the same classes.
    needed = highest(layout.shots) + layout.queries
    tests = {title: each._replace(queries=needed - highest(each.shots)) for title, each in episodes.tests().items()}
    validation = Layout(min(highest(layout.ways), 5), 1, needed - 1)
    return Experiment(
        learner=learner,
        train=classes.source("train", layout),
        validation=classes.source("validation", validation, up_to=True),
        test={title: classes.source("test", each, up_to=True) for title, each in tests.items()},
        contents=lambda _: classes.contents(layout),
        own_classes=classes.source,
        optimisation=optimisation,
        validate_every=100,
        validation_tasks=100,
        input_range=None if classes.colour else INK,
        starts_from=None if classes.colour else starts_from,
    )
