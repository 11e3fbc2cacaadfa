"""A hypernetwork that ranks architectures: it generates the weights of any network of a family from its description.

Brock, Lim, Ritchie and Weston, "SMASH: One-Shot Model Architecture Search through HyperNetworks" (ICLR 2018). The
hypernetwork is trained on random architectures. Then the accuracy of an architecture with generated weights stands for
its accuracy after a training of its own.

What differs: the paper's architectures are convolutional networks that read and write memory banks, and a convolutional
hypernetwork reads their description. Here they are perceptrons, and a perceptron reads it, layer by layer.

Letters: A architectures, B a batch of inputs, D numbers of an input, N classes, E numbers of an embedding.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.experiments.architectures import (
    ACTIVATIONS,
    MOST_LAYERS,
    WIDEST,
    WIDTHS,
    Encoded,
    Layers,
    drawn_architectures,
    encoded,
    first_weights,
    outputs,
    padded_sizes,
    weight_scales,
)
from quickstudy.networks.weight_generation import GeneratedLinear


class ArchitectureHypernetwork(nn.Module):
    """Generates the weights of a network from its architecture, layer by layer.

    Args:
        inputs: D, numbers of an input of the networks.
        ways: N, their classes.
        embedding: E, numbers of the embedding of a layer.
        width: Units of the network that embeds layers.
        reads_architecture: If false, all architectures share one set of weights, cut to their sizes: a control.
    """

    def __init__(
        self, inputs: int, ways: int, *, embedding: int = 32, width: int = 128, reads_architecture: bool = True
    ) -> None:
        super().__init__()
        self.reads_architecture = reads_architecture
        num_read = MOST_LAYERS * (1 + len(WIDTHS)) + len(ACTIVATIONS) + 1 + MOST_LAYERS + 1
        self.embed = nn.Sequential(nn.Linear(num_read, width), nn.ReLU(), nn.Linear(width, embedding))
        first, *_, last = (GeneratedLinear(embedding, *size) for size in padded_sizes(inputs, ways))
        self.first, self.hidden, self.last = first, GeneratedLinear(embedding, WIDEST, WIDEST), last

    def forward(self, architectures: Encoded) -> Layers:
        """Weights of all networks.

        Args:
            architectures: A architectures.
        """
        codes = architectures.codes if self.reads_architecture else torch.zeros_like(architectures.codes)
        places = torch.eye(MOST_LAYERS + 1, device=codes.device)
        generators = (self.first, *[self.hidden] * (MOST_LAYERS - 1), self.last)
        layers = []
        for place, generator, scale_A11 in zip(places, generators, weight_scales(architectures), strict=True):
            read = torch.cat([codes, place.expand(len(codes), -1)], dim=1)
            weights, shifts = generator(F.layer_norm(self.embed(read), (generator.weights.in_features,)))
            layers.append((weights * scale_A11, shifts))
        return layers


def train_hypernetwork(
    hypernetwork: ArchitectureHypernetwork,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    generator: torch.Generator,
    architectures_per_step: int = 8,
    batch: int = 64,
    learning_rate: float = 3e-3,
) -> None:
    """Train it: each step draws architectures and examples, and the loss is that of the generated networks.

    Args:
        hypernetwork: what is trained, in place.
        x: inputs (B, D).
        y: class indices (B,).
        steps: steps of training.
        generator: the source of random numbers.
        architectures_per_step: architectures of a step.
        batch: examples of a step.
        learning_rate: the rate of Adam at the start; it falls to zero.
    """

    def loss() -> Tensor:
        drawn = encoded(drawn_architectures(architectures_per_step, generator))
        chosen_B = torch.randint(len(y), (batch,), generator=generator)
        return _losses(drawn, hypernetwork(drawn), x[chosen_B], y[chosen_B]).mean()

    _descend(list(hypernetwork.parameters()), loss, steps, learning_rate, largest_gradient=1.0)


def train_each(
    architectures: Encoded,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    generator: torch.Generator,
    ways: int,
    batch: int = 64,
    learning_rate: float = 3e-3,
) -> Layers:
    """Train every network by itself, all in one computation: no number of one has an effect on another.

    Args:
        architectures: A architectures.
        x: inputs (B, D).
        y: class indices (B,).
        steps: steps of training.
        generator: the source of random numbers.
        ways: N, classes.
        batch: examples of a step, the same for all networks.
        learning_rate: the rate of Adam at the start; it falls to zero.
    """
    layers = first_weights(architectures, x.shape[1], ways, generator)

    def loss() -> Tensor:
        chosen_B = torch.randint(len(y), (batch,), generator=generator)
        return _losses(architectures, layers, x[chosen_B], y[chosen_B]).sum()  # A sum keeps gradients apart.

    _descend([values.requires_grad_() for layer in layers for values in layer], loss, steps, learning_rate)
    return [(weights.detach(), shifts.detach()) for weights, shifts in layers]


@torch.no_grad()
def accuracies(architectures: Encoded, layers: Layers, x: Tensor, y: Tensor) -> Tensor:
    """The share of right answers of each network, (A,).

    Args:
        architectures: A architectures.
        layers: their weights.
        x: inputs (B, D).
        y: class indices (B,).
    """
    return (outputs(architectures, layers, x).argmax(dim=-1) == y).double().mean(dim=1)


def rank_correlation(one: Tensor, other: Tensor) -> float:
    """Spearman's: the correlation of ranks. Equal numbers share the mean of their ranks.

    Args:
        one: (A,) numbers.
        other: (A,) numbers.
    """
    return float(torch.corrcoef(torch.stack([_ranks(one), _ranks(other)]))[0, 1])


def _ranks(values: Tensor) -> Tensor:
    smaller_AA, equal_AA = values[None] < values[:, None], values[None] == values[:, None]
    return smaller_AA.sum(dim=1).double() + (equal_AA.sum(dim=1).double() - 1) / 2


def _descend(
    parameters: list[Tensor],
    loss_of_step: Callable[[], Tensor],
    steps: int,
    learning_rate: float,
    largest_gradient: float | None = None,
) -> None:
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of_step().backward()
        if largest_gradient is not None:
            nn.utils.clip_grad_norm_(parameters, largest_gradient)
        optimiser.step()
        schedule.step()


def _losses(architectures: Encoded, layers: Layers, x_BD: Tensor, y_B: Tensor) -> Tensor:
    """The mean cross-entropy of each network, (A,)."""
    logits_ABN = outputs(architectures, layers, x_BD)
    return F.cross_entropy(logits_ABN.movedim(-1, 1), y_B.expand(len(logits_ABN), -1), reduction="none").mean(dim=1)
