"""Causal blocks that remember: dilated temporal convolutions whose past is kept, so that nothing is replayed.

Mishra, Rohaninejad, Chen and Abbeel, "A Simple Neural Attentive Meta-Learner" (ICLR 2018), section 3 and figure 2;
the gated dilated convolution is that of van den Oord et al., "WaveNet" (2016).

Letters: T tasks, L positions of a sequence, Q queries, C channels, F filters, d the dilation. A sequence (T, L, C)
goes from the oldest item to the newest.

Every block has four faces, which agree: `forward` reads a whole sequence; `extend` goes on where a cache ends, and
gives the longer cache; `remember` gives that cache alone; `query` reads many items at once, each as if it alone came
right after the cache, so that none sees another.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.core.tracing import is_traced


class CausalBlock(nn.Module, ABC):
    """A sequence (T, L, C) in, a sequence (T, L, `out_channels`) out, in which nothing depends on what comes later.

    A cache is a tensor, or tuples of tensors, that lead with the task dimension.
    """

    out_channels: int

    @abstractmethod
    def empty(self, num_tasks: int) -> Any:
        """The cache before any item was read.

        Args:
            num_tasks: Tasks T.
        """

    @abstractmethod
    def extend(self, cache: Any, x_TLC: Tensor, crowding: Tensor | None = None) -> tuple[Tensor, Any]:
        """The output at the next L positions, and the cache after them.

        Args:
            cache: Cache of what was read so far.
            x_TLC: Inputs at the next positions.
            crowding: How common the kind of each item is, (T, all positions so far). Only the last position uses it;
                see `query`.
        """

    @abstractmethod
    def query(self, cache: Any, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The output for each of Q items, as if each alone took the next position. The cache does not change.

        Args:
            cache: Cache of what was read so far.
            x_TQC: The items.
            crowding: How common the kind of each item read so far is, (T, L). Attention reads an item less by this
                factor; None reads all equally.
        """

    def remember(self, cache: Any, x_TLC: Tensor) -> Any:
        """The cache after the next L positions, if their output is not needed.

        Args:
            cache: Cache of what was read so far.
            x_TLC: Inputs at the next positions.
        """
        return self.extend(cache, x_TLC)[1]

    def forward(self, x_TLC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The output at every position of a whole sequence.

        Args:
            x_TLC: The sequence.
            crowding: How common the kind of each item is, (T, L). Only the last position uses it; see `query`.
        """
        return self.extend(self.empty(x_TLC.shape[0]), x_TLC, crowding)[0]


class CausalConvolution(CausalBlock):
    """Kernel two, dilation d, zeros before the first item: out_t = A x_{t−d} + B x_t + b.

    Its cache is what the last inputs add to the outputs d later, A x (T, at most d, F), so no query computes it again.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels F of the output.
        dilation: The distance d.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.dilation = dilation
        self.in_channels, self.out_channels = in_channels, out_channels
        self.taps = nn.Linear(2 * in_channels, out_channels)  # A and B side by side: initialised as a convolution is.

    def empty(self, num_tasks: int) -> Tensor:
        """The cache of no inputs. In a graph, whose sizes are fixed, it has as many zeros as it can hold."""
        return self.taps.weight.new_zeros(num_tasks, self.dilation if is_traced() else 0, self.out_channels)

    def extend(self, cache: Tensor, x_TLC: Tensor, crowding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The convolution at the next L positions, and the A x of the last d inputs."""
        both_TLF2 = F.linear(x_TLC, self.taps.weight.view(-1, self.in_channels)).unflatten(-1, (-1, 2))
        later_TLF, now_TLF = both_TLF2.unbind(dim=-1)
        ahead_TLF = torch.cat([cache.to(later_TLF.dtype), later_TLF], dim=1)
        convolved_TLF = now_TLF + self.taps.bias + self._padded(ahead_TLF, cache.shape[1])[:, : x_TLC.shape[1]]
        # A copy where inputs drop out: a view would keep them in memory.
        return convolved_TLF, ahead_TLF[:, max(0, ahead_TLF.shape[1] - self.dilation) :].contiguous()

    def query(self, cache: Tensor, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The convolution of each item with the one input it reaches, which is the same for all of them."""
        b_FC = self.taps.weight[:, self.in_channels :]
        return F.linear(x_TQC, b_FC, self.taps.bias) + self._padded(cache, cache.shape[1])[:, :1]

    def _padded(self, ahead_TLF: Tensor, num_cached: int) -> Tensor:
        """Behind as many zeros as there are too few in the cache: the first is what the next item finds."""
        return F.pad(ahead_TLF, (0, 0, self.dilation - num_cached, 0))


class DenseBlock(CausalBlock):
    """DenseBlock(D, d) of the paper: two causal convolutions, one of which gates the other, beside the input itself.

    Args:
        in_channels: Channels C of the input; the output has C + F.
        filters: The paper's D, here F.
        dilation: The paper's d.
    """

    def __init__(self, in_channels: int, filters: int, dilation: int = 1) -> None:
        super().__init__()
        # f and g in one: they read the same inputs, and so share a cache.
        self.convolutions = CausalConvolution(in_channels, 2 * filters, dilation)
        self.out_channels = in_channels + filters

    def empty(self, num_tasks: int) -> Tensor:
        """No inputs."""
        return self.convolutions.empty(num_tasks)

    def extend(self, cache: Tensor, x_TLC: Tensor, crowding: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The block at the next L positions, and the last d inputs."""
        convolved_TLF, cache = self.convolutions.extend(cache, x_TLC)
        return _gated(x_TLC, convolved_TLF), cache

    def query(self, cache: Tensor, x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The block for each of Q items that take the next position in turn."""
        return _gated(x_TQC, self.convolutions.query(cache, x_TQC))


class CausalChain(CausalBlock):
    """Causal blocks one after another. Its cache is the tuple of their caches.

    Args:
        blocks: Makes each block from its number of input channels.
        in_channels: Channels of the input.
    """

    def __init__(self, blocks: Iterable[CausalBlock], in_channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.out_channels = self._all()[-1].out_channels if len(self.blocks) else in_channels

    def empty(self, num_tasks: int) -> tuple[Any, ...]:
        """The empty cache of each block."""
        return tuple(block.empty(num_tasks) for block in self._all())

    def extend(
        self, cache: tuple[Any, ...], x_TLC: Tensor, crowding: Tensor | None = None
    ) -> tuple[Tensor, tuple[Any, ...]]:
        """What the last block gives at the next L positions, and every block's cache."""
        return _extended(self._all(), cache, x_TLC, crowding)

    def remember(self, cache: tuple[Any, ...], x_TLC: Tensor) -> tuple[Any, ...]:
        """Every block's cache; what the last block gives at these positions is left out, as none of them holds it."""
        if not self.blocks:
            return ()
        *earlier, last = self._all()
        x_TLC, caches = _extended(earlier, cache[:-1], x_TLC)
        return (*caches, last.remember(cache[-1], x_TLC))

    def query(self, cache: tuple[Any, ...], x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """What the last block gives for each of Q items that take the next position in turn."""
        for block, seen in zip(self._all(), cache, strict=True):
            x_TQC = block.query(seen, x_TQC, crowding)
        return x_TQC

    def _all(self) -> list[CausalBlock]:
        return list(self.blocks)  # type: ignore[arg-type]


class TCBlock(CausalChain):
    """TCBlock(T, D) of the paper: dense blocks with dilations 1, 2, 4, … that together reach the whole sequence.

    The paper's pseudo-code, taken literally, starts with two. Then a position reads only those at an even distance, and
    never the one before it.

    Args:
        in_channels: Channels of the input.
        length: Items of a sequence, the paper's T.
        filters: The paper's D.
        literal_dilations: Start with two instead of one.

    Raises:
        ValueError: if the length is not positive.
    """

    def __init__(self, in_channels: int, length: int, filters: int, *, literal_dilations: bool = False) -> None:
        if length < 1:
            raise ValueError(f"length is {length}, but a sequence has at least one item.")
        num_blocks = (length - 1).bit_length()  # ⌈log₂ length⌉, free of rounding
        first = 2 if literal_dilations else 1
        super().__init__(
            [DenseBlock(in_channels + index * filters, filters, first * 2**index) for index in range(num_blocks)],
            in_channels,
        )


def _extended(
    blocks: Iterable[CausalBlock], caches: tuple[Any, ...], x_TLC: Tensor, crowding: Tensor | None = None
) -> tuple[Tensor, tuple[Any, ...]]:
    """What the last of the blocks gives at the next L positions, and every block's cache."""
    longer = []
    for block, cache in zip(blocks, caches, strict=True):
        x_TLC, cache = block.extend(cache, x_TLC, crowding)
        longer.append(cache)
    return x_TLC, tuple(longer)


def _gated(x_TLC: Tensor, convolved_TLF: Tensor) -> Tensor:
    f_TLF, g_TLF = convolved_TLF.chunk(2, dim=-1)
    return torch.cat([x_TLC, f_TLF.tanh() * g_TLF.sigmoid()], dim=-1)
