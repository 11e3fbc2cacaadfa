"""Small perceptrons of different sizes, activations and connections, all computed at once.

Networks are padded to one size, and a mask silences the units that a network lacks.

Letters: A architectures, L hidden layers, H units of the widest layer, B a batch of inputs, D numbers of an input,
N classes, I inputs and O outputs of a layer, K activations.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.networks.weight_generation import generated_linear

Activation = Literal["relu", "tanh", "sine", "linear"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)
WIDTHS = (2, 4, 8, 16, 32)
MOST_LAYERS = 4
WIDEST = max(WIDTHS)
_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sine": torch.sin,
    "linear": lambda x: x,
}


class Architecture(NamedTuple):
    """One perceptron of the family."""

    widths: tuple[int, ...]
    """Units of each hidden layer."""
    activation: Activation
    """Of all hidden layers."""
    has_skips: bool
    """Each hidden layer but the first also adds its input to its output, in the units that both have."""

    def num_parameters(self, inputs: int, ways: int) -> int:
        """Weights and shifts of the network.

        Args:
            inputs: D, numbers of an input.
            ways: N, classes.
        """
        sizes = (inputs, *self.widths, ways)
        return sum((below + 1) * above for below, above in pairwise(sizes))


class Encoded(NamedTuple):
    """Architectures as tensors."""

    widths: Tensor
    """(A, L), 0 where there is no such layer."""
    activations: Tensor
    """(A, K), one-hot."""
    has_skips: Tensor
    """(A,), 1 or 0."""

    @property
    def codes(self) -> Tensor:
        """All that the hypernetwork reads, one vector for each architecture."""
        choices = torch.tensor((0, *WIDTHS), device=self.widths.device)
        hot = (self.widths[..., None] == choices).flatten(1).to(self.activations)
        return torch.cat([hot, self.activations, self.has_skips[:, None]], dim=1)


Layers = list[tuple[Tensor, Tensor]]
"""Of each layer the weights (A, O, I) and the shifts (A, O), padded to one size."""


def drawn_architectures(count: int, generator: torch.Generator) -> list[Architecture]:
    """Different architectures, drawn at random.

    Args:
        count: how many.
        generator: the source of random numbers.
    """

    def one_of(choices: Sequence) -> int:
        return int(torch.randint(len(choices), (), generator=generator))

    found: dict[Architecture, None] = {}
    while len(found) < count:
        widths = tuple(WIDTHS[one_of(WIDTHS)] for _ in range(1 + one_of(range(MOST_LAYERS))))
        activation = ACTIVATIONS[one_of(ACTIVATIONS)]
        has_skips = bool(one_of(range(2))) and len(widths) > 1
        found[Architecture(widths, activation, has_skips)] = None
    return list(found)


def encoded(architectures: Sequence[Architecture]) -> Encoded:
    """The architectures as tensors.

    Args:
        architectures: A architectures.
    """
    widths = torch.tensor([[*each.widths, *[0] * (MOST_LAYERS - len(each.widths))] for each in architectures])
    which = torch.tensor([ACTIVATIONS.index(each.activation) for each in architectures])
    skips = torch.tensor([float(each.has_skips) for each in architectures])
    return Encoded(widths, F.one_hot(which, len(ACTIVATIONS)).float(), skips)


def outputs(architectures: Encoded, layers: Layers, x: Tensor) -> Tensor:
    """Logits (A, B, N) of all networks for the same inputs.

    Args:
        architectures: A architectures.
        layers: their weights.
        x: inputs (B, D).
    """
    *hidden, last = layers
    skips_A11 = architectures.has_skips[:, None, None]
    h_ABI = x.expand(len(skips_A11), *x.shape)
    for depth, (weights, shifts) in enumerate(hidden):
        width_A11 = architectures.widths[:, depth, None, None]
        z_ABH = generated_linear(h_ABI, weights, shifts)
        after_ABH = _activated(z_ABH, architectures.activations)
        if depth:
            after_ABH = after_ABH + skips_A11 * h_ABI
        after_ABH = after_ABH * (torch.arange(WIDEST) < width_A11)
        h_ABI = torch.where(width_A11 > 0, after_ABH, h_ABI) if depth else after_ABH
    return generated_linear(h_ABI, *last)


def first_weights(architectures: Encoded, inputs: int, ways: int, generator: torch.Generator) -> Layers:
    """Random weights for a training of each network: normal, with a variance of one over the inputs of the layer.

    Args:
        architectures: A architectures.
        inputs: D, numbers of an input.
        ways: N, classes.
        generator: the source of random numbers.
    """
    count = len(architectures.widths)
    layers = []
    for (below, above), scale_A11 in zip(padded_sizes(inputs, ways), weight_scales(architectures), strict=True):
        weights = scale_A11 * torch.randn(count, above, below, generator=generator) / below**0.5
        layers.append((weights, torch.zeros(count, above)))
    return layers


def padded_sizes(inputs: int, ways: int) -> list[tuple[int, int]]:
    """Inputs and outputs of each layer, padded.

    Args:
        inputs: D, numbers of an input.
        ways: N, classes.
    """
    return [(inputs, WIDEST), *[(WIDEST, WIDEST)] * (MOST_LAYERS - 1), (WIDEST, ways)]


def weight_scales(architectures: Encoded) -> list[Tensor]:
    """For each layer a factor (A, 1, 1) of its weights: a network that reads few units needs larger ones.

    Args:
        architectures: A architectures.
    """
    scales = [torch.ones(len(architectures.widths))]
    below_A = architectures.widths[:, 0]
    for depth in range(MOST_LAYERS):
        width_A = architectures.widths[:, depth]
        below_A = torch.where(width_A > 0, width_A, below_A)
        scales.append((WIDEST / below_A) ** 0.5)
    return [scale[:, None, None] for scale in scales]


def _activated(z_ABH: Tensor, activation_AK: Tensor) -> Tensor:
    every_KABH = torch.stack([_FUNCTIONS[name](z_ABH) for name in ACTIVATIONS])
    return every_KABH[activation_AK.argmax(dim=1), torch.arange(len(z_ABH))]
