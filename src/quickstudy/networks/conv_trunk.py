"""A residual trunk of depthwise convolutions, for maps of one dimension and of two.

Channels come last: a pointwise convolution then is a linear layer and a normalisation of each place reads memory in
order, while the depthwise convolution sees the same memory as PyTorch's channels-last images. No layer looks at
another map of the batch, and none knows where on the map it is, but for the zeros beyond the edge.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


def folded(x_BHWC: Tensor, side: int) -> Tensor:
    """Squares of cells become cells: (B, H / side, W / side, side² C). Zeros fill up the last squares.

    Args:
        x_BHWC: The maps.
        side: Side of a square in cells.
    """
    height, width = x_BHWC.shape[1:3]
    filled_BHWC = F.pad(x_BHWC, (0, 0, 0, -width % side, 0, -height % side))
    squares = filled_BHWC.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return squares.transpose(2, 3).flatten(3)


def unfolded(x_BHWC: Tensor, side: int, shape: tuple[int, int]) -> Tensor:
    """The cells before `folded` put them together, (B, H, W, C / side²).

    Args:
        x_BHWC: Folded maps.
        side: Side of a square in cells.
        shape: Height and width (H, W) before the folding.
    """
    squares = x_BHWC.unflatten(3, (side, side, -1)).transpose(2, 3)
    return squares.flatten(3, 4).flatten(1, 2)[:, : shape[0], : shape[1]]


class ResidualBlock(nn.Module):
    """x plus a perceptron of a depthwise convolution of x, which is first normalised at each place over its channels.

    Reads maps (B, H, W, C).

    Args:
        channels: Channels C.
        kernel: Height and width of the kernel in cells, both odd.
        dilation: Distance between the cells that the kernel reads, downwards and to the right.
    """

    def __init__(self, channels: int, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        margin = (dilation[0] * (kernel[0] // 2), dilation[1] * (kernel[1] // 2))
        self.depthwise = nn.Conv2d(channels, channels, kernel, padding=margin, dilation=dilation, groups=channels)
        self.pointwise = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Linear(channels, channels)
        )

    def forward(self, x_BHWC: Tensor) -> Tensor:
        """The next maps, of the same shape.

        Args:
            x_BHWC: The maps.
        """
        near_BHWC = self.depthwise(x_BHWC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return x_BHWC + self.pointwise(near_BHWC)


class ConvTrunk(nn.Module):
    """A linear layer at each place, and then residual blocks.

    It turns maps (B, H, W, I) into maps (B, H, W, C).

    Args:
        num_inputs: Channels I of the input.
        channels: Channels C of the blocks and of the output.
        kernel: Height and width of the kernels in cells.
        dilations: For each block the distance between the cells that its kernel reads, downwards and to the right.

    Raises:
        ValueError: if a size of the kernel is even, so that it has no middle.
    """

    def __init__(
        self, num_inputs: int, channels: int, kernel: tuple[int, int], dilations: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        if not all(size % 2 for size in kernel):
            raise ValueError(f"The kernel is {kernel}, but odd sizes were expected, which have a middle.")
        self.layers = nn.Sequential(
            nn.Linear(num_inputs, channels), *(ResidualBlock(channels, kernel, dilation) for dilation in dilations)
        )
        reach = (sum(dilation[axis] for dilation in dilations) * (kernel[axis] // 2) for axis in (0, 1))
        self.reach = tuple(reach)
        """How many cells up and down, left and right, an output sees."""

    def forward(self, x_BHWI: Tensor) -> Tensor:
        """Features of the maps, (B, H, W, C).

        Args:
            x_BHWI: The maps.
        """
        return self.layers(x_BHWI)
