import pytest
import torch
from torch import nn

from quickstudy.experiments.architectures import (
    WIDTHS,
    Architecture,
    drawn_architectures,
    encoded,
    first_weights,
    outputs,
)

INPUTS, WAYS = 6, 3
SOME = [
    Architecture((8,), "relu", False),
    Architecture((4, 16, 2), "tanh", True),
    Architecture((32, 8), "sine", False),
    Architecture((2, 2, 4, 8), "linear", True),
]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_padded_network_equals_one_without_padding() -> None:
    layers, x = first_weights(encoded(SOME), INPUTS, WAYS, generator()), torch.randn(5, INPUTS, generator=generator())
    found = outputs(encoded(SOME), layers, x)
    functions = {"relu": torch.relu, "tanh": torch.tanh, "sine": torch.sin, "linear": nn.Identity()}
    for index, each in enumerate(SOME):
        h = x
        for depth, width in enumerate(each.widths):
            weights, shifts = (values[index, :width] for values in layers[depth])
            after = functions[each.activation](h @ weights[:, : h.shape[1]].T + shifts)
            if depth and each.has_skips:
                both = min(width, h.shape[1])
                after[:, :both] += h[:, :both]
            h = after
        weights, shifts = (values[index] for values in layers[-1])
        assert torch.allclose(found[index], h @ weights[:, : h.shape[1]].T + shifts, atol=1e-5)


def test_the_number_of_parameters_is_that_of_the_network() -> None:
    layers = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 16), nn.Linear(16, 2), nn.Linear(2, 3))
    assert SOME[1].num_parameters(6, 3) == sum(each.numel() for each in layers.parameters())


def test_drawn_architectures_differ_and_are_of_the_family() -> None:
    drawn = drawn_architectures(60, generator())
    assert len(set(drawn)) == 60
    assert {len(each.widths) for each in drawn} == {1, 2, 3, 4}
    assert {width for each in drawn for width in each.widths} == set(WIDTHS)
    assert not any(each.has_skips for each in drawn if len(each.widths) == 1)
    assert drawn == drawn_architectures(60, generator())


def test_different_architectures_have_different_codes() -> None:
    assert len(encoded(drawn_architectures(60, generator())).codes.unique(dim=0)) == 60


def test_first_outputs_have_a_size_that_does_not_depend_on_the_width() -> None:
    linear = encoded([Architecture((width, width), "linear", False) for width in (2, 32)])
    x, sizes = torch.randn(50, 64, generator=generator()), []
    for seed in range(20):
        layers = first_weights(linear, 64, 10, torch.Generator().manual_seed(seed))
        sizes.append(outputs(linear, layers, x).square().mean(dim=(1, 2)))
    assert torch.stack(sizes).mean(dim=0).tolist() == pytest.approx([1, 1], rel=0.4)
