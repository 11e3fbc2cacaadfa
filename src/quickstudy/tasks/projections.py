"""Tasks made of one set of classes by random linear maps and permuted labels.

Kirsch, Harrison, Sohl-Dickstein and Metz, "General-Purpose In-Context Learning by Meta-Learning Transformers" (2022),
section 2: a task has its own matrix for the inputs and its own permutation of the labels. How many different tasks a
training draws from decides whether a learner memorises them or learns how to learn.

Letters: T tasks, N ways, E examples of a task, D numbers of an input (D = H · W), P different tasks.
"""

import math
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.tasks.made_on_device import MadeOnDevice
from quickstudy.tasks.sampling import Layout, ShotsOfEach, UnevenShots, draw_shots, highest, is_drawn, lowest

MOST_DISTINCT = 2**16
"""The largest number of different tasks whose maps are kept."""


class ProjectedPrototypes(MadeOnDevice):
    """Classes of Gaussian noise around fixed prototypes, seen through the random map of a task.

    Inputs have mean 0 and mean square 1 over all tasks. They have the shape of small images (1, side, side), so that
    whatever reads images reads them.

    Args:
        layout: ways, shots and queries. The ways are a fixed number, and every class has the same shots.
        distinct: how many different tasks there are, P. None for a new one each time.
        side: rows and columns of an input.
        noise: standard deviation around a prototype; the prototypes themselves have standard deviation 1.
        seed: decides the prototypes, and the maps and permutations of the P tasks.
        device: the device on which tasks are made.

    Raises:
        UserError: if the layout or the number of tasks is invalid.
    """

    def __init__(
        self,
        layout: Layout | None = None,
        *,
        distinct: int | None = None,
        side: int = 4,
        noise: float = 0.5,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.layout = layout or Layout(queries=1)
        self.ways = _fixed_ways(self.layout)
        if distinct is not None and not 1 <= distinct <= MOST_DISTINCT:
            raise UserError(
                f"distinct = {distinct} tasks were given, but 1 to {MOST_DISTINCT} were expected. "
                "Give None for a new task each time."
            )
        if side < 1 or not 0 <= noise < math.inf:
            raise UserError(
                f"side = {side} and noise = {noise} were given, "
                "but a side from 1 and a finite noise from 0 were expected."
            )
        self.distinct, self.side, self.noise, self.seed = distinct, side, noise, seed
        self.device = torch.device(device)
        own = torch.Generator().manual_seed(seed)
        self._prototypes_ND = torch.randn(self.ways, side**2, generator=own).to(device)
        self._after_prototypes = own.get_state()

    @cached_property
    def _kept(self) -> tuple[Tensor, Tensor]:
        """Maps (P, D, D) and labels (P, N) of the different tasks."""
        count = self.distinct or 0
        own = torch.Generator()
        own.set_state(self._after_prototypes)
        maps_PDD = _random_maps(count, self.side**2, own)
        return maps_PDD.to(self.device), torch.rand(count, self.ways, generator=own).argsort(dim=1).to(self.device)

    @property
    def draws_by_batch(self) -> bool:
        """Whether the tasks of a batch share a random choice: the number of shots."""
        return is_drawn(self.layout.shots)

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: the new device.
        """
        return type(self)(
            self.layout, distinct=self.distinct, side=self.side, noise=self.noise, seed=self.seed, device=device
        )

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        """Draw tasks whose inputs are (1, side, side).

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        shots, queries = draw_shots(self.layout.shots, self.ways, generator)[0], self.layout.queries
        map_TDD, label_TN = self._drawn(num_tasks, generator)
        support = self._examples(map_TDD, label_TN, shots, generator)
        return Tasks(*support, *self._examples(map_TDD, label_TN, queries, generator))

    def _drawn(self, num_tasks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The map and the labels of each task."""
        if self.distinct is None:
            labels_TN = torch.rand(num_tasks, self.ways, generator=generator, device=generator.device).argsort(dim=1)
            return _random_maps(num_tasks, self.side**2, generator), labels_TN
        which_T = torch.randint(self.distinct, (num_tasks,), generator=generator, device=generator.device)
        maps_PDD, labels_PN = self._kept
        return maps_PDD[which_T], labels_PN[which_T]

    def _examples(
        self, map_TDD: Tensor, label_TN: Tensor, count: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """So many examples of each class in random order, and their labels."""
        num_tasks = len(map_TDD)
        shape = (num_tasks, self.ways * count)
        class_TE = torch.rand(shape, generator=generator, device=generator.device).argsort(dim=1) // count
        noise_TED = torch.randn(*shape, self.side**2, generator=generator, device=generator.device)
        base_TED = self._prototypes_ND[class_TE] + self.noise * noise_TED
        seen_TED = base_TED @ map_TDD.transpose(1, 2) / math.sqrt(1 + self.noise**2)
        return seen_TED.unflatten(-1, (1, self.side, self.side)), label_TN.gather(1, class_TE)


def _random_maps(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Matrices (count, D, D) of independent numbers with variance 1 / D."""
    return torch.randn(count, size, size, generator=generator, device=generator.device) / math.sqrt(size)


def _fixed_ways(layout: Layout) -> int:
    if not isinstance(layout.ways, int) or layout.ways < 2:
        raise UserError(f"ways = {layout.ways} was given, but a fixed number from 2 was expected.")
    if isinstance(layout.shots, UnevenShots | ShotsOfEach):
        raise UserError(f"shots = {layout.shots} was given, but one number or a range for all classes was expected.")
    if not 1 <= lowest(layout.shots) <= highest(layout.shots) or layout.queries < 1:
        raise UserError(
            f"shots = {layout.shots} and queries = {layout.queries} were given, but numbers from 1 were expected."
        )
    if layout.jitter is not None or layout.shuffled_labels:
        raise UserError("These tasks have neither jitter nor shuffled labels. Leave both out of the layout.")
    return layout.ways
