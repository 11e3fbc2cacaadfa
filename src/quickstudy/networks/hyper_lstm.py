"""The cell of a HyperLSTM: a small LSTM scales the rows of a larger LSTM's weights anew in each step.

Ha, Dai and Le, "HyperNetworks" (ICLR 2017), section 3.2 and appendix A.2.2; equation numbers are the paper's.

Letters: B a flat batch, D inputs, C cells, E cells of the small LSTM, Z numbers of an embedding.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

_GATES = 4
"""In the order i, g, f, o."""
_FIRST_SCALE = 0.1
"""Of every row at the start: with layer norm, gates begin near the middle of their range."""


class HyperLSTMState(NamedTuple):
    """What one step gives to the next."""

    hidden: Tensor
    """(B, C), h."""
    cell: Tensor
    """(B, C), c."""
    small_hidden: Tensor
    """(B, E), of the small LSTM."""
    small_cell: Tensor
    """(B, E)."""


class RowScales(NamedTuple):
    """How the small LSTM changes the larger one in a step; each (B, 4, C), for the gates i, g, f, o."""

    of_hidden: Tensor
    """d_h: factors of the rows of W_h."""
    of_inputs: Tensor
    """d_x: factors of the rows of W_x."""
    shifts: Tensor
    """b."""


class HyperLSTMCell(nn.Module):
    """One step of a HyperLSTM with layer norm.

    Rows are scaled instead of all weights being generated, so the cost grows with the cells and not with their square.

    Args:
        num_inputs: Numbers of an input.
        hidden: Cells.
        small: Cells of the small LSTM.
        num_embedding: Numbers of an embedding, the paper's N_z.
    """

    def __init__(self, num_inputs: int, hidden: int, *, small: int = 32, num_embedding: int = 4) -> None:
        super().__init__()
        self.hidden = hidden
        self.small = nn.LSTMCell(hidden + num_inputs, small)
        self.from_inputs = nn.Linear(num_inputs, _GATES * hidden, bias=False)
        self.from_hidden = nn.Linear(hidden, _GATES * hidden, bias=False)
        self.embed_scales = nn.Linear(small, 2 * _GATES * num_embedding)  # z_h and z_x
        self.embed_shifts = nn.Linear(small, _GATES * num_embedding, bias=False)  # z_b
        self.scales = nn.Parameter(torch.full((2, _GATES, hidden, num_embedding), _FIRST_SCALE / num_embedding))
        self.shifts = nn.Parameter(torch.zeros(_GATES, hidden, num_embedding))
        self.first_shifts = nn.Parameter(torch.zeros(_GATES, hidden))
        self.gate_norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(_GATES))
        self.cell_norm = nn.LayerNorm(hidden)
        self._initialise()

    def prior(self, batch_size: int) -> HyperLSTMState:
        """Zeros, for this many sequences.

        Args:
            batch_size: Sequences.
        """
        large = self.from_hidden.weight.new_zeros(batch_size, self.hidden)
        small = large.new_zeros(batch_size, self.small.hidden_size)
        return HyperLSTMState(large, large, small, small)

    def forward(self, x_BD: Tensor, state: HyperLSTMState) -> HyperLSTMState:
        """The state after one step; its `hidden` is the output.

        Args:
            x_BD: Inputs.
            state: State before the step.
        """
        small = self.small(torch.cat([state.hidden, x_BD], dim=-1), (state.small_hidden, state.small_cell))  # eq. 10
        scales = self.row_scales(small[0])
        by_hidden, by_inputs = (
            part.unflatten(-1, (_GATES, self.hidden))
            for part in (self.from_hidden(state.hidden), self.from_inputs(x_BD))
        )
        gates = scales.of_hidden * by_hidden + scales.of_inputs * by_inputs + scales.shifts  # eq. 12
        i, g, f, o = (norm(part) for norm, part in zip(self.gate_norms, gates.unbind(dim=1), strict=True))
        cell = f.sigmoid() * state.cell + i.sigmoid() * g.tanh()  # eq. 13
        return HyperLSTMState(o.sigmoid() * self.cell_norm(cell).tanh(), cell, *small)

    def row_scales(self, small_BE: Tensor) -> RowScales:
        """Factors and shifts of a step (eq. 11 and 12).

        Args:
            small_BE: Output of the small LSTM.
        """
        size = self.scales.shape[-1]
        embedded = self.embed_scales(small_BE).unflatten(-1, (2, _GATES, size))
        of_hidden, of_inputs = torch.einsum("bkgz,kgcz->kbgc", embedded, self.scales)
        embedded_shifts = self.embed_shifts(small_BE).unflatten(-1, (_GATES, size))
        shifts = torch.einsum("bgz,gcz->bgc", embedded_shifts, self.shifts) + self.first_shifts
        return RowScales(of_hidden, of_inputs, shifts)

    def _initialise(self) -> None:
        """The paper's first weights: every row is scaled by 0.1, whatever the input."""
        nn.init.zeros_(self.embed_scales.weight)
        nn.init.ones_(self.embed_scales.bias)
        nn.init.normal_(self.embed_shifts.weight, std=0.01)
        for block in self.from_hidden.weight.data.chunk(_GATES):
            nn.init.orthogonal_(block)
