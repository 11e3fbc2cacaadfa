"""Tasks that change during a training, for example short sequences first, then long ones."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch

from quickstudy.core import TrainingDistribution, TrainingTasks, UserError


class Stages:
    """One distribution after another.

    Args:
        parts: the distributions, in order.
        ends: for each part but the last, the share of the training at which it ends, from 0 to 1.

    Raises:
        UserError: if the ends are not rising shares, one fewer than the parts, or the parts are on several devices.
    """

    def __init__(self, parts: Sequence[TrainingDistribution], ends: Sequence[float]) -> None:
        bounds = (0.0, *ends, 1.0)
        if len(parts) != len(ends) + 1 or any(one >= other for one, other in pairwise(bounds)):
            raise UserError(
                f"The ends {tuple(ends)} were given for {len(parts)} stages of a training. Give each stage but the "
                "last the share of the training at which it ends: between 0 and 1, and rising."
            )
        if len({part.device for part in parts}) > 1:
            raise UserError("The stages' tasks are made on different devices. Move them to one with `to` first.")
        self.parts, self.ends = tuple(parts), tuple(ends)

    @property
    def device(self) -> torch.device:
        """The device on which tasks are made."""
        return self.parts[0].device

    def to(self, device: torch.device | str) -> Self:
        """The same stages, made on another device.

        Args:
            device: the new device.
        """
        return type(self)([part.to(device) for part in self.parts], self.ends)

    def at(self, fraction: float) -> TrainingDistribution:
        """The distribution to draw from after a share of the training.

        Args:
            fraction: the share of the training that is over, from 0 to 1.
        """
        return self.parts[sum(fraction >= end for end in self.ends)]

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks from the last part.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        return self.parts[-1].sample(num_tasks, generator)
