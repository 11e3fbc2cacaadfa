import pytest
import torch
import torch.nn.functional as F

from quickstudy.networks.fast_weights import AugmentedLayers, for_whole_tasks, mixed
from quickstudy.networks.weight_generators import CoordinateLSTM, CoordinateMLP

MAP = (3, 3, 2)
"""Channels, height and width; the height is odd."""


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(widths=(4, 5)) -> AugmentedLayers:
    torch.manual_seed(0)
    return AugmentedLayers(MAP, widths).double()


def sizes(layers) -> list[torch.Size]:
    return [slow.weight.shape for slow in layers.slow]


def memory_for(layers, num_tasks=2, num_sets=6) -> list[torch.Tensor]:
    return [random(num_tasks, num_sets, *size, seed=index) for index, size in enumerate(sizes(layers))]


def convolved(layers, maps):
    """The layers without fast weights, as torch has them."""
    kernel = layers.slow[0].weight.view(MAP[0], MAP[0], 3, 3)
    x = F.max_pool2d(F.conv2d(maps, kernel, layers.slow[0].bias, padding=1).relu(), 2, ceil_mode=True).flatten(1)
    for slow in layers.slow[1:-1]:
        x = slow(x).relu()
    return layers.slow[-1](x)


@pytest.mark.parametrize("widths", [(4,), (4, 5)])
def test_without_fast_weights_the_layers_are_an_ordinary_network(widths):
    layers, maps = build(widths), random(2, 4, *MAP)
    assert torch.allclose(layers(maps), convolved(layers, maps.flatten(0, 1)).view(2, 4, -1), atol=1e-12)


@pytest.mark.parametrize("widths", [(4,), (4, 5)])
def test_gradients_of_each_example_are_those_of_autograd(widths):
    layers, maps, aims = build(widths), random(2, 4, *MAP), random(2, 4, widths[-1], seed=3)
    found = layers.gradients(maps, lambda outputs: 2 * (outputs - aims))
    weights = [slow.weight for slow in layers.slow]
    for task in range(2):
        for example in range(4):
            loss = (convolved(layers, maps[task, example : example + 1]) - aims[task, example]).square().sum()
            for one, other in zip(found, torch.autograd.grad(loss, weights), strict=True):
                assert torch.allclose(one[task, example], other, atol=1e-12)


def test_gradients_can_be_differentiated():
    layers, maps = build(), random(1, 3, *MAP).requires_grad_()
    torch.autograd.gradcheck(lambda maps: layers.gradients(maps, torch.tanh), (maps,))


def test_the_fast_half_is_added_after_the_relu_and_at_the_end_before_the_softmax():
    layers, maps = build(), random(2, 3, *MAP)
    fast = [random(2, *size, seed=5) for size in sizes(layers)]
    found = layers(maps, for_whole_tasks(fast))
    for task in range(2):
        x = maps[task]
        kernels = [layers.slow[0].weight, fast[0][task]]
        slow, quick = (F.conv2d(x, kernel.view(MAP[0], MAP[0], 3, 3), padding=1) for kernel in kernels)
        x = (slow + layers.slow[0].bias[:, None, None]).relu() + quick.relu()
        x = F.max_pool2d(x, 2, ceil_mode=True).flatten(1)
        x = layers.slow[1](x).relu() + (x @ fast[1][task].T).relu()
        assert torch.allclose(found[task], layers.slow[2](x) + x @ fast[2][task].T, atol=1e-12)


def test_mixing_outputs_is_mixing_the_weights_of_each_example():
    layers, maps = build(), random(2, 5, *MAP)
    memory, attention = memory_for(layers), random(2, 5, 6, seed=9).softmax(dim=-1)
    found = layers(maps, mixed(memory, attention))
    for task in range(2):
        for example in range(5):
            own = [torch.einsum("s,soi->oi", attention[task, example], kept[task])[None] for kept in memory]
            alone = layers(maps[task : task + 1, example : example + 1], for_whole_tasks(own))
            assert torch.allclose(found[task, example], alone[0, 0], atol=1e-12)


def test_a_single_kept_set_is_used_as_it_is():
    layers, maps = build(), random(2, 5, *MAP)
    memory = memory_for(layers, num_sets=1)
    own = [kept[:, 0] for kept in memory]
    one, other = layers(maps, mixed(memory, torch.ones(2, 5, 1).double())), layers(maps, for_whole_tasks(own))
    assert torch.allclose(one, other, atol=1e-12)


def test_several_branches_add_up():
    layers, maps = build(), random(2, 5, *MAP)
    first, second = ([random(2, *size, seed=seed) for size in sizes(layers)] for seed in (5, 6))
    found = layers(maps, for_whole_tasks(first), for_whole_tasks(second))
    swapped = layers(maps, for_whole_tasks(second), for_whole_tasks(first))
    assert torch.allclose(found, swapped, atol=1e-12)
    assert not torch.allclose(found, layers(maps, for_whole_tasks(first)), atol=1e-3)


def test_it_runs_in_mixed_precision(generator):
    layers = AugmentedLayers(MAP, (4, 5))
    maps, mlp, lstm = torch.randn(2, 5, *MAP, generator=generator), CoordinateMLP(), CoordinateLSTM()
    with torch.autocast("cpu", torch.bfloat16):
        found = layers.gradients(maps, torch.tanh)
        memory, weights = [mlp(each) for each in found], [lstm(each) for each in found]
        out = layers(maps, mixed(memory, torch.full((2, 5, 5), 0.2)), for_whole_tasks(weights))
        out.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in (*mlp.parameters(), *lstm.parameters()))
