"""The self-referential weight matrix: a layer whose weights decide, item by item, how they change themselves.

Irie, Schlag, Csordás and Schmidhuber, "A Modern Self-Referential Weight Matrix That Learns to Modify Itself" (ICML
2022), section 3; equation numbers are the paper's.

Letters: T tasks, H heads, L items, D numbers of a head, R = 3·D + 4 rows of numbers that a head gives, C channels.
"""

import torch
from torch import Tensor, nn

from quickstudy.networks.attention import full_precision

_BLOCKS = 4
"""Parts of the matrix, each with its own rate: those that give the output, the query, the key and the rates."""


def self_modified(weights: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The output (..., D) of one item, and the weights that it leaves behind (eq. 5 to 8).

    The output is that of the weights before the change.

    Args:
        weights: (..., D, 3·D + 4), the blocks W_y, W_q, W_k and w_β side by side.
        x: (..., D), one item.
    """
    size = x.shape[-1]
    given = (x[..., None, :] @ weights).squeeze(-2)  # eq. 5
    output, query, key, rates = given.split([size, size, size, _BLOCKS], dim=-1)
    key, query = key.softmax(dim=-1), query.softmax(dim=-1)
    difference = ((query - key)[..., None, :] @ weights).squeeze(-2)  # eq. 6 and 7: what q reads, less what k reads
    change = _by_block(rates.sigmoid(), size) * difference
    return output, weights + key[..., :, None] * change[..., None, :]  # eq. 8


def _by_block(rates: Tensor, size: int) -> Tensor:
    """The rate of each column (..., 3·D + 4), from one rate of each block."""
    return torch.cat(
        [rates[..., :3].repeat_interleave(size, dim=-1), rates[..., 3:].expand(*rates.shape[:-1], _BLOCKS)], dim=-1
    )


class SelfReferentialLayer(nn.Module):
    """Heads of self-referential weights. Only their first values are trained.

    Args:
        channels: Numbers of an item; the heads share them.
        num_heads: Heads.
        first_rate: First mean of the weights that give the rates, before the sigmoid.

    Raises:
        ValueError: if the heads cannot share the channels.
    """

    def __init__(self, channels: int, num_heads: int, *, first_rate: float = 0.0) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(
                f"channels is {channels} and num_heads is {num_heads}, but heads of equal size were expected. Choose "
                "a multiple of num_heads."
            )
        size = channels // num_heads
        self.first = nn.Parameter(torch.randn(num_heads, size, 3 * size + _BLOCKS) / size**0.5)
        with torch.no_grad():
            self.first[..., -_BLOCKS:] += first_rate
        self.num_heads = num_heads
        self.out = nn.Linear(channels, channels, bias=False)

    def prior(self, num_tasks: int) -> Tensor:
        """The trained weights (T, H, D, R), the same for each task."""
        return self.first.expand(num_tasks, *self.first.shape)

    def read(self, x_TLC: Tensor, weights: Tensor, mask_TL: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Go through a sequence: what each item gives (T, L, C), and the weights after it.

        Args:
            x_TLC: Items.
            weights: Weights before the first item.
            mask_TL: True where an item is real; others change nothing. None if all are real.
        """
        with full_precision(x_TLC):
            outputs = []
            for step, x_THD in enumerate(self._heads(x_TLC).unbind(dim=1)):
                output_THD, changed = self_modified(weights, x_THD)
                weights = changed if mask_TL is None else changed.where(mask_TL[:, step, None, None, None], weights)
                outputs.append(output_THD)
            read_TLC = torch.stack(outputs, dim=1).flatten(2) if outputs else x_TLC
        return self.out(read_TLC), weights

    def aside(self, x_TQC: Tensor, weights: Tensor) -> Tensor:
        """What each item gives (T, Q, C) if it alone came next; nothing of it is kept.

        Args:
            x_TQC: Items.
            weights: The present weights.
        """
        with full_precision(x_TQC):
            x_THQD = self._heads(x_TQC).transpose(1, 2)
            read_THQD = x_THQD @ weights[..., : x_THQD.shape[-1]]  # The output alone: its block is the first.
        return self.out(read_THQD.transpose(1, 2).flatten(2))

    def _heads(self, x_TLC: Tensor) -> Tensor:
        return x_TLC.to(self.first.dtype).unflatten(-1, (self.num_heads, -1))
