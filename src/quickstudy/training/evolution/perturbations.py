"""Random perturbations of a network's weights, and the shaping of losses.

Low-rank perturbations: Sarkar et al., "Evolution Strategies at the Hyperscale" (2025), called EGGROLL.

Letters: P members of a population, K pairs, D numbers of all weights, R rank.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Shapes = Mapping[str, Sequence[int]]
"""Names and shapes of a network's weights, in a fixed order."""


def flat(parameters: Mapping[str, Tensor]) -> Tensor:
    """All weights as one vector (D,).

    Args:
        parameters: weights by name.
    """
    return torch.cat([each.detach().flatten() for each in parameters.values()])


def unflattened(members_PD: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """The weights of each member by name, (P, *shape).

    Args:
        members_PD: all weights of each member as one vector.
        shapes: names and shapes of the weights.
    """
    parts = members_PD.split([math.prod(shape) for shape in shapes.values()], dim=1)
    return {name: part.unflatten(1, (*shape,)) if shape else part.squeeze(1) for (name, shape), part in
            zip(shapes.items(), parts, strict=True)}  # fmt: skip


def normal_noise(count: int, num_weights: int, generator: torch.Generator) -> Tensor:
    """Independent standard normal noise (K, D).

    Args:
        count: K.
        num_weights: D.
        generator: the source of random numbers.
    """
    return torch.randn(count, num_weights, generator=generator, device=generator.device)


def low_rank_noise(count: int, shapes: Shapes, rank: int, generator: torch.Generator) -> Tensor:
    """Noise (K, D) whose part of each matrix is A Bᵀ / √R, where A and B have R columns of standard normal numbers.

    Each number has mean 0 and variance 1, as normal noise has. A weight that is no matrix gets normal noise, and a
    kernel counts as a matrix of one row for each output. The matrices are formed here, so this saves random numbers and
    no memory.

    Args:
        count: K.
        shapes: names and shapes of the weights.
        rank: R.
        generator: the source of random numbers.
    """
    parts = []
    for shape in shapes.values():
        rows, columns = (shape[0], math.prod(shape[1:])) if len(shape) > 1 else (math.prod(shape), 1)
        if len(shape) < 2 or rank >= min(rows, columns):
            parts.append(normal_noise(count, rows * columns, generator))
            continue
        both = normal_noise(count, (rows + columns) * rank, generator).unflatten(1, (rows + columns, rank))
        parts.append((both[:, :rows] @ both[:, rows:].mT / math.sqrt(rank)).flatten(1))
    return torch.cat(parts, dim=1)


def centred_ranks(losses_P: Tensor) -> Tensor:
    """The rank of each loss, from −0.5 for the lowest to 0.5 for the highest. Equal losses have equal ranks.

    The ranks sum to zero, and no monotone change of the losses changes them.

    Args:
        losses_P: one loss for each member, two or more.
    """
    _, place_P, count_U = losses_P.unique(return_inverse=True, return_counts=True)
    middle_U = count_U.cumsum(0) - (count_U + 1) / 2
    return (middle_U / (len(losses_P) - 1) - 0.5)[place_P]
