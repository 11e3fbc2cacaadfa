"""From a set of points onto a grid, and from the grid to any place: the ends of convolutional neural processes.

Gordon et al., "Convolutional Conditional Neural Processes" (ICLR 2020): section 4 for points anywhere on a line,
and its version for pixels. The density of points is kept beside their values, so that no value differs from
value zero.

Letters: T tasks, S support points, Q queries, Y numbers of a value, G places of a grid, C channels, H W a pixel grid.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NOTHING = 1e-8  # Added to densities that divide: far from all points there is no value, which is zero.


class Grid(NamedTuple):
    """Equally spaced places on a line, the same for every task."""

    low: float
    """The first place."""
    spacing: float
    """Distance from each place to the next."""
    size: int
    """How many places."""

    @property
    def high(self) -> float:
        """The last place."""
        return self.low + self.spacing * (self.size - 1)

    def places(self, like: Tensor) -> Tensor:
        """The places, (G,).

        Args:
            like: Tensor that gives precision and device.
        """
        return self.low + self.spacing * torch.arange(self.size, dtype=like.dtype, device=like.device)


def padded_grid(low: float, high: float, points_per_unit: float, margin: float) -> Grid:
    """A grid in whole steps from `low`, with a margin at both ends.

    Args:
        low: Where the points can begin.
        high: Where they can end.
        points_per_unit: Places of the grid per unit.
        margin: How far the grid reaches beyond both ends.

    Raises:
        ValueError: if the ends are not in order, there are no points, or the margin is negative.
    """
    if not (low < high and points_per_unit > 0 and margin >= 0):
        raise ValueError(
            f"A grid from {low} to {high} of {points_per_unit} points per unit with a margin of {margin} was given, "
            "but ends in order, a positive number of points and a margin of zero or more were expected."
        )
    beyond, within = math.ceil(margin * points_per_unit), math.ceil((high - low) * points_per_unit)
    return Grid(low - beyond / points_per_unit, 1 / points_per_unit, within + 2 * beyond + 1)


class _Nearness(nn.Module):
    """−d² / 2ℓ², with ℓ learnt: the logarithm of a bump of height one."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.log_length = nn.Parameter(torch.tensor(math.log(2 * grid.spacing)))

    def forward(self, x_TP1: Tensor) -> Tensor:
        """(T, P, G), of places and the grid's places."""
        distance_TPG = (x_TP1 - self.grid.places(x_TP1)) / self.log_length.exp()
        return -distance_TPG.square() / 2


class SetConvolution(nn.Module):
    """Puts points and their values onto a grid: at each place the density of the points, and their mean value there.

    A point at distance d has the weight exp(−d² / 2ℓ²). The length ℓ is learnt and starts at two steps of the grid. The
    value is the weighted mean of the values, and zero where there is no density.

    Args:
        grid: The grid.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.nearness = _Nearness(grid)

    def forward(self, x_TS1: Tensor, y_TSY: Tensor, mask_TS: Tensor | None = None) -> Tensor:
        """Density and values, (T, G, 1 + Y).

        Args:
            x_TS1: Places of the points; S may be zero.
            y_TSY: Their values.
            mask_TS: Where it is False, a point does not count; None counts all.
        """
        weight_TGS = self.nearness(x_TS1).exp().transpose(1, 2)
        if mask_TS is not None:
            weight_TGS = weight_TGS * mask_TS[:, None]
        density_TG1 = weight_TGS.sum(dim=2, keepdim=True)
        return torch.cat([density_TG1, weight_TGS @ y_TSY / (density_TG1 + _NOTHING)], dim=2)


class GridReading(nn.Module):
    """Reads a function on the grid at any place: a mean over the grid, weighted by distance with a learnt length ℓ.

    The weights sum to one, so a constant function is read without error. What is read is smooth in the place.

    Args:
        grid: The grid.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.nearness = _Nearness(grid)

    def forward(self, f_TGC: Tensor, x_TQ1: Tensor) -> Tensor:
        """The function at the places, (T, Q, C).

        Args:
            f_TGC: The function on the grid.
            x_TQ1: The places.
        """
        return self.nearness(x_TQ1).softmax(dim=2) @ f_TGC


def cells(x_TP2: Tensor, shape: tuple[int, int]) -> Tensor:
    """Index of the cell that holds each place, (T, P), row by row.

    Args:
        x_TP2: Places (row, column) in the unit square.
        shape: Height and width (H, W) of the grid that covers the square.
    """
    row_TP, column_TP = (
        (x_TP * size).floor().long().clamp(0, size - 1) for x_TP, size in zip(x_TP2.unbind(dim=-1), shape, strict=True)
    )
    return row_TP * shape[1] + column_TP


def scatter(cell_TS: Tensor, y_TSY: Tensor, shape: tuple[int, int], mask_TS: Tensor | None = None) -> Tensor:
    """A grid of where there are points, and of the mean of their values in each cell, (T, H, W, 1 + Y).

    Args:
        cell_TS: Index of each point's cell, as `cells` returns it.
        y_TSY: Values of the points.
        shape: Height and width (H, W) of the grid.
        mask_TS: Where it is False, a point does not count; None counts all.
    """
    num_tasks, _, num_outputs = y_TSY.shape
    seen_TSI = torch.cat([torch.ones_like(y_TSY[..., :1]), y_TSY], dim=2)
    if mask_TS is not None:
        seen_TSI = seen_TSI * mask_TS[..., None]
    total_TGI = y_TSY.new_zeros(num_tasks, shape[0] * shape[1], 1 + num_outputs)
    total_TGI = total_TGI.scatter_add(1, cell_TS[..., None].expand_as(seen_TSI), seen_TSI)
    count_TG1, sum_TGY = total_TGI.split([1, num_outputs], dim=2)
    mean_TGY = sum_TGY / count_TG1.clamp(min=1)
    return torch.cat([count_TG1.clamp(max=1), mean_TGY], dim=2).unflatten(1, shape)


class NormalisedConvolution(nn.Module):
    """Spreads the values of a pixel grid: each kernel gives a density of points, and the weighted mean of their values.

    The absolute values of the kernels are used, so that a density is never negative. The kernels start as bumps, each
    wider than the one before. Reads (T, H, W, 1 + Y) of `scatter`, and gives (T, H, W, F (1 + Y)).

    Args:
        num_kernels: Kernels F.
        size: Side of a kernel in cells, odd.

    Raises:
        ValueError: if the size is even, so that a kernel has no middle.
    """

    def __init__(self, num_kernels: int, size: int) -> None:
        super().__init__()
        if size % 2 == 0:
            raise ValueError(f"The kernels are of size {size}, but an odd one was expected, which has a middle.")
        self.margin = size // 2
        offset = torch.arange(size) - self.margin
        length_F = torch.logspace(math.log10(0.5), math.log10(max(size / 3, 0.5)), num_kernels)
        bump_FK = (-offset.square() / (2 * length_F[:, None] ** 2)).exp()
        self.kernels = nn.Parameter(bump_FK[:, None, :, None] * bump_FK[:, None, None, :])

    def forward(self, seen_THWI: Tensor) -> Tensor:
        """Densities, and then values.

        Args:
            seen_THWI: What `scatter` returned.
        """
        num_tasks, height, width, num_channels = seen_THWI.shape
        each_B1HW = seen_THWI.permute(0, 3, 1, 2).reshape(-1, 1, height, width)
        spread_BFHW = F.conv2d(each_B1HW, self.kernels.abs(), padding=self.margin)
        spread_TIFHW = spread_BFHW.unflatten(0, (num_tasks, num_channels))
        density_T1FHW = spread_TIFHW[:, :1]
        values_TYFHW = spread_TIFHW[:, 1:] / (density_T1FHW + _NOTHING)
        return torch.cat([density_T1FHW, values_TYFHW], dim=1).flatten(1, 2).permute(0, 2, 3, 1)
