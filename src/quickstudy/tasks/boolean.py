"""Boolean functions of the signs of two numbers: tasks that a rule of learning can be trained and tested on.

Letters: T tasks, E examples of a task.
"""

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.made_on_device import MadeOnDevice

BOOLEAN = {
    "xor": lambda a, b: a ^ b,
    "or": lambda a, b: a | b,
    "and": lambda a, b: a & b,
    "quadrant": lambda a, b: ~a & b,
    "nxor": lambda a, b: ~(a ^ b),
    "nor": lambda a, b: ~(a | b),
    "nand": lambda a, b: ~(a & b),
    "other quadrant": lambda a, b: a & ~b,
}
"""What is true of a point, from whether its numbers are above zero. A quadrant has the first below and the second
above zero, the other quadrant the reverse."""


class BooleanPlane(MadeOnDevice):
    """Points that are uniform in the square from −1 to 1. Each task is one of some Boolean functions.

    Args:
        functions: names of `BOOLEAN`, of which each task draws one.
        support: support points.
        queries: query points.
        device: the device on which tasks are made.

    Raises:
        UserError: if there is no such function, or too few points.
    """

    def __init__(
        self,
        functions: tuple[str, ...] = ("xor", "or"),
        *,
        support: int = 128,
        queries: int = 128,
        device: torch.device | str = "cpu",
    ) -> None:
        unknown = [name for name in functions if name not in BOOLEAN]
        if unknown or not functions:
            raise UserError(f"functions = {functions} was given, but some of {', '.join(BOOLEAN)} were expected.")
        if support < 1 or queries < 1:
            raise UserError(f"{support} support points and {queries} queries were given, but 1 at least was expected.")
        self.functions, self.support, self.queries = functions, support, queries
        self.device = torch.device(device)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, 2), support_y (T, S), 1 where the function is true, and Q queries likewise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        device = generator.device
        size = (num_tasks, self.support + self.queries, 2)
        x_TE2 = 2 * torch.rand(size, generator=generator, device=device) - 1
        which_T = torch.randint(len(self.functions), (num_tasks,), generator=generator, device=device)
        a_TE, b_TE = (x_TE2 > 0).unbind(dim=-1)
        every: Tensor = torch.stack([BOOLEAN[name](a_TE, b_TE) for name in self.functions])
        y_TE = every[which_T, torch.arange(num_tasks, device=device)].long()
        first = self.support
        return Tasks(x_TE2[:, :first], y_TE[:, :first], x_TE2[:, first:], y_TE[:, first:])
