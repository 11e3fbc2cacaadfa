"""Images to complete from some of their pixels: drawings, generated characters, and the user's own pictures."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.datasets import glyphs, omniglot, pictures
from quickstudy.sources.generated_tasks import GLYPH_SEEDS
from quickstudy.sources.parts import Part, Split, part_classes
from quickstudy.tasks import Completion, CompletionLayout, GeneratedCompletion, rotated_classes

ImagesToComplete = Callable[[Path | None, Part], Completion]
"""From the data root and the part that is wanted to the images of that part."""

Contents = Callable[[Path | None], dict[str, list[str]]]
"""From the data root to digests of the pictures of each part."""

COMPLETION_LAYOUTS = {
    **{f"{count} random pixels": CompletionLayout(count) for count in (10, 50, 100, 300)},
    **{f"{count} pixels from the top": CompletionLayout(count, order="from the top") for count in (100, 300)},
}
"""The settings of the tests: which pixels are given."""


def drawings_to_complete(split: Split, *, rotations: bool = True) -> ImagesToComplete:
    """Omniglot's drawings.

    Args:
        split: Which characters are in which part.
        rotations: Whether each drawing for training comes in four rotations.
    """

    def images(data_root: Path | None, part: Part) -> Completion:
        chosen = omniglot.load(data_root)[0][part_classes(split, part)]
        turned = rotated_classes(chosen) if rotations and part == "train" else torch.as_tensor(chosen)
        return Completion(turned.flatten(0, 1))

    return images


def glyphs_to_complete(data_root: Path | None, part: Part) -> Completion:
    """Generated characters: new ones in each step for training, else a fixed thousand drawings.

    Args:
        data_root: Not needed.
        part: The part that is wanted.
    """
    if part == "train":
        return GeneratedCompletion(_drawn, (28, 28))
    return Completion(glyphs.load(1000, 1, seed=GLYPH_SEEDS[part]).flatten(0, 1))


def pictures_to_complete(folder: str, size: int, *, colour: bool) -> ImagesToComplete:
    """Pictures of the user's own folder. The part of a picture depends only on what it shows.

    Args:
        folder: The folder.
        size: Side in pixels at which the pictures are read.
        colour: Whether to read red, green and blue; otherwise grey.

    Raises:
        UserError: when pictures are read, if there is no folder or too few pictures.
    """

    def images(data_root: Path | None, part: Part) -> Completion:
        found = _pictures(folder, size, colour=colour)
        return Completion(found.images[getattr(pictures.split(found.digests), part)])

    return images


def picture_contents(folder: str, size: int, *, colour: bool) -> Contents:
    """Digests of the pictures of each part of the user's own folder.

    Args:
        folder: The folder.
        size: Side in pixels at which the pictures are read.
        colour: Whether to read red, green and blue; otherwise grey.

    Raises:
        UserError: when pictures are read, if there is no folder or too few pictures.
    """

    def digests(data_root: Path | None) -> dict[str, list[str]]:
        found = _pictures(folder, size, colour=colour).digests
        split = pictures.split(found)
        return {part: [found[index] for index in getattr(split, part)] for part in ("train", "validation", "test")}

    return digests


def _pictures(folder: str, size: int, *, colour: bool) -> pictures.Pictures:
    if not folder:
        raise UserError("No folder of pictures was given. Give one: --folder DIR.")
    found = pictures.read(folder, size, colour=colour)
    if len(found.digests) < 10:
        raise UserError(f"{folder} holds {len(found.digests)} pictures, but training and test need at least ten.")
    return found


def _drawn(num_images: int, generator: torch.Generator) -> Tensor:
    return glyphs.sample(num_images, 1, generator).squeeze(1)
