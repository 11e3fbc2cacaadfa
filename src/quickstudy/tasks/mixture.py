"""Tasks of several kinds, for example a few real classes and many generated ones."""

from collections.abc import Sequence
from typing import Self

import torch

from quickstudy.core import TrainingDistribution, TrainingTasks, UserError
from quickstudy.tasks.functions import Functions, PointLayout
from quickstudy.tasks.sampling import highest, lowest


class Mixture:
    """Draws every batch of tasks from one of several distributions.

    Args:
        parts: the distributions.
        shares: how often each part is drawn from, in proportion to the others.

    Raises:
        UserError: if there is not one positive share for each part, or the parts are on several devices.
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
        """The device on which tasks are made."""
        return self.parts[0].device

    @property
    def layout(self) -> PointLayout | None:
        """The points of the functions: those of the first part, with the range of support of all parts.

        None for a mixture without functions.
        """
        layouts = [part.layout for part in self.parts if isinstance(part, Functions)]
        if not layouts:
            return None
        fewest, most = (min(lowest(each.support) for each in layouts), max(highest(each.support) for each in layouts))
        return layouts[0]._replace(support=(fewest, most))

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: here always their kind."""
        return True

    def to(self, device: torch.device | str) -> Self:
        """The same mixture, made on another device.

        Args:
            device: the new device.
        """
        return type(self)([part.to(device) for part in self.parts], self.shares)

    def sample(self, num_tasks: int, generator: torch.Generator) -> TrainingTasks:
        """Draw a batch of tasks of one kind. The kinds may differ in the shape of their tasks.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        shares = torch.tensor(self.shares, device=generator.device)
        kind = int(torch.multinomial(shares, 1, generator=generator))
        return self.parts[kind].sample(num_tasks, generator)
