"""Kernels of convolutions that one small network generates from an embedding of each layer.

Ha, Dai and Le, "HyperNetworks" (ICLR 2017), section 3.1; equation numbers are the paper's.

Letters: Z numbers of an embedding, I input channels, O output channels, F side of a kernel, D hidden numbers.
"""

import torch
from torch import Tensor, nn


class KernelGenerator(nn.Module):
    """Gives a kernel (O, I, F, F) for each embedding; all layers share it.

    Args:
        num_embedding: The paper's N_z.
        in_channels: Input channels of a kernel.
        out_channels: Output channels of a kernel.
        size: Side of a kernel.
        hidden: The paper's d; None makes it as large as an embedding.
    """

    def __init__(
        self, num_embedding: int, in_channels: int, out_channels: int, size: int, *, hidden: int | None = None
    ) -> None:
        super().__init__()
        hidden = num_embedding if hidden is None else hidden
        self.shape = (out_channels, in_channels, size, size)
        # W_i and B_i of all input channels side by side, and W_out and b_out, which all input channels share.
        self.first = nn.Linear(num_embedding, in_channels * hidden)
        self.second = nn.Linear(hidden, out_channels * size * size)
        self.hidden = hidden

    def forward(self, embedding: Tensor) -> Tensor:
        """Kernels (..., O, I, F, F) of embeddings (..., Z) (eq. 2)."""
        out_channels, in_channels, size, _ = self.shape
        slices_ID = self.first(embedding).unflatten(-1, (in_channels, self.hidden))  # a_i = W_i z + B_i
        kernels = self.second(slices_ID).unflatten(-1, (out_channels, size, size))  # K_i = W_out a_i + B_out
        return kernels.movedim(-4, -3)


class GeneratedKernel(nn.Module):
    """A kernel of one layer, put together of tiles that a shared generator gives, one embedding for each tile.

    Args:
        generator: Gives the tiles; layers share it. It is no part of this module, and whoever shares it owns it.
        in_channels: Input channels, a multiple of the generator's.
        out_channels: Output channels, a multiple of the generator's.

    Raises:
        ValueError: if no kernel of this size can be put together of tiles.
    """

    def __init__(self, generator: KernelGenerator, in_channels: int, out_channels: int) -> None:
        super().__init__()
        tile_out, tile_in, *_ = generator.shape
        if in_channels % tile_in or out_channels % tile_out:
            raise ValueError(
                f"A kernel of {in_channels} by {out_channels} channels was wanted, but tiles have {tile_in} by "
                f"{tile_out}. Choose multiples of these."
            )
        num_embedding = generator.first.in_features
        self._generator = (generator,)  # In a tuple, so that its weights are not registered once for each layer.
        self.embeddings = nn.Parameter(
            0.01 * torch.randn(out_channels // tile_out, in_channels // tile_in, num_embedding)
        )

    def forward(self) -> Tensor:
        """The kernel (O, I, F, F)."""
        tiles: Tensor = self._generator[0](self.embeddings)  # (rows, columns, o, i, F, F)
        return tiles.transpose(1, 2).flatten(2, 3).flatten(0, 1)
