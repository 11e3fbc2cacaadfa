"""Classes that are points with noise around them: the smallest tasks on which learning to learn shows.

Letters: T tasks, E examples of a task, N ways, D numbers of an input.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.made_on_device import MadeOnDevice


class PrototypeLayout(NamedTuple):
    """The size of a task."""

    inputs: int = 6
    """D, the numbers of an input."""
    ways: int = 2
    """N, the classes."""
    support: int = 19
    """Examples of the support. Their classes are drawn at random, so a class may have none."""
    queries: int = 1
    """Queries."""
    noise: float = 0.5
    """Standard deviation of an example around its prototype, whose numbers have deviation 1."""


class Prototypes(MadeOnDevice):
    """Each task has new prototypes, drawn from a standard normal distribution. Inputs have variance 1 over all tasks.

    Args:
        layout: the size of a task.
        device: the device on which tasks are made.

    Raises:
        UserError: if the layout is invalid.
    """

    def __init__(self, layout: PrototypeLayout | None = None, device: torch.device | str = "cpu") -> None:
        self.layout, self.device = layout or PrototypeLayout(), torch.device(device)
        for name, least in (("inputs", 1), ("ways", 2), ("support", 1), ("queries", 1), ("noise", 0)):
            value = getattr(self.layout, name)
            if value < least:
                raise UserError(f"{name} = {value} was given, but a number from {least} was expected.")

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, D), support_y (T, S), and Q queries likewise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        layout, device = self.layout, generator.device
        prototype_TND = torch.randn(num_tasks, layout.ways, layout.inputs, generator=generator, device=device)
        size = (num_tasks, layout.support + layout.queries)
        y_TE = torch.randint(layout.ways, size, generator=generator, device=device)
        noise_TED = torch.randn(*size, layout.inputs, generator=generator, device=device)
        centre_TED: Tensor = prototype_TND[torch.arange(num_tasks, device=device)[:, None], y_TE]
        x_TED = (centre_TED + layout.noise * noise_TED) / (1 + layout.noise**2) ** 0.5
        first = layout.support
        return Tasks(x_TED[:, :first], y_TE[:, :first], x_TED[:, first:], y_TE[:, first:])
