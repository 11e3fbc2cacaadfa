"""Cells that share their weights: messages are means, and layers read and return them place by place."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import unfold

from quickstudy.networks.shared_cells import (
    CellState,
    ConvolutionalCells,
    DenseCells,
    SharedCell,
    convolutional_cells,
    dense_cells,
    set_backpropagation,
)


@pytest.fixture
def cell() -> SharedCell:
    return SharedCell(gate_offset=1.0).double()


def drawn(cell: SharedCell, inputs: int, outputs: int, places: int = 1) -> tuple[Tensor, Tensor, CellState]:
    m, h = cell.message_size, cell.state_size
    below, above = torch.randn(2, places, inputs, m).double(), torch.randn(2, places, outputs, m).double()
    hidden, memory = torch.randn(2, 2, inputs, outputs, h).double()
    return below, above, CellState(hidden, memory)


def test_a_cell_has_2384_numbers() -> None:
    assert sum(parameter.numel() for parameter in SharedCell().parameters()) == 2384


def test_a_tick_is_an_lstm_step_of_each_cell_and_a_mean_of_messages(cell: SharedCell) -> None:
    below, above, state = drawn(cell, 3, 2)
    up, down, after = cell.tick(below, above, state)
    us, vs = torch.zeros(2, 3, 2, 8).double(), torch.zeros(2, 3, 2, 8).double()
    for a in range(3):
        for b in range(2):
            h, c = state.hidden[:, a, b], state.memory[:, a, b]
            for _ in range(2):
                i, g, f, o = cell.gates(torch.cat([below[:, 0, a], above[:, 0, b], h], dim=-1)).chunk(4, dim=-1)
                c = (f + 1).sigmoid() * c + (i - 1).sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
            assert torch.allclose(after.hidden[:, a, b], h)
            assert torch.allclose(after.memory[:, a, b], c)
            us[:, a, b], vs[:, a, b] = cell.forward_messenger(h), cell.backward_messenger(h)
    assert torch.allclose(up.squeeze(1), us.mean(dim=1))
    assert torch.allclose(down.squeeze(1), vs.mean(dim=2))


def test_permuted_inputs_and_outputs_give_permuted_messages(cell: SharedCell) -> None:
    below, above, state = drawn(cell, 4, 3)
    a, b = torch.tensor([2, 0, 3, 1]), torch.tensor([1, 2, 0])
    up, down, _ = cell.tick(below, above, state)
    moved = CellState(*(part[:, a][:, :, b] for part in state))
    moved_up, moved_down, _ = cell.tick(below[:, :, a], above[:, :, b], moved)
    assert torch.allclose(moved_up, up[:, :, b], atol=1e-9)
    assert torch.allclose(moved_down, down[:, :, a], atol=1e-9)


def test_inputs_that_come_twice_change_no_message_upwards(cell: SharedCell) -> None:
    below, above, state = drawn(cell, 4, 3)
    up, _, _ = cell.tick(below, above, state)
    twice = CellState(*(torch.cat([part, part], dim=1) for part in state))
    doubled, _, _ = cell.tick(torch.cat([below, below], dim=2), above, twice)
    assert torch.allclose(doubled, up, atol=1e-9)


def test_silent_messengers_send_their_shift(cell: SharedCell) -> None:
    with torch.no_grad():
        cell.forward_messenger.weight.zero_()
        cell.forward_messenger.bias.copy_(torch.arange(8.0))
    up, _, _ = cell.tick(*drawn(cell, 4, 3))
    assert torch.allclose(up, torch.arange(8.0).double().expand_as(up))


def test_a_closed_input_gate_and_an_open_forget_gate_keep_the_memory(cell: SharedCell) -> None:
    with torch.no_grad():
        cell.gates.weight.zero_()
        cell.gates.bias.copy_(torch.tensor([-1e4, 0.0, 1e4, 0.0]).repeat_interleave(16))
    below, above, state = drawn(cell, 4, 3)
    assert torch.equal(cell.tick(below, above, state)[2].memory, state.memory)


def test_first_states_differ_between_cells_and_between_tasks_in_half_of_their_channels() -> None:
    cell = SharedCell()
    state = cell.prior(2, 100, 5)
    assert not state.hidden.any()
    assert not state.memory[..., 8:].any()
    assert len(state.memory[..., :8].unique()) > 7000
    # Cut at two deviations, it spreads by 0.88 of what it would.
    assert float(state.memory[..., :8].std()) == pytest.approx(0.088, abs=0.005)


def test_a_generator_gives_all_tasks_one_state() -> None:
    one, other = SharedCell().prior(2, 5, 3, torch.Generator().manual_seed(1)).memory
    assert torch.equal(one, other)


def test_a_convolution_reads_the_patches_that_unfold_gives() -> None:
    layer = ConvolutionalCells((5, 7), (2, 4))
    messages = torch.randn(3, 5 * 7 * 2, 1)
    image = messages.view(3, 5, 7, 2).movedim(3, 1)
    expected = unfold(image, 3, padding=1, stride=2).unflatten(1, (2, 9)).movedim(3, 1).transpose(2, 3).flatten(2)
    found = layer.patches(messages)
    assert (layer.grid_above, layer.places, layer.num_outputs) == ((3, 4), 12, 48)
    assert torch.equal(found.squeeze(-1), expected)


def test_messages_to_the_layer_below_are_means_over_the_places_that_read_it() -> None:
    layer = ConvolutionalCells((5, 7), (2, 4))
    messages = torch.randn(3, 70, 4)
    # What is read and sent back unchanged is what was there.
    assert torch.allclose(layer.returned(layer.patches(messages)), messages, atol=1e-6)


def test_a_map_of_one_place_that_reads_all_is_a_dense_layer(cell: SharedCell) -> None:
    below, above, state = drawn(cell, 9 * 2, 4)
    convolution, dense = ConvolutionalCells((3, 3), (2, 4), stride=3), DenseCells(18, 4)
    assert convolution.cells == dense.cells
    shifted = torch.randn(2, 18, 8).double()
    # A stride of three starts at the corner, so only the kernel's lower right part lies on the image.
    assert convolution.patches(shifted).shape == dense.patches(shifted).shape
    assert cell.tick(convolution.patches(shifted), above, state)[0].shape == cell.tick(below, above, state)[0].shape


def test_layers_fit_on_one_another() -> None:
    layers = convolutional_cells((7, 7), (1, 3, 4), 5)
    assert [layer.num_inputs for layer in layers] == [49, 4 * 4 * 3, 2 * 2 * 4]
    assert [layer.num_outputs for layer in layers] == [4 * 4 * 3, 2 * 2 * 4, 5]
    assert dense_cells(6, 4, 2) == (DenseCells(6, 4), DenseCells(4, 2))


def test_cells_that_cannot_be_built_are_refused() -> None:
    with pytest.raises(ValueError, match="message_size is 1"):
        SharedCell(1)
    with pytest.raises(ValueError, match="one micro-tick was expected"):
        set_backpropagation(SharedCell())
