"""The training that the learners of images share: pictures completed from some of their pixels."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from quickstudy.core import Experiment, Learner, Optimisation, TaskSource, UserError
from quickstudy.datasets import glyphs, omniglot, pictures
from quickstudy.recipes.sources import GLYPH_SEEDS, Part, Split, part_classes
from quickstudy.tasks import Completion, CompletionLayout, Count, GeneratedCompletion, Jitter, rotated_classes
from quickstudy.tasks.sampling import highest

Images = Callable[[Path | None, Part], Completion]
"""From the data root and the part that is wanted to the images of that part."""

Contents = Callable[[Path | None], dict[str, list[str]]]
"""From the data root to digests of the pictures of each part."""

TESTS = {
    **{f"{count} random pixels": CompletionLayout(count) for count in (10, 50, 100, 300)},
    **{f"{count} pixels from the top": CompletionLayout(count, order="from the top") for count in (100, 300)},
}


def completion_experiment(
    learner: Learner,
    images: Images,
    optimisation: Optimisation,
    *,
    size: int = 28,
    support: Count,
    queries: int | None = None,
    jitter: bool = False,
    contents: Contents | None = None,
) -> Experiment:
    """Train on images of this side; their support is some pixels, as many as the step draws.

    The weights kept are those with the highest likelihood of the other pixels at a support of 100.
    """
    layout = CompletionLayout(support, queries, jitter=Jitter() if jitter else None)

    def source(part: Part, layout: CompletionLayout) -> TaskSource:
        return lambda data_root: images(data_root, part).with_layout(layout)

    return Experiment(
        learner=learner,
        train=source("train", layout),
        validation=source("validation", CompletionLayout(min(100, size**2 // 2))),
        test={title: source("test", layout) for title, layout in TESTS.items() if highest(layout.support) < size**2},
        contents=contents,
        optimisation=optimisation,
        validate_every=500,
        validation_tasks=200,
        validate_by="functions",
    )


def drawings(split: Split, *, rotations: bool = True) -> Images:
    """Omniglot's drawings; those for training are in four rotations, if wanted."""

    def images(data_root: Path | None, part: Part) -> Completion:
        chosen = omniglot.load(data_root)[0][part_classes(split, part)]
        turned = rotated_classes(chosen) if rotations and part == "train" else torch.as_tensor(chosen)
        return Completion(turned.flatten(0, 1))

    return images


def made_up(data_root: Path | None, part: Part) -> Completion:
    """Generated characters: new ones in each step for training, else a fixed thousand drawings."""
    if part == "train":
        return GeneratedCompletion(_drawn, (28, 28))
    return Completion(glyphs.load(1000, 1, seed=GLYPH_SEEDS[part]).flatten(0, 1))


def folder_of(folder: str, size: int, *, colour: bool) -> Images:
    """Pictures of your own folder. The part of a picture depends only on what it shows."""

    def images(data_root: Path | None, part: Part) -> Completion:
        found = _pictures(folder, size, colour=colour)
        return Completion(found.images[getattr(pictures.split(found.digests), part)])

    return images


def contents_of(folder: str, size: int, *, colour: bool) -> Contents:
    """Digests of the pictures of each part of `folder_of`."""

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
