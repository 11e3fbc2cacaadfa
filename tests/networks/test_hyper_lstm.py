"""The cell of a HyperLSTM: at the start an LSTM with weights times 0.1, and then one whose rows are scaled anew."""

import torch
from torch.nn.functional import layer_norm

from quickstudy.networks.hyper_lstm import HyperLSTMCell


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(**options):
    torch.manual_seed(0)
    return HyperLSTMCell(5, 7, small=4, num_embedding=3, **options).double()


def along(cell, x_BLD):
    states = [cell.prior(len(x_BLD))]
    for x in x_BLD.unbind(dim=1):
        states.append(cell(x, states[-1]))
    return states


def test_at_first_every_row_is_scaled_by_a_tenth_in_every_step():
    cell = build()
    for state in along(cell, random(2, 6, 5)):
        scales = cell.row_scales(state.small_hidden)
        assert torch.allclose(scales.of_hidden, torch.full((2, 4, 7), 0.1, dtype=torch.float64), atol=1e-12)
        assert torch.allclose(scales.of_inputs, torch.full((2, 4, 7), 0.1, dtype=torch.float64), atol=1e-12)
        assert not scales.shifts.any()


def test_at_first_it_is_a_layer_normed_lstm_with_weights_times_a_tenth():
    cell, x = build(), random(2, 6, 5)
    h = c = torch.zeros(2, 7, dtype=torch.float64)
    for step in range(6):
        gates = 0.1 * (h @ cell.from_hidden.weight.T + x[:, step] @ cell.from_inputs.weight.T)
        i, g, f, o = (layer_norm(part, (7,)) for part in gates.chunk(4, dim=1))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * layer_norm(c, (7,)).tanh()
    assert torch.allclose(along(cell, x)[-1].hidden, h, atol=1e-10)


def test_after_a_change_of_the_maps_the_scales_vary_in_time_and_between_rows():
    cell = build()
    with torch.no_grad():
        cell.embed_scales.weight.normal_()
        cell.scales.add_(torch.randn_like(cell.scales))
    scales = torch.stack([cell.row_scales(state.small_hidden).of_hidden for state in along(cell, random(2, 6, 5))])
    assert (scales.std(dim=0) > 1e-4).all()
    assert (scales.std(dim=-1) > 1e-4).all()


def test_a_gate_is_scaled_row_by_row():
    cell = build()
    small = random(2, 4, seed=3)
    with torch.no_grad():
        cell.embed_scales.weight.normal_()
        cell.embed_shifts.weight.normal_()
        for part in (cell.scales, cell.shifts, cell.first_shifts):
            part.normal_()
    found = cell.row_scales(small)
    z = (small @ cell.embed_scales.weight.T + cell.embed_scales.bias).view(2, 2, 4, 3)
    z_b = (small @ cell.embed_shifts.weight.T).view(2, 4, 3)
    for gate in range(4):
        assert torch.allclose(found.of_hidden[:, gate], z[:, 0, gate] @ cell.scales[0, gate].T, atol=1e-12)
        assert torch.allclose(found.of_inputs[:, gate], z[:, 1, gate] @ cell.scales[1, gate].T, atol=1e-12)
        expected = z_b[:, gate] @ cell.shifts[gate].T + cell.first_shifts[gate]
        assert torch.allclose(found.shifts[:, gate], expected, atol=1e-12)


def test_a_gradient_reaches_every_parameter():
    cell = build()
    with torch.no_grad():
        cell.embed_scales.weight.normal_()
        cell.shifts.normal_()
    along(cell, random(2, 4, 5))[-1].hidden.square().sum().backward()
    for name, parameter in cell.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_recurrent_weights_begin_orthogonal():
    for block in build().from_hidden.weight.detach().chunk(4):
        assert torch.allclose(block @ block.T, torch.eye(7, dtype=torch.float64), atol=1e-6)
