"""Recurrent networks as causal blocks: what they remember of a sequence is their state.

Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014) for the gated recurrent unit; Hochreiter
and Schmidhuber, "Long Short-Term Memory" (1997).

Letters: T tasks, L positions of a sequence, Q queries, C channels, U units.
"""

from typing import Any, Literal

from torch import Tensor, nn

from quickstudy.networks.temporal import CausalBlock

Cell = Literal["gru", "lstm"]


class RecurrentBlock(CausalBlock):
    """A GRU or an LSTM. Its cache is the hidden state (T, U), of an LSTM with the state of its cells.

    Args:
        in_channels: channels of the input.
        units: U, the channels of the output.
        cell: "gru" or "lstm".
    """

    def __init__(self, in_channels: int, units: int, cell: Cell = "gru") -> None:
        super().__init__()
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self.network: Any = kind(in_channels, units, batch_first=True)
        self.num_parts = 2 if cell == "lstm" else 1
        self.out_channels = units

    def empty(self, num_tasks: int) -> tuple[Tensor, ...]:
        """Zeros."""
        zeros_TU = self.network.weight_hh_l0.new_zeros(num_tasks, self.out_channels)
        return (zeros_TU,) * self.num_parts

    def extend(
        self, cache: tuple[Tensor, ...], x_TLC: Tensor, crowding: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The hidden states at the next L positions, and the last one."""
        parts: list[Tensor] = [part[None].contiguous() for part in cache]
        given: Any = tuple(parts) if self.num_parts == 2 else parts[0]
        out_TLU, last = self.network(x_TLC, given)
        return out_TLU, tuple(part[0] for part in (last if self.num_parts == 2 else (last,)))

    def query(self, cache: tuple[Tensor, ...], x_TQC: Tensor, crowding: Tensor | None = None) -> Tensor:
        """The hidden state for each of Q items that take the next position in turn."""
        num_tasks, num_queries = x_TQC.shape[:2]
        branches = tuple(part.repeat_interleave(num_queries, dim=0) for part in cache)
        out_BLU, _ = self.extend(branches, x_TQC.flatten(0, 1)[:, None])
        return out_BLU.view(num_tasks, num_queries, self.out_channels)
