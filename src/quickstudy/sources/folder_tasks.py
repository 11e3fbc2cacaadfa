"""Episodes over the user's own images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from quickstudy.core import TaskSource, UserError
from quickstudy.datasets import image_folder
from quickstudy.tasks import Episodes, Layout
from quickstudy.tasks.sampling import highest


def folder_episodes(
    folder: Path, layout: Layout, size: int = 28, *, skip_small: bool = False, say: Callable[[str], object] = print
) -> TaskSource:
    """Episodes over a folder of images, one sub-folder a class.

    Args:
        folder: The folder with the sub-folders.
        layout: Ways, shots and queries of an episode.
        size: Side in pixels at which the images are read.
        skip_small: Whether to leave out classes that have too few images, instead of refusing them.
        say: Called with a message that names the classes that are left out.

    Raises:
        UserError: when tasks are sampled, if a class has too few images.
    """

    def source(data_root: Path | None) -> Episodes:
        images, num_drawings, names = image_folder.load(folder, size)
        needed = highest(layout.shots) + layout.queries
        is_small = num_drawings < needed
        small = ", ".join(f"{names[index]} ({num_drawings[index]})" for index in np.flatnonzero(is_small))
        if small and not skip_small:
            raise UserError(
                f"{highest(layout.shots)} shots and {layout.queries} queries need {needed} images of every class, but "
                f"{folder} has fewer of: {small}. Lower --shots or --queries, add images, or leave these classes out "
                "with --skip-small."
            )
        if small:
            say(f"left out, having too few images: {small}")
        kept = ~is_small
        return Episodes(images[kept], layout, num_examples=num_drawings[kept])

    return source
