"""Convolutional Conditional Neural Processes: a task is a function on a grid, and moving the points moves it along.

Gordon, Bruinsma, Foong, Requeima, Dubois and Turner, "Convolutional Conditional Neural Processes" (ICLR 2020),
section 4: `ConvCNP` for points anywhere on a line, `GridConvCNP` for pixels. Our support is their context, our queries
are their targets.

What differs: the grid is fixed and not placed around the points of a batch, so that the prediction for a task depends
neither on other tasks nor on the queries. The trunk's convolutions are depthwise: dilated on a line, over squares of
pixels on images. The trunk also reads the given pixels' own values, beside their means.

Letters: T tasks, S support points, Q queries, Y numbers of a value, G places of the grid, C channels, H W the pixels,
P numbers of a prediction.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core import Learner, UserError, read_query, read_values
from quickstudy.core.compiling import not_compiled
from quickstudy.networks.conv_trunk import ConvTrunk, folded, unfolded
from quickstudy.networks.set_convolutions import (
    GridReading,
    NormalisedConvolution,
    SetConvolution,
    cells,
    padded_grid,
    scatter,
)
from quickstudy.networks.value_head import Likelihood, ValueHead, perceptron


class ConvCNPState(NamedTuple):
    """The support as a function."""

    function: Tensor
    """(T, G, C): its channels at the places of the grid."""


class ConvCNP(Learner):
    """Puts the points onto a grid, convolves there, and reads the result at the queries.

    Places are on a line. Nearly all of the work is in `adapt`. Away from the edges, moving all points by steps of the
    grid moves the predictions by as much.

    Args:
        num_outputs: Numbers of a value.
        low: Lower end of the places.
        high: Upper end of the places.
        points_per_unit: Grid points in a unit of the places.
        margin: How far the grid extends beyond both ends.
        channels: Channels of the function on the grid.
        kernel: Grid points of a convolution.
        dilations: Dilation of each block.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.
    """

    def __init__(
        self,
        num_outputs: int = 1,
        *,
        low: float = -2.0,
        high: float = 2.0,
        points_per_unit: float = 32.0,
        margin: float = 1.0,
        channels: int = 64,
        kernel: int = 5,
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1),
        likelihood: Likelihood = "normal",
        floor: float = 0.0,
    ) -> None:
        super().__init__()
        self.sizes = 1, num_outputs
        self.grid = padded_grid(low, high, points_per_unit, margin)
        self.onto_grid = SetConvolution(self.grid)
        self.trunk = ConvTrunk(1 + num_outputs, channels, (1, kernel), [(1, dilation) for dilation in dilations])
        self.reading = GridReading(self.grid)
        self.head = ValueHead(num_outputs, likelihood, floor)
        self.decoder = nn.Sequential(nn.LayerNorm(channels), perceptron(channels, channels, self.head.num_inputs))

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> ConvCNPState:
        """The function of the points (T, S, 1) with values (T, S, Y)."""
        support_x, support_y, mask = read_values(self, support_x, support_y, support_mask, sizes=self.sizes)
        _refuse_beyond(support_x if mask is None else support_x[mask], self.grid.low, self.grid.high)
        seen_TGI = self.onto_grid(support_x, support_y, mask)
        return ConvCNPState(self.trunk(seen_TGI[:, None]).squeeze(1))

    def predict(self, state: ConvCNPState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, 1)."""
        query_x = read_query(self, state, query_x, self.sizes[:1])
        _refuse_beyond(query_x, self.grid.low, self.grid.high)
        return self.head(self.decoder(self.reading(state.function, query_x)))


class GridConvCNPState(NamedTuple):
    """The answer for every pixel."""

    numbers: Tensor
    """(T, H, W, P): what `ValueHead` reads."""


class GridConvCNP(Learner):
    """Reads pixels of a picture and predicts all others, by convolutions over the pixels.

    Places are (row, column) in the unit square; the centre of pixel i of n is at (i + ½) / n. Points in one pixel are
    averaged. Nearly all of the work is in `adapt`. Away from the edges, moving all pixels by `fold` moves the
    predictions by as much.

    Args:
        num_outputs: Numbers of a pixel.
        grid: Height and width of the picture.
        channels: Channels of the trunk.
        blocks: Residual blocks of the trunk.
        kernel: Cells along a side of a convolution of the trunk.
        fold: Pixels along a side of a cell of the trunk.
        num_kernels: Kernels of the first, normalised convolution.
        spread: Pixels along a side of these kernels.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.

    Raises:
        ValueError: if a kernel has no middle, or a cell has no pixel.
    """

    def __init__(
        self,
        num_outputs: int = 1,
        *,
        grid: tuple[int, int] = (28, 28),
        channels: int = 64,
        blocks: int = 5,
        kernel: int = 5,
        fold: int = 2,
        num_kernels: int = 8,
        spread: int = 9,
        likelihood: Likelihood = "normal",
        floor: float = 0.1,
    ) -> None:
        super().__init__()
        if fold < 1:
            raise ValueError(f"fold is {fold}, but a number of pixels, 1 or more, was expected.")
        self.sizes, self.grid, self.fold = (2, num_outputs), (grid[0], grid[1]), fold
        self.spread = NormalisedConvolution(num_kernels, spread)
        num_features = (1 + num_kernels) * (1 + num_outputs)
        self.trunk = ConvTrunk(fold**2 * num_features, channels, (kernel, kernel), [(1, 1)] * blocks)
        width = channels // 2  # Of a pixel, of which there are more than cells.
        self.around, self.itself = nn.Linear(channels, fold**2 * width), nn.Linear(num_features, width)
        self.head = ValueHead(num_outputs, likelihood, floor)
        self.decoder = nn.Sequential(nn.LayerNorm(width), perceptron(width, width, self.head.num_inputs))

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> GridConvCNPState:
        """The picture of the pixels (T, S, 2) with values (T, S, Y)."""
        support_x, support_y, mask = read_values(self, support_x, support_y, support_mask, sizes=self.sizes)
        _refuse_beyond(support_x, 0.0, 1.0)
        seen_THWI = scatter(cells(support_x, self.grid), support_y, self.grid, mask)
        seen_THWI = torch.cat([seen_THWI, self.spread(seen_THWI)], dim=-1)
        cells_THWC = self.around(self.trunk(folded(seen_THWI, self.fold)))
        features_THWC = unfolded(cells_THWC, self.fold, self.grid) + self.itself(seen_THWI)
        return GridConvCNPState(self.decoder(features_THWC))

    def predict(self, state: GridConvCNPState, query_x: Tensor) -> Distribution:
        """Values of the pixels that hold the queries (T, Q, 2)."""
        query_x = read_query(self, state, query_x, self.sizes[:1])
        _refuse_beyond(query_x, 0.0, 1.0)
        cell_TQ1 = cells(query_x, self.grid)[..., None]
        numbers_TGP = state.numbers.flatten(1, 2)
        return self.head(numbers_TGP.gather(1, cell_TQ1.expand(-1, -1, numbers_TGP.shape[2])))


@not_compiled
def _refuse_beyond(x: Tensor, low: float, high: float) -> None:
    """Places off the grid cannot be put onto it.

    Raises:
        UserError: saying which place came, and where the grid is.
    """
    if x.device.type != "cpu":
        return  # Looking at the places would make the host wait for the device.
    is_beyond = ~((x >= low) & (x <= high))  # True of what is no number, too.
    if is_beyond.any():
        raise UserError(
            f"A place is at {float(x[is_beyond][0]):g}, but the grid goes from {low:g} to {high:g}. "
            "Scale the places, or build the learner with a grid that holds them."
        )
