"""Two views of one drawing: a task whose classes are the drawings themselves, so that nobody need label them.

The batch of Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (ICML 2020),
section 2.1, as a task like any other: of B drawings the first views are the support of a B-way 1-shot task, the
second views its queries. So `forward(tasks)` trains on it, and which classes the drawings are of is never asked.
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
    """Tasks of `pairs` drawings, each changed at random once for the support and once for the queries.

    `drawings` is (D, H, W) or (D, channels, H, W), of whatever classes. Numbers are read as `quickstudy.tasks.scale`
    says: bytes as 0 to 1.

    Raises:
        UserError: if a task could not have two drawings to tell apart, or there are too few for it, or a bound of the
            augmentation is none, or the drawings' numbers do not say how bright white is.
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
        """Where the drawings are, and so where the tasks are made."""
        return self.drawings.device

    def to(self, device: torch.device | str) -> Self:
        """The same pairs, with the drawings on another device."""
        return type(self)(self.drawings.to(device), self.pairs, self.augmentation)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x and query_x (T, B, channels, H, W), where both views of a drawing have one label.

        A label is a drawing's place in its task, from 0 to B − 1: it says which views belong together and no more.
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
                "was expected. Classes are not asked for: flatten (classes, examples, H, W) with flatten(0, 1)."
            )
        if not 2 <= self.pairs <= len(self.drawings):
            raise UserError(
                f"Tasks of {self.pairs} pairs were asked for, but 2 to {len(self.drawings)} can be had: as many as "
                "there are drawings, and two at least to be told apart."
            )
