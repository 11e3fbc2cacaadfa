"""Tasks of several kinds: such as few real classes, and many that are made."""

from collections.abc import Sequence
from typing import Self

import torch

from quickstudy.core import TrainingDistribution, TrainingTasks, UserError


class Mixture:
    """Every batch of tasks is drawn from one of several distributions, part i as often as its share says.

    Raises:
        UserError: if there is not one positive share for each part, or the parts make their tasks on several devices.
    """

    def __init__(self, parts: Sequence[TrainingDistribution], shares: Sequence[float]) -> None:
        if len(parts) != len(shares) or not parts or min(shares) <= 0:
            raise UserError(
                f"Shares {tuple(shares)} were given for {len(parts)} kinds of tasks. Give each kind a positive share."
            )
        if len({part.device for part in parts}) > 1:
            raise UserError("The kinds of tasks are made on different devices. Move them to one with `to` first.")
        self.parts, self.shares = tuple(parts), tuple(shares)

    @property
    def device(self) -> torch.device:
        """Where the tasks are made."""
        return self.parts[0].device

    def to(self, device: torch.device | str) -> Self:
        """The same mixture, made on another device."""
        return type(self)([part.to(device) for part in self.parts], self.shares)

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks, all of one kind: kinds may differ in the shape of their tasks."""
        shares = torch.tensor(self.shares, device=generator.device)
        kind = int(torch.multinomial(shares, 1, generator=generator))
        return self.parts[kind].sample(num_tasks, generator)
