"""A transformer as a causal block: it keeps the keys and values of what it has read.

Vaswani et al., "Attention Is All You Need" (2017), with the blocks of `attention.py`.

Letters: T tasks, L positions of a sequence, P positions that are read, Q queries, C channels.
"""

import torch
from torch import Tensor, nn

from quickstudy.networks.attention import KeysValues, TransformerBlock, joined
from quickstudy.networks.temporal import CausalBlock


class CausalTransformer(CausalBlock):
    """Transformer blocks in which each position reads itself and those before it. There are no position embeddings.

    Its cache are the keys and values of each block.

    Args:
        in_channels: channels of the input.
        channels: channels of an item in the blocks, and of the output.
        num_layers: blocks.
        num_heads: heads of each attention.
    """

    def __init__(self, in_channels: int, channels: int, num_layers: int, num_heads: int) -> None:
        super().__init__()
        self.enter = nn.Linear(in_channels, channels)
        self.layers = nn.ModuleList(TransformerBlock(channels, num_heads, 4 * channels) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)
        self.out_channels = channels

    def empty(self, num_tasks: int) -> tuple[KeysValues, ...]:
        """No keys, no values."""
        like = self.enter.weight
        nothing = like.new_empty(num_tasks, self._heads, 0, self.out_channels // self._heads)
        return tuple(KeysValues(nothing, nothing) for _ in self.layers)

    def extend(
        self, cache: tuple[KeysValues, ...], x_TLC: Tensor, crowding: Tensor | None = None
    ) -> tuple[Tensor, tuple[KeysValues, ...]]:
        """The items at the next L positions, and all keys and values."""
        x_TLC = self.enter(x_TLC)
        num_new, longer = x_TLC.shape[1], []
        for layer, seen in zip(self._all(), cache, strict=True):
            seen = joined(seen, layer.remember(x_TLC))
            num_all = seen.keys.shape[-2]
            may_read_LP = torch.ones(num_new, num_all, dtype=torch.bool, device=x_TLC.device).tril(num_all - num_new)
            x_TLC = layer(x_TLC, seen, may_read_LP)
            longer.append(seen)
        return self.norm(x_TLC), tuple(longer)

    def query(self, cache: tuple[KeysValues, ...], x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The item for each of Q queries that take the next position in turn."""
        x_TQC = self.enter(x_TQC)
        num_queries = x_TQC.shape[1]
        own_QQ = torch.eye(num_queries, dtype=torch.bool, device=x_TQC.device)
        for layer, seen in zip(self._all(), cache, strict=True):
            num_seen = seen.keys.shape[-2]
            may_read_QP = torch.cat([own_QQ.new_ones(num_queries, num_seen), own_QQ], dim=1)
            x_TQC = layer(x_TQC, joined(seen, layer.remember(x_TQC)), may_read_QP)
        return self.norm(x_TQC)

    def attention(self, x_TLC: Tensor) -> Tensor:
        """How much each position of a whole sequence reads of each, (T, H, L, L), all heads of all layers.

        Args:
            x_TLC: the sequence.
        """
        x_TLC, found = self.enter(x_TLC), []
        length = x_TLC.shape[1]
        may_read_LL = torch.ones(length, length, dtype=torch.bool, device=x_TLC.device).tril()
        for layer in self._all():
            seen = layer.remember(x_TLC)
            found.append(layer.weights(x_TLC, seen, may_read_LL))
            x_TLC = layer(x_TLC, seen, may_read_LL)
        return torch.cat(found, dim=1)

    @property
    def _heads(self) -> int:
        return self._all()[0].num_heads

    def _all(self) -> list[TransformerBlock]:
        return list(self.layers)  # type: ignore[arg-type]
