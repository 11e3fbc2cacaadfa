"""Two views of each drawing: a task whose classes are the drawings themselves, so that no labels are necessary.

The batch of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020), section
2.1, as an ordinary task. The first views of B drawings are the support of a B-way 1-shot task, and the second views are
its queries. So `forward(tasks)` trains on it. The classes of the drawings are not used.
"""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.augmentation import Augmentation, augment_images, refuse_augmentation
from quickstudy.tasks.sampling import draw_distinct, gather_images
from quickstudy.tasks.scale import Scaled, read_images


class ContrastivePairs:
    """Tasks of two views of each drawing: one random change for the support, another for the queries.

    Args:
        drawings: (D, H, W) or (D, channels, H, W), of any classes. Bytes become 0 to 1. `quickstudy.tasks.scale`
            describes other types.
        pairs: B, the drawings of a task.
        augmentation: how much a view may change.

    Raises:
        UserError: if a task has fewer than two drawings, there are too few drawings for a task, a bound of the
            augmentation is invalid, or the numbers of the drawings do not say which number is white.
    """

    def __init__(
        self, drawings: Tensor | np.ndarray, pairs: int = 256, augmentation: Augmentation | None = None
    ) -> None:
        self.drawings, self.scale = read_images(drawings, "drawings")
        self.pairs = pairs
        self.augmentation = augmentation or Augmentation()
        self._refuse()

    @property
    def device(self) -> torch.device:
        """The device of the drawings, on which tasks are made."""
        return self.drawings.device

    def to(self, device: torch.device | str) -> Self:
        """The same pairs, with the drawings on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.drawings.to(device), self.pairs, self.augmentation)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x and query_x (T, B, channels, H, W). Both views of a drawing have one label.

        A label is the place of a drawing in its task, from 0 to B − 1. It says only which views belong together.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        index_TB = draw_distinct(num_tasks, self.pairs, len(self.drawings), generator)
        drawn = gather_images(Scaled(self.drawings, self.scale), index_TB, None, generator)
        first, second = (self._changed(drawn, generator) for _ in range(2))
        place_TB = torch.arange(self.pairs, device=self.device).repeat(num_tasks, 1)
        return Tasks(first, place_TB, second, place_TB)

    def _changed(self, drawn_TBCHW: Tensor, generator: torch.Generator) -> Tensor:
        changed = augment_images(drawn_TBCHW.flatten(0, 1), self.augmentation, generator)
        return changed.view(drawn_TBCHW.shape)

    def _refuse(self) -> None:
        refuse_augmentation(self.augmentation)
        if self.drawings.ndim not in (3, 4):
            raise UserError(
                f"drawings has shape {tuple(self.drawings.shape)}, but (drawings, H, W) or (drawings, channels, H, W) "
                "was expected. Classes are not needed: flatten (classes, examples, H, W) with flatten(0, 1)."
            )
        if not 2 <= self.pairs <= len(self.drawings):
            raise UserError(
                f"Tasks of {self.pairs} pairs were given, but 2 to {len(self.drawings)} can be had: as many as "
                "there are drawings, and at least two."
            )
