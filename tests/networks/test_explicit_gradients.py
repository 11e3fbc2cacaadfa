"""Gradients that are written out equal those of automatic differentiation."""

import pytest
import torch
from torch import Tensor

from quickstudy.networks.explicit_gradients import with_gradients
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron

NETWORKS = {
    "convolutions": lambda: FunctionalConv4(3, channels=4, blocks=3, image_size=11),
    "all positions, scaled": lambda: FunctionalConv4(
        3, channels=4, blocks=2, image_size=8, pooling="none", scales=True, in_channels=2
    ),
    "linear layers": lambda: FunctionalPerceptron(20, (6, 5), 3, scales=True),
    "without normalisation": lambda: FunctionalPerceptron(20, (6, 5), 3, normalises=False),
}
INPUTS = {"convolutions": (1, 11, 11), "all positions, scaled": (2, 8, 8)}


def made(kind: str) -> tuple[FunctionalNetwork, dict[str, Tensor], Tensor]:
    """A network, weights of each task, and inputs."""
    torch.manual_seed(0)
    network = NETWORKS[kind]().double()
    weights = {
        name: (weight + 0.1 * torch.randn_like(weight)).detach().requires_grad_()
        for name, weight in network.weights(2).items()
    }
    return network, weights, torch.randn(2, 5, *INPUTS.get(kind, (20,)), dtype=torch.float64)


@pytest.mark.parametrize("kind", NETWORKS)
def test_outputs_and_gradients_are_those_of_automatic_differentiation(kind: str) -> None:
    network, weights, x = made(kind)
    outputs = network(weights, x)
    upstream = torch.randn_like(outputs)
    expected = torch.autograd.grad((outputs * upstream).sum(), list(weights.values()))
    with torch.no_grad():
        found, backward = with_gradients(network, weights, x)
        gradients = backward(upstream)
    torch.testing.assert_close(found, outputs)
    assert set(gradients) == set(weights)
    for name, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(gradients[name], gradient, msg=name)


def test_another_network_is_refused() -> None:
    class Other(FunctionalNetwork):
        def features(self, weights, x, normalise):
            return x

    network = Other(3, 20, 0.1)
    with pytest.raises(TypeError, match="Other has no gradients"):
        with_gradients(network, network.weights(1), torch.rand(1, 2, 20))
