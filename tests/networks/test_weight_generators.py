import math

import pytest
import torch
from torch import nn

from quickstudy.networks import weight_generators
from quickstudy.networks.weight_generators import CoordinateLSTM, CoordinateMLP, features, place, preprocessed

TABLE = [  # gradient, log |g| / p or −1, sign or e^p g
    (0.0, -1.0, 0.0),
    (1e-4, -1.0, 0.10966332),
    (math.exp(-7) * (1 - 1e-12), -1.0, 1.0),
    (math.exp(-7), -1.0, 1.0),
    (0.01, math.log(0.01) / 7, 1.0),
    (-1.0, 0.0, -1.0),
    (10.0, math.log(10) / 7, 1.0),
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(*shape, seed=0):
    """Of all sizes and signs, and a third of them zero."""
    sizes = random(*shape, seed=seed).mul(4).sub(3).clamp(max=6.9).exp()  # The table ends at e^7.
    return sizes * random(*shape, seed=seed + 1).sign() * (random(*shape, seed=seed + 2) > -0.4)


@pytest.mark.parametrize(("gradient", "first", "second"), TABLE)
def test_gradients_are_preprocessed_as_the_table_says(gradient, first, second):
    found = preprocessed(torch.tensor([gradient], dtype=torch.float64))[0]
    assert found.tolist() == pytest.approx([first, second], abs=1e-8)


def test_preprocessing_has_no_step_and_a_finite_slope_at_zero():
    g = torch.tensor([0.0, 1e-300, -1e-30, 5.0], dtype=torch.float64, requires_grad=True)
    preprocessed(g).sum().backward()
    assert g.grad.isfinite().all()
    near = preprocessed(math.exp(-7) * torch.tensor([1 - 1e-9, 1 + 1e-9], dtype=torch.float64))
    assert torch.allclose(near[0], near[1], atol=1e-6)


def test_both_features_are_a_function_of_the_place():
    g = gradients(1000)
    assert torch.equal(preprocessed(g), features(place(g)))
    assert (place(g.sort().values).diff() >= 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_coarse_gradients_are_placed_in_single_precision(dtype):
    assert place(torch.ones(3, dtype=dtype)).dtype == torch.float32


def test_the_sizes_of_the_generators_are_the_papers():
    count = {
        build: sum(parameter.numel() for parameter in build().parameters()) for build in (CoordinateMLP, CoordinateLSTM)
    }
    assert count == {CoordinateMLP: 501, CoordinateLSTM: 1_840 - 80 + 80 + 21}


@pytest.mark.parametrize("build", [CoordinateMLP, lambda: CoordinateMLP(cells=None), CoordinateLSTM])
def test_moving_the_coordinates_moves_the_generated_weights_alike(build):
    generator, order = build().double(), torch.randperm(40, generator=torch.Generator().manual_seed(0))
    given = gradients(2, 3, 40)
    assert torch.allclose(generator(given)[..., order], generator(given[..., order]), atol=1e-12)


def test_the_table_is_the_network_but_for_cells_with_a_kink():
    generator, given = CoordinateMLP().double(), gradients(5000).requires_grad_()
    exact = generator.layers(preprocessed(given)).squeeze(-1)
    assert (generator(given) - exact).abs().max() < 1e-3 * exact.abs().max()
    assert ((generator(given) - exact).abs() < 1e-12).double().mean() > 0.9


def test_far_beyond_the_table_its_last_line_goes_on():
    generator = CoordinateMLP().double()
    given = torch.tensor([1e5, -1e6], dtype=torch.float64)
    inside = math.exp(6.98) * torch.tensor([1.0, -1.0], dtype=torch.float64)  # In the last cells.
    last = (generator(inside * 1.001) - generator(inside)) / (place(inside * 1.001) - place(inside))
    expected = generator(inside) + last * (place(given) - place(inside))
    assert torch.allclose(generator(given), expected, rtol=1e-6)


def test_what_the_table_passes_back_is_the_networks_but_for_cells_with_a_kink():
    generator, given, upstream = (
        CoordinateMLP(cells=2048).double(),
        gradients(5000).requires_grad_(),
        1 + 0.3 * random(5000, seed=7),
    )
    exact = CoordinateMLP(cells=None).double()
    exact.load_state_dict(generator.state_dict())
    found, expected = (
        torch.autograd.grad((each(given) * upstream).sum(), [*each.parameters(), given]) for each in (generator, exact)
    )
    for one, other in zip(found[:-1], expected[:-1], strict=True):
        assert torch.allclose(one, other, atol=2e-2 * other.abs().max())
    is_same = (found[-1] - expected[-1]).abs() <= 1e-6 * expected[-1].abs() + 1e-9
    assert is_same.double().mean() > 0.97


def test_the_gradient_through_the_table_is_that_of_its_lines():
    generator = CoordinateMLP(cells=4).double()
    given = gradients(30).requires_grad_()
    torch.autograd.gradcheck(generator, (given + 1e-5,), eps=1e-9, atol=1e-3, rtol=1e-3)


def test_the_table_is_read_in_parts_and_in_any_layout(monkeypatch):
    generator, given = CoordinateMLP().double(), gradients(4, 7, 11).transpose(0, 1)
    whole = generator(given)
    whole.sum().backward()
    expected = [parameter.grad.clone() for parameter in generator.parameters()]
    generator.zero_grad()
    monkeypatch.setattr(weight_generators, "_COORDINATES_AT_ONCE", 5)
    parts = generator(given)
    parts.sum().backward()
    assert parts.shape == given.shape
    assert torch.allclose(parts, whole, atol=1e-12)
    assert all(torch.allclose(p.grad, e, atol=1e-12) for p, e in zip(generator.parameters(), expected, strict=True))


def test_the_lstm_is_torchs_with_time_along_the_gradients(monkeypatch):
    monkeypatch.setattr(weight_generators, "_COORDINATES_AT_ONCE", 17)
    generator, given = CoordinateLSTM().double(), gradients(2, 4, 3, 5)
    given[:, :, 1] = 0.0
    reference = nn.LSTM(2, 20).double()
    order = [20, 0, 60, 40]  # Our gates are f, i, o, u; torch's are i, f, u, o.
    rows = torch.cat([torch.arange(start, start + 20) for start in order])
    with torch.no_grad():
        reference.weight_ih_l0.copy_(generator.read.weight[rows])
        reference.weight_hh_l0.copy_(generator.recur.weight[rows])
        reference.bias_ih_l0.copy_(generator.read.bias[rows])
        reference.bias_hh_l0.zero_()
    hidden = reference(preprocessed(given.transpose(0, 1).flatten(1)))[0][-1]
    expected = generator.write(hidden).view(2, 3, 5)
    found = generator(given)
    assert torch.allclose(found, expected, atol=1e-12)
    with torch.no_grad():
        assert torch.allclose(generator(given), expected, atol=1e-12)
    weights = [generator.read.weight, generator.recur.weight, generator.write.weight]
    theirs = [reference.weight_ih_l0, reference.weight_hh_l0, generator.write.weight]
    grads = torch.autograd.grad((found * random(2, 3, 5)).sum(), weights)
    expected_grads = torch.autograd.grad((expected * random(2, 3, 5)).sum(), theirs)
    for index, (one, other) in enumerate(zip(grads, expected_grads, strict=True)):
        assert torch.allclose(one[rows] if index < 2 else one, other, atol=1e-10)


def test_the_lstm_minds_the_order_of_the_gradients_slightly():
    generator, given = CoordinateLSTM().double(), gradients(1, 5, 200)
    forth, back = generator(given), generator(given.flip(1))
    assert not torch.allclose(forth, back, atol=1e-6)
    assert torch.corrcoef(torch.stack([forth[0], back[0]]))[0, 1] > 0.5
