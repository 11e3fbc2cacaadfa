"""Tasks that are real series: some points of a series are the support, others are the queries.

Series may have any lengths and gaps. A batch draws one number of support points; a series with fewer points than that
and one more is not drawn in it.

Letters: T tasks, N series, P points of the longest series, S support points, Q queries.
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.sampling import Count, draw_count, highest, is_drawn, lowest


class SeriesLayout(NamedTuple):
    """Which points of a series are the support and which are the queries."""

    support: Count = (1, 30)
    """Support points. A range is drawn from for each batch, as far as half of the series have points."""
    queries: int = 20
    """Queries, at random among the other points. Where there are fewer of these, they come several times."""
    order: Literal["random", "first"] = "random"
    """Whether the support lies anywhere, or is the beginning of the series."""
    predicts_support: bool = False
    """Make the support points queries too, as the loss of neural processes does."""
    jitter: float = 0.0
    """How far the values of a series are shifted and stretched at random, in standard deviations of all values."""


class SeriesPoints:
    """Draws series, and points of them.

    Args:
        places: of each series its places in rising order.
        values: of each series its values.
        layout: which points are support and queries.
        device: the device on which tasks are made.

    Raises:
        UserError: if there is no series, or too few series have points for the layout.
    """

    def __init__(
        self,
        places: Sequence[np.ndarray],
        values: Sequence[np.ndarray],
        layout: SeriesLayout | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.layout = layout or SeriesLayout()
        self._series = tuple(places), tuple(values)
        if not self._series[0]:
            raise UserError("No series were given, but one at least was expected.")
        self._device = torch.device(device)
        self.counts = torch.tensor([len(each) for each in places], device=device)
        self.x_NP, self.y_NP = (_padded(each).to(device) for each in (places, values))
        self._spread = float(np.concatenate(values).std())
        refuse_layout(self.layout)
        _refuse_short(self.layout, self.counts)

    @property
    def device(self) -> torch.device:
        """The device on which tasks are made."""
        return self._device

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: a number of points."""
        return is_drawn(self.layout.support)

    def to(self, device: torch.device | str) -> Self:
        """The same series on another device.

        Args:
            device: the new device.
        """
        return type(self)(*self._series, self.layout, device)

    def with_layout(self, layout: SeriesLayout) -> Self:
        """The same series with another choice of points.

        Args:
            layout: which points are support and queries.

        Raises:
            UserError: if too few series have points for the layout.
        """
        return type(self)(*self._series, layout, self._device)

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks: support_x (T, S, 1), support_y (T, S, 1), and Q queries likewise.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        num_support = draw_count(self._support(), generator)
        (long_M,) = torch.nonzero(self.counts > num_support, as_tuple=True)
        drawn_T = torch.randint(len(long_M), (num_tasks,), generator=generator, device=generator.device)
        series_T = long_M[drawn_T]
        order_TP = self._order(series_T, num_support, generator)
        left_T1 = (self.counts[series_T] - num_support)[:, None]
        # In random order, from the first again where there are not enough.
        query_TQ = num_support + torch.arange(self.layout.queries, device=self._device) % left_T1
        place_TQ = order_TP.gather(1, query_TQ)
        given_TS = order_TP[:, :num_support]
        if self.layout.predicts_support:
            place_TQ = torch.cat([given_TS, place_TQ], dim=1)
        x_TP, y_TP = self.x_NP[series_T], self._changed(self.y_NP[series_T], generator)
        return Tasks(
            x_TP.gather(1, given_TS)[..., None],
            y_TP.gather(1, given_TS)[..., None],
            x_TP.gather(1, place_TQ)[..., None],
            y_TP.gather(1, place_TQ)[..., None],
        )

    def _support(self) -> Count:
        """The numbers of support points to draw from, as far as half of the series have points."""
        if not isinstance(self.layout.support, tuple):
            return self.layout.support
        most = max(lowest(self.layout.support), int(self.counts.median()) - 1)
        return lowest(self.layout.support), min(highest(self.layout.support), most)

    def _order(self, series_T: Tensor, num_support: int, generator: torch.Generator) -> Tensor:
        """The points of each task (T, P): support, then the others, then padding."""
        place_P = torch.arange(self.x_NP.shape[1], device=self._device)
        key_TP = torch.rand((len(series_T), len(place_P)), generator=generator, device=generator.device)
        if self.layout.order == "first":
            key_TP = torch.where(place_P < num_support, place_P.to(key_TP) - len(place_P), key_TP)
        return key_TP.masked_fill(place_P >= self.counts[series_T][:, None], 2.0).argsort(dim=1)

    def _changed(self, y_TP: Tensor, generator: torch.Generator) -> Tensor:
        """The values, shifted and stretched about their mean over all series."""
        if not self.layout.jitter:
            return y_TP
        shift_T1, stretch_T1 = (
            self.layout.jitter * torch.randn((2, len(y_TP), 1), generator=generator, device=generator.device)
        ).unbind()
        middle = (self.y_NP.sum() / self.counts.sum()).to(y_TP)
        return middle + (y_TP - middle) * stretch_T1.exp() + shift_T1 * self._spread


def _padded(series: Sequence[np.ndarray]) -> Tensor:
    """Series of several lengths (N, P), filled up with zeros."""
    longest = max(map(len, series))
    return torch.tensor(np.stack([np.pad(each, (0, longest - len(each))) for each in series]), dtype=torch.float32)


def refuse_layout(layout: SeriesLayout) -> None:
    """Refuse a layout that no series can have.

    Args:
        layout: which points are support and queries.

    Raises:
        UserError: if a number is too low, or the order is unknown.
    """
    least, most = lowest(layout.support), highest(layout.support)
    if not 0 <= least <= most:
        raise UserError(
            f"support = {layout.support} points were given, but a number from 0 was expected, or a pair of them, "
            "the lowest first."
        )
    if layout.queries < 1:
        raise UserError(f"queries = {layout.queries} points were given, but a task needs at least one.")
    if not 0 <= layout.jitter < math.inf:
        raise UserError(f"jitter = {layout.jitter} was given, but a number from 0 was expected.")
    if layout.order not in ("random", "first"):
        raise UserError(f"order = {layout.order!r} was given, but 'random' or 'first' was expected.")


def _refuse_short(layout: SeriesLayout, counts: Tensor) -> None:
    least = lowest(layout.support)
    if int(counts.max()) <= least:
        raise UserError(
            f"{least} points of support and a query need series of {least + 1} points, but the longest one has "
            f"{int(counts.max())}. Lower --support."
        )
