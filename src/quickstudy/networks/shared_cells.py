"""Layers whose every connection is a small recurrent cell. All cells have the same weights, each has its own state.

Kirsch and Schmidhuber, "Meta Learning Backpropagation And Improving It" (NeurIPS 2021), section 3. The learner is in
`learners/vsml.py`.

Letters: T tasks, P places of a map, I inputs and O outputs of a layer, M numbers of a message, H of a cell's state.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class CellState(NamedTuple):
    """The states of all cells of a layer, (T, I, O, H)."""

    hidden: Tensor
    """h, which the messages are made of."""
    memory: Tensor
    """c, which the gates keep or change."""


class SharedCell(nn.Module):
    """The weights that all cells share: an LSTM, and two messengers. They are 2,384 numbers by default.

    Args:
        message_size: M, the numbers of a message.
        state_size: H, the numbers of a cell's state.
        gate_offset: is added to the forget gate and subtracted from the input gate. A high one keeps the state nearly
            frozen at first.
        micro_ticks: updates of a cell for each message that it reads.
    """

    def __init__(
        self, message_size: int = 8, state_size: int = 16, *, gate_offset: float = 5.0, micro_ticks: int = 2
    ) -> None:
        super().__init__()
        if message_size < 2 or state_size < 2 or micro_ticks < 1:
            raise ValueError(
                f"message_size is {message_size}, state_size {state_size} and micro_ticks {micro_ticks}, but 2, 2 and "
                "1 at least were expected."
            )
        self.message_size, self.state_size = message_size, state_size
        self.gate_offset, self.micro_ticks = gate_offset, micro_ticks
        self.gates = nn.Linear(2 * message_size + state_size, 4 * state_size)  # W, in the order i, g, f, o
        self.forward_messenger = nn.Linear(state_size, message_size)  # A, a0
        self.backward_messenger = nn.Linear(state_size, message_size)  # B, b0
        for part in (self.gates, self.forward_messenger, self.backward_messenger):
            deviation = part.in_features**-0.5
            nn.init.trunc_normal_(part.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            nn.init.zeros_(part.bias)

    def prior(self, num_tasks: int, inputs: int, outputs: int, generator: torch.Generator | None = None) -> CellState:
        """The first states: half of c is random, so that cells differ, and all else is zero.

        Args:
            num_tasks: T.
            inputs: I.
            outputs: O.
            generator: draws one state, the same for all tasks. None draws one for each task.
        """
        half, deviation = self.state_size // 2, inputs**-0.5
        count = num_tasks if generator is None else 1
        weight = self.gates.weight
        drawn = torch.empty(count, inputs, outputs, half, device=None if generator is None else generator.device)
        nn.init.trunc_normal_(drawn, std=deviation, a=-2 * deviation, b=2 * deviation, generator=generator)
        drawn = drawn.to(weight).expand(num_tasks, inputs, outputs, half)
        still = weight.new_zeros(num_tasks, inputs, outputs, self.state_size - half)
        memory = torch.cat([drawn, still], dim=-1)
        return CellState(torch.zeros_like(memory), memory)

    def tick(self, forward_TPIM: Tensor, backward_TPOM: Tensor, state: CellState) -> tuple[Tensor, Tensor, CellState]:
        """Update all cells of a layer. Return their messages (T, P, O, M) and (T, P, I, M), and their states.

        Messages are means, not sums, so their size does not depend on that of the layer. All micro-ticks read the same
        messages. Where there are many places, the state is the mean over them.

        Args:
            forward_TPIM: what comes in from below, at each place.
            backward_TPOM: what comes in from above, at each place.
            state: states of all cells.
        """
        from_below, from_above, from_self = self.gates.weight.split(
            [self.message_size, self.message_size, self.state_size], dim=1
        )
        drive_TPIOG = (
            linear(forward_TPIM, from_below, self.gates.bias)[..., None, :]
            + linear(backward_TPOM, from_above)[..., None, :, :]
        )
        h, c = (part.unsqueeze(1) for part in state)
        for _ in range(self.micro_ticks):
            i, g, f, o = (drive_TPIOG + linear(h, from_self)).chunk(4, dim=-1)
            c = (f + self.gate_offset).sigmoid() * c + (i - self.gate_offset).sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        # The mean of messages is the message of the mean, because messengers are linear.
        up_TPOM, down_TPIM = self.forward_messenger(h.mean(dim=2)), self.backward_messenger(h.mean(dim=3))
        return up_TPOM, down_TPIM, CellState(h.mean(dim=1), c.mean(dim=1))


@dataclass(frozen=True)
class DenseCells:
    """A layer with a cell for every input and output.

    Args:
        inputs: I.
        outputs: O.
        places: Places P of a map; a dense layer has one.
    """

    inputs: int
    outputs: int
    places: int = 1

    @property
    def cells(self) -> tuple[int, int]:
        """I and O."""
        return self.inputs, self.outputs

    @property
    def num_inputs(self) -> int:
        """How many messages it reads from below."""
        return self.inputs

    @property
    def num_outputs(self) -> int:
        """How many messages it gives to the layer above."""
        return self.outputs

    def patches(self, message_TNM: Tensor) -> Tensor:
        """What each place reads of the messages from below: (T, 1, I, M).

        Args:
            message_TNM: messages of the layer below.
        """
        return message_TNM.unsqueeze(1)

    def returned(self, message_TPIM: Tensor) -> Tensor:
        """The messages to the layer below, (T, I, M).

        Args:
            message_TPIM: what each place has for what it read.
        """
        return message_TPIM.squeeze(1)


@dataclass(frozen=True)
class ConvolutionalCells:
    """A layer with a cell for every weight of a kernel, which all places share. Edges are padded with zeros.

    Messages count as places × channels, place by place.

    Args:
        grid: rows and columns of the map below.
        channels: channels below and above.
        kernel: rows and columns of the kernel, an odd number.
        stride: steps between two places.
    """

    grid: tuple[int, int]
    channels: tuple[int, int]
    kernel: int = 3
    stride: int = 2

    @property
    def grid_above(self) -> tuple[int, int]:
        """Rows and columns of its own map."""
        return (self.grid[0] - 1) // self.stride + 1, (self.grid[1] - 1) // self.stride + 1

    @property
    def places(self) -> int:
        """P."""
        return self.grid_above[0] * self.grid_above[1]

    @property
    def cells(self) -> tuple[int, int]:
        """Inputs of a place, which are kernel² × channels, and outputs of a place."""
        return self.kernel**2 * self.channels[0], self.channels[1]

    @property
    def num_inputs(self) -> int:
        """How many messages it reads from below."""
        return self.grid[0] * self.grid[1] * self.channels[0]

    @property
    def num_outputs(self) -> int:
        """How many messages it gives to the layer above."""
        return self.places * self.channels[1]

    def patches(self, message_TNM: Tensor) -> Tensor:
        """What each place reads of the messages from below: (T, P, I, M).

        Args:
            message_TNM: messages of the layer below.
        """
        below = message_TNM.unflatten(1, (-1, self.channels[0]))
        padded = torch.cat([below, torch.zeros_like(below[:, :1])], dim=1)
        return padded[:, self._index(message_TNM.device)].flatten(2, 3)

    def returned(self, message_TPIM: Tensor) -> Tensor:
        """The messages to the layer below: the mean over all places that read an input.

        Args:
            message_TPIM: what each place has for what it read.
        """
        index = self._index(message_TPIM.device).flatten()
        parts = message_TPIM.unflatten(2, (-1, self.channels[0])).flatten(1, 2)
        num_below = self.grid[0] * self.grid[1]
        size = (len(parts), num_below + 1, *parts.shape[2:])
        total = parts.new_zeros(size).index_add(1, index, parts)[:, :num_below]
        count = index.bincount(minlength=num_below + 1)[:num_below].clamp(min=1)
        return (total / count[:, None, None]).flatten(1, 2)

    def _index(self, device: torch.device) -> Tensor:
        """Which place below each place reads at each offset, (P, kernel²). One past the last is the padding."""
        rows, columns = self.grid
        reach = torch.arange(self.kernel, device=device) - self.kernel // 2
        row = torch.arange(self.grid_above[0], device=device)[:, None, None, None] * self.stride + reach[:, None]
        column = torch.arange(self.grid_above[1], device=device)[:, None, None] * self.stride + reach
        is_inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        return torch.where(is_inside, row * columns + column, rows * columns).flatten(2).flatten(0, 1)


Cells = DenseCells | ConvolutionalCells


def dense_cells(*sizes: int) -> tuple[DenseCells, ...]:
    """Dense layers one above the other.

    Args:
        sizes: the inputs, the units of each hidden layer, the outputs.
    """
    return tuple(DenseCells(below, above) for below, above in pairwise(sizes))


def convolutional_cells(grid: tuple[int, int], channels: tuple[int, ...], outputs: int) -> tuple[Cells, ...]:
    """Convolutions of stride 2 one above the other, and a dense layer on top.

    Args:
        grid: rows and columns of the inputs.
        channels: channels of the inputs, then those of each convolution.
        outputs: outputs of the dense layer.
    """
    layers: list[Cells] = []
    for pair in pairwise(channels):
        layer = ConvolutionalCells(grid, pair)
        layers.append(layer)
        grid = layer.grid_above
    return (*layers, DenseCells(grid[0] * grid[1] * channels[-1], outputs))


def set_backpropagation(cell: SharedCell, rate: float = 1.0, signal: float = 1e-3) -> float:
    """Give a cell the weights with which it does gradient descent, and return how c holds a connection's weight.

    A connection's weight is w = scale · (c₈ − c₁₀), where scale is what is returned and channels count from 0. A layer
    sends mean over a of w_ab tanh(x_a) upwards and mean over b of e_b w_ab (1 − tanh² x_a) downwards, and changes w_ab
    by −rate · e_b tanh(x_a). Products of two numbers are differences of two gates: σ(2x) − σ(−2x) = tanh(x). All is
    exact as `signal` goes to zero, because tanh is linear near zero.

    x and the message upwards are in channels 0 and 1 of messages, so that logits of the last layer are read from
    channel 1, and e is in channel 0. The learner has to send errors down at once (`backward_pass`). A cell sends
    what it holds after its change, so errors go down through weights that are one step ahead. At low rates this hardly
    matters.

    Args:
        cell: has 16 numbers of state or more, and one micro-tick.
        rate: learning rate.
        signal: how large a change of c is for an error of 1.

    Raises:
        ValueError: if the cell is too small, or has more micro-ticks.
    """
    if cell.state_size < 16 or cell.micro_ticks != 1:
        raise ValueError("A cell of 16 numbers of state or more and one micro-tick was expected.")
    size, m = cell.state_size, cell.message_size
    scale = rate / signal
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        weight, bias = cell.gates.weight, cell.gates.bias
        i, g, f, o = (slice(k * size, (k + 1) * size) for k in range(4))
        bias[f] = 30.0 - cell.gate_offset  # Nothing is forgotten.
        bias[i] = -30.0  # Other channels never change,
        for number in range(8):  # and these eight do: two signs for x, two for a message, two messages.
            channel, of_x, of_gate = 8 + number, 1 - 2 * (number // 2 % 2), 1 - 2 * (number % 2)
            bias[i][channel] = cell.gate_offset
            weight[i][channel, 0] = 2.0 * of_x  # σ(±2x)
            weight[g][channel, m] = -signal  # tanh(−signal · e)
            if number < 4:
                weight[o][channel, 0] = 2.0 * of_gate
                cell.forward_messenger.weight[:2, channel] = scale * of_x * of_gate
            else:  # σ(2x + δe) − σ(2x − δe) = ½ δ e (1 − tanh² x)
                weight[o][channel, 0], weight[o][channel, m] = 2.0, signal * of_gate
                cell.backward_messenger.weight[0, channel] = 2 / signal * scale * of_x * of_gate
    return scale
