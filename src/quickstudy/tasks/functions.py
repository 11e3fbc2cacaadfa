"""Tasks that are functions: the support is some points with their values, the queries are further points.

The literature of neural processes calls the support context and the queries targets. A whole batch is drawn at once,
and the same state of the generator gives the same functions.

Letters: T tasks, P points of a task, D numbers of an input, Y of a value.
"""

import copy
import math
from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.made_on_device import MadeOnDevice
from quickstudy.tasks.sampling import Count, draw_count, highest, is_drawn, lowest


class PointLayout(NamedTuple):
    """How many points a function has, and where they are."""

    support: Count = (3, 9)
    """Support points. There may be none. A range is drawn from for each batch."""
    queries: Count = (2, 9)
    """Query points. A range is drawn from for each batch."""
    low: float = -2.0
    """Lowest input. Inputs are uniform in each of their dimensions."""
    high: float = 2.0
    """Highest input."""
    inputs: int = 1
    """D, the numbers of an input."""
    predicts_support: bool = False
    """Make the support points queries too, as the loss of neural processes does."""
    query_range: tuple[float, float] | None = None
    """Lowest and highest input of queries, for example beyond the support. None for those of the support."""
    evenly: bool = False
    """Place the queries at equal distances from end to end, for example to plot curves."""


class Functions(MadeOnDevice, ABC):
    """Random functions with random points on them.

    Args:
        layout: how many points there are, and where.
        device: the device on which tasks are made.

    Raises:
        UserError: if the layout is invalid.
    """

    def __init__(self, layout: PointLayout | None = None, device: torch.device | str = "cpu") -> None:
        self.layout = layout or PointLayout()
        self.device = torch.device(device)
        _refuse(self.layout)

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: a number of points."""
        return is_drawn(self.layout.support) or is_drawn(self.layout.queries)

    def with_layout(self, layout: PointLayout) -> Self:
        """The same functions with other points.

        Args:
            layout: how many points there are, and where.

        Raises:
            UserError: if the layout is invalid.
        """
        _refuse(layout)
        other = copy.copy(self)
        other.layout = layout
        return other

    @abstractmethod
    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, D), support_y (T, S, Y), and Q queries likewise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """

    def _points(self, num_tasks: int, generator: torch.Generator) -> tuple[Tensor, int]:
        """Draw all points of every task. Return them and how many are the support."""
        layout = self.layout
        num_support, num_queries = (draw_count(count, generator) for count in (layout.support, layout.queries))
        shape = (num_tasks, num_support + num_queries, layout.inputs)
        unit_TPD = torch.rand(shape, generator=generator, device=generator.device)
        given_TSD = _stretched(unit_TPD[:, :num_support], layout.low, layout.high)
        unit_TQD = unit_TPD[:, num_support:]
        if layout.evenly:
            unit_TQD = torch.linspace(0, 1, num_queries, device=generator.device)[None, :, None].expand_as(unit_TQD)
        query_TQD = _stretched(unit_TQD, *(layout.query_range or (layout.low, layout.high)))
        return torch.cat([given_TSD, query_TQD], dim=1), num_support

    def _divided(self, x_TPD: Tensor, y_TPY: Tensor, num_support: int) -> Tasks:
        first = 0 if self.layout.predicts_support else num_support
        return Tasks(x_TPD[:, :num_support], y_TPY[:, :num_support], x_TPD[:, first:], y_TPY[:, first:])


class Sinusoids(Functions):
    """y = a sin(x − b), with uniform amplitudes a and phases b: Finn et al. (2017), section 5.1, x from −5 to 5.

    Args:
        layout: how many points there are, and where.
        device: the device on which tasks are made.
        amplitudes: lowest and highest a.
        phases: lowest and highest b, in radians.

    Raises:
        UserError: if the layout is invalid.
    """

    def __init__(
        self,
        layout: PointLayout | None = None,
        device: torch.device | str = "cpu",
        *,
        amplitudes: tuple[float, float] = (0.1, 5.0),
        phases: tuple[float, float] = (0.0, math.pi),
    ) -> None:
        super().__init__(layout or PointLayout(5, 10, -5.0, 5.0), device)
        self.amplitudes, self.phases = amplitudes, phases

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks, one wave for each. A value has as many numbers as an input.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        x_TPD, num_support = self._points(num_tasks, generator)
        amplitude_T11, phase_T11 = (
            draw_between(num_tasks, bounds, generator)[:, None, None] for bounds in (self.amplitudes, self.phases)
        )
        return self._divided(x_TPD, amplitude_T11 * (x_TPD - phase_T11).sin(), num_support)


def _stretched(unit: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * unit


def draw_between(num_tasks: int, bounds: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Draw a uniform number for each task, (T,).

    Args:
        num_tasks: T, the tasks.
        bounds: lowest and highest number.
        generator: the source of random numbers.
    """
    least, most = bounds
    return least + (most - least) * torch.rand(num_tasks, generator=generator, device=generator.device)


def _refuse(layout: PointLayout) -> None:
    for name, count, least in (("support", layout.support, 0), ("queries", layout.queries, 1)):
        if lowest(count) < least or lowest(count) > highest(count):
            raise UserError(
                f"{name} = {count} points were given, but a number from {least} was expected, "
                "or a pair of them, the lowest first."
            )
    for low, high in ((layout.low, layout.high), layout.query_range or (0.0, 1.0)):
        if not low < high:
            raise UserError(f"Points from {low} to {high} were given. Give the lower end first.")
    if layout.inputs < 1:
        raise UserError(f"Inputs of {layout.inputs} numbers were given, but a function needs at least one.")
    if layout.evenly and layout.inputs > 1:
        raise UserError(f"evenly = True was given, but inputs of {layout.inputs} numbers are not on a line.")
