"""Which images a protocol draws its tasks from: Omniglot, generated characters or a folder of the user's own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from quickstudy.core import TaskSource, UserError
from quickstudy.datasets import class_folder, omniglot
from quickstudy.protocols.lineage import free_classes, refuse_seen
from quickstudy.protocols.weights import Weights
from quickstudy.sources import (
    Part,
    Split,
    fixed_glyphs,
    folder_episodes,
    glyph_episodes,
    omniglot_episodes,
    omniglot_sequences,
    refuse_size,
    sequence_labels,
)
from quickstudy.tasks import Episodes, Layout, SequenceLayout

_FEWEST_FREE = 80
"""Free classes: half as many are in a task of 20 classes with queries of 20 others."""


def data_of(weights: Weights, data: str | None) -> str:
    """The data set or the folder to evaluate on.

    Args:
        weights: They know which data set they learnt from.
        data: What the user chose, if anything.

    Raises:
        UserError: if neither says it.
    """
    chosen = data or weights.experiment.data
    if chosen is None and weights.experiment.own_classes is not None:
        return str(weights.arguments["folder"])
    if chosen is None:
        raise UserError(f"The recipe of '{weights.name}' names no data set. Give one as --data.")
    return chosen


def size_of(weights: Weights, size: int | None) -> int:
    """The side of the images in pixels: only a learner without weights, such as Nearest, reads any size.

    Args:
        weights: They know which size they were built for.
        size: What the user chose, if anything.

    Raises:
        UserError: if the learner cannot read images of this size.
    """
    if size is None:
        return weights.image_size
    refuse_size(size)
    if size != weights.image_size and weights.arguments:
        side = weights.image_size
        raise UserError(
            f"--size {size} was given, but these weights read images of {side}×{side} pixels. Leave --size out."
        )
    return size


def sequence_source(
    weights: Weights, split: Split, part: Part, classes: int, *, rotated: bool, size: int | None
) -> TaskSource:
    """Sequences of Omniglot's drawings, ten of each class, with labels as the learner reads them.

    Args:
        weights: They must not have been trained on these classes.
        split: Which characters are in which part.
        part: The part to draw from.
        classes: Classes in a sequence.
        rotated: Whether each character is four classes, one for each rotation by a quarter turn.
        size: Side of the images in pixels, if the user chose one.

    Raises:
        UserError: if the weights were trained on these classes.
    """
    side = size_of(weights, size)
    if part != "train":
        weights.refuse_classes(split, part)
    labels = sequence_labels("one-hot" if weights.labels == "one-hot" else "strings")
    return omniglot_sequences(split, part, SequenceLayout(classes, labels=labels), rotations=rotated, size=side)


def omniglot_source(
    weights: Weights,
    split: Split,
    part: Part,
    layout: Layout,
    *,
    within_alphabet: bool,
    rotated: bool,
    size: int | None,
) -> TaskSource:
    """Episodes over the characters of one part of a split.

    Args:
        weights: They must not have been trained on these classes.
        split: Which characters are in which part.
        part: The part to draw from.
        layout: How many of what.
        within_alphabet: Whether all classes of a task are from one alphabet.
        rotated: Whether each character is four classes, one for each rotation by a quarter turn.
        size: Side of the images in pixels, if the user chose one.

    Raises:
        UserError: if the weights were trained on these classes.
    """
    side = size_of(weights, size)
    if part != "train":
        weights.refuse_classes(split, part)
    return omniglot_episodes(split, part, layout, rotations=rotated, within_alphabet=within_alphabet, size=side)


def free_source(weights: Weights, split: Split, layout: Layout) -> tuple[str, int, TaskSource]:
    """Episodes over classes on which numbers may be fitted: the data set, the number of classes, and the tasks.

    They are the Omniglot characters that neither made the weights nor test them. Where too few of them are left, they
    are generated characters for validation, which no weights are trained on.

    Args:
        weights: Their lineage decides which classes are free.
        split: Its test classes give the final figures.
        layout: How many of what.
    """
    classes, side = free_classes(weights.header, split), size_of(weights, None)
    if len(classes) < _FEWEST_FREE:
        return "glyphs", len(fixed_glyphs("validation", side)), glyph_source(weights, "validation", layout, None)

    def source(data_root: Path | None) -> Episodes:
        return Episodes(torch.as_tensor(omniglot.load(data_root, side).images[classes]), layout)

    return "omniglot", len(classes), source


def glyph_source(weights: Weights, part: Part, layout: Layout, size: int | None) -> TaskSource:
    """Episodes over generated characters, in the size that the learner reads.

    Args:
        weights: They know the size of images.
        part: Generated characters of the training or of the test.
        layout: How many of what.
        size: Side of the images that the user chose, which must be None.

    Raises:
        UserError: if the user chose a size.
    """
    if size is not None:
        raise UserError("--size was given, but 'glyphs' comes in one size for these weights. Leave it out.")
    return glyph_episodes(part, layout, size_of(weights, None))


def own_source(weights: Weights, part: Part, layout: Layout, data_root: Path | None) -> TaskSource:
    """Episodes over one part of the classes of the folder that the weights were trained on.

    Args:
        weights: They know the folder and its division.
        part: The part.
        layout: How many of what.
        data_root: Folder of the data sets.

    Raises:
        UserError: if images of that part are among those that the weights were trained on.
    """
    assert weights.experiment.own_classes is not None
    if part != "train":
        refuse_seen(weights.header, weights.experiment, data_root, parts=(part,))
    source: TaskSource = weights.experiment.own_classes(part, layout)
    return source


def folder_source(
    weights: Weights, folder: Path, layout: Layout, size: int | None, *, skip_small: bool, say: Callable[[str], object]
) -> TaskSource:
    """Episodes over the user's own images, a sub-folder for each class.

    Args:
        weights: They know the size of images.
        folder: The folder with the sub-folders.
        layout: How many of what.
        size: Side of the images in pixels, if the user chose one.
        skip_small: Whether to leave out classes that have too few images, instead of refusing them.
        say: Called with a message that names the classes that are left out.

    Raises:
        UserError: if it is no folder.
    """
    if not folder.is_dir():
        raise UserError(f"'{folder}' is neither omniglot nor glyphs nor a folder. Give one of them as --data.")
    if weights.experiment.own_classes is not None:
        size_of(weights, size)
        return partial(_other_classes, weights, folder, layout)
    return folder_episodes(folder, layout, size_of(weights, size), skip_small=skip_small, say=say)


def _other_classes(weights: Weights, folder: Path, layout: Layout, data_root: Path | None) -> Episodes:
    """Episodes over a folder, read as the learner's own folder was; none of its images may be of the training."""
    arguments = weights.arguments
    found = class_folder.read(folder, weights.image_size, colour=arguments["colour"])
    seen = {digest for each in weights.header.ancestors() for digest in each.contents}
    leaked = sum(digest in seen for digests in found.digests for digest in digests)
    if leaked:
        raise UserError(
            f"{leaked} images of {folder} are among those that these weights were trained on. Leave --data out, which "
            "takes the test classes of the training's own folder, or give other images."
        )
    return Episodes(found.images, layout, num_examples=found.num_examples)
