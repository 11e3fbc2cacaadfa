"""Tasks that change in the course of a training: such as short sequences first, then long ones."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch

from quickstudy.core import TrainingDistribution, TrainingTasks, UserError


class Stages:
    """One distribution after another; part i serves until that share of the training is over, the last one to the end.

    Raises:
        UserError: if the ends are not rising shares, one fewer than the parts, or the parts make their tasks on several
            devices.
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
        """Where the tasks are made."""
        return self.parts[0].device

    def to(self, device: torch.device | str) -> Self:
        """The same stages, made on another device."""
        return type(self)([part.to(device) for part in self.parts], self.ends)

    def at(self, fraction: float) -> TrainingDistribution:
        """The distribution that serves when this share of the training is over."""
        return self.parts[sum(fraction >= end for end in self.ends)]

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks as they are at the end of the training."""
        return self.parts[-1].sample(num_tasks, generator)
