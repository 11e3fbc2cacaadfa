"""Classes that are clusters of features, made without data: for learners on top of frozen features.

Letters: T tasks, E examples of a class, N ways, D features.
"""

import copy
from typing import NamedTuple, Self

import torch
from torch import Tensor

from quickstudy.core import Tasks


class ClusterLayout(NamedTuple):
    """How many of what a task has."""

    ways: tuple[int, int] = (2, 20)
    """Fewest and most classes; each batch draws a number."""
    shots: tuple[int, int] = (1, 10)
    """Fewest and most examples of a class; each batch draws a number."""
    queries: int = 5
    """Queries of each class."""
    features: tuple[int, int] = (2, 64)
    """Fewest and most features; each batch draws a number."""


class ClassClusters:
    """Tasks whose classes are clusters, Gaussian or with heavier tails, in spaces of many shapes.

    Each task draws how fast the variance falls from feature to feature, how far classes lie apart, how much the
    clusters of its classes differ in size, how heavy their tails are, and the units of its features.

    Args:
        layout: How many of what a task has.
    """

    def __init__(self, layout: ClusterLayout = ClusterLayout()) -> None:  # noqa: B008  # Cannot be changed.
        self.layout, self.device = layout, torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: The new device.
        """
        moved = copy.copy(self)
        moved.device = torch.device(device)
        return moved

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """New tasks.

        Args:
            num_tasks: T, the tasks of the batch.
            generator: The source of random numbers.
        """
        ways, shots, features = (_integer(bounds, generator) for bounds in self.layout[:2] + self.layout[3:])
        examples_TNED = _clusters(num_tasks, ways, shots + self.layout.queries, features, generator)
        labels_TN = torch.arange(ways, device=generator.device).expand(num_tasks, -1)
        support, query = examples_TNED[:, :, :shots], examples_TNED[:, :, shots:]
        return Tasks(
            support.flatten(1, 2),
            labels_TN.repeat_interleave(shots, dim=1),
            query.flatten(1, 2),
            labels_TN.repeat_interleave(self.layout.queries, dim=1),
        )


def _clusters(tasks: int, ways: int, examples: int, features: int, generator: torch.Generator) -> Tensor:
    """Examples (T, N, E, D)."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator, device=generator.device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=generator.device)

    rank_D = torch.arange(1, features + 1, dtype=torch.float, device=generator.device)
    between_TD = rank_D ** -uniform(0, 1.5, tasks, 1)
    within_TD = rank_D ** -uniform(0, 1.5, tasks, 1)
    distance_T111 = uniform(-1.5, 1.5, tasks, 1, 1, 1).exp()
    centres_TN1D = distance_T111 * between_TD[:, None, None] * normal(tasks, ways, 1, features)
    size_TN11 = (uniform(0, 0.6, tasks, 1, 1, 1) * normal(tasks, ways, 1, 1)).exp()
    stretch_TN1D = (uniform(0, 0.5, tasks, 1, 1, 1) * normal(tasks, ways, 1, features)).exp()
    noise_TNED = normal(tasks, ways, examples, features) * within_TD[:, None, None] * size_TN11 * stretch_TN1D
    # Divided by the root of a chi-square variable over its degrees of freedom, a normal becomes Student's t.
    freedom_T111 = (2 + 30 * uniform(0, 1, tasks, 1, 1, 1)).round()
    chi_TNE1 = torch.stack([_chi_square(int(each), (ways, examples, 1), generator) / each for each in freedom_T111])
    examples_TNED = centres_TN1D + noise_TNED / chi_TNE1.sqrt()
    return _in_units(_turned(examples_TNED, generator), generator)


def _turned(examples_TNED: Tensor, generator: torch.Generator) -> Tensor:
    """In half of the tasks, the features are mixed by a random rotation."""
    tasks, features, device = len(examples_TNED), examples_TNED.shape[-1], generator.device
    mixed_TDD = torch.randn(tasks, features, features, generator=generator, device=device)
    rotation_TDD = torch.linalg.qr(mixed_TDD).Q
    is_turned_T111 = torch.rand(tasks, 1, 1, 1, generator=generator, device=device) < 0.5
    return torch.where(is_turned_T111, examples_TNED @ rotation_TDD[:, None], examples_TNED)


def _in_units(examples_TNED: Tensor, generator: torch.Generator) -> Tensor:
    """In a fifth of the tasks, features are not negative, as after a rectifier."""
    tasks = len(examples_TNED)
    is_rectified_T111 = torch.rand(tasks, 1, 1, 1, generator=generator, device=generator.device) < 0.2
    return torch.where(is_rectified_T111, examples_TNED.clamp(min=0), examples_TNED)


def _chi_square(freedom: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, freedom, generator=generator, device=generator.device).square().sum(dim=-1)


def _integer(bounds: tuple[int, int], generator: torch.Generator) -> int:
    low, high = bounds
    return int(torch.randint(low, high + 1, (1,), generator=generator, device=generator.device))
