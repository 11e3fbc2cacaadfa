"""Fitness Monotonic Execution: the better a solution was, the more time it gets. There is no other optimiser.

A reconstruction after Kirsch and Schmidhuber, "Eliminating Meta Optimization Through Self-Referential Meta Learning"
(2022): the paper's scheme of selection is not public.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.experiments.environments import Environment
from quickstudy.experiments.self_modifying import SelfModifyingMatrix, execute


class Archive:
    """Stored solutions in buckets by their last measured fitness, from 0 to 1.

    Args:
        base: a bucket is base times as likely to run as the next worse one. At 1, all buckets are equally likely. None
            for no selection: all solutions are equally likely.
        buckets: how many buckets, of equal widths.
        capacity: solutions that a bucket keeps, the newest ones.

    Raises:
        UserError: if the base is below 1, or there is no bucket or no place in it.
    """

    def __init__(self, base: float | None, *, buckets: int = 10, capacity: int = 50) -> None:
        if (base is not None and base < 1) or buckets < 1 or capacity < 1:
            raise UserError(
                f"base = {base}, buckets = {buckets} and capacity = {capacity} were given, "
                "but numbers from 1 were expected."
            )
        self.base = base
        self._buckets: list[deque[Tensor]] = [deque(maxlen=capacity) for _ in range(buckets)]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    @property
    def sizes(self) -> list[int]:
        """Solutions in each bucket, from the worst."""
        return [len(bucket) for bucket in self._buckets]

    def begin(self, solutions: Tensor) -> None:
        """Fill the worst bucket with first solutions, which may be more than it keeps later.

        Args:
            solutions: one in each row.
        """
        capacity = self._buckets[0].maxlen or 1
        self._buckets[0] = deque(solutions.unbind(), maxlen=max(capacity, len(solutions)))

    def store(self, solutions: Tensor, fitness_B: Tensor) -> None:
        """Store solutions by the fitness of the execution that produced them.

        Args:
            solutions: one in each row.
            fitness_B: from 0 to 1.
        """
        for solution, fitness in zip(solutions.unbind(), fitness_B.tolist(), strict=True):
            self._buckets[self.bucket_of(fitness)].append(solution)

    def bucket_of(self, fitness: float) -> int:
        """The index of the bucket for a fitness.

        Args:
            fitness: from 0 to 1.
        """
        return min(len(self._buckets) - 1, max(0, int(fitness * len(self._buckets))))

    def likelihoods(self) -> list[float]:
        """How likely each bucket is to run next. Empty ones do not."""
        sizes = self.sizes
        if self.base is None:
            return [size / sum(sizes) for size in sizes]
        weights = [self.base ** (place - len(sizes)) if size else 0.0 for place, size in enumerate(sizes)]
        return [weight / sum(weights) for weight in weights]

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, list[int]]:
        """Solutions that run next, and the bucket of each.

        Args:
            count: how many.
            generator: the source of random numbers.
        """
        chances = torch.tensor(self.likelihoods(), dtype=torch.float64)
        places = torch.multinomial(chances, count, replacement=True, generator=generator).tolist()
        units = torch.rand(count, generator=generator).tolist()
        drawn = [
            self._buckets[place][int(unit * len(self._buckets[place]))]
            for place, unit in zip(places, units, strict=True)
        ]
        return torch.stack(drawn), places

    def best(self) -> Tensor:
        """The solutions of the best bucket that has any."""
        return torch.stack(list(next(bucket for bucket in reversed(self._buckets) if bucket)))


class Evolved(NamedTuple):
    """What an evolution leaves."""

    rewards: list[float]
    """Mean reward of the executions of each iteration: a step's for bandits, an execution's for cart-pole."""
    executions: list[int]
    """How often a solution of each bucket was executed, from the worst bucket."""
    archive: Archive
    """The stored solutions."""


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """How long and with which selection to evolve."""

    base: float | None = 4.0
    """How much more often the next better bucket runs. 1 for equal times, None for no selection."""
    iterations: int = 300
    """Rounds of parallel executions."""
    parallel: int = 32
    """Executions at once."""
    first: int = 200
    """Random solutions at the start."""
    buckets: int = 10
    """Buckets of the archive."""
    capacity: int = 50
    """Solutions that a bucket keeps."""
    log_spaced: bool = False
    """Buckets of equal widths in the logarithm of the total reward, for environments such as cart-pole."""
    seed: int = field(default=0)
    """Decides everything that is random."""


def evolve(matrix: SelfModifyingMatrix, environment: Environment, settings: Evolution) -> Evolved:
    """Run stored solutions again and again. What a solution turned itself into is stored, not what it was.

    Args:
        matrix: sizes and rule of the solutions.
        environment: where they act.
        settings: how long, and with which selection.
    """
    return evolve_together(matrix, environment, settings, 1)[0]


def evolve_together(
    matrix: SelfModifyingMatrix, environment: Environment, settings: Evolution, count: int
) -> list[Evolved]:
    """Several evolutions that share nothing but the batch in which their solutions are executed.

    They draw from one source of random numbers, so the seed gives the same results for the same count only.

    Args:
        matrix: sizes and rule of the solutions.
        environment: where they act.
        settings: how long, and with which selection.
        count: how many evolutions.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    found = []
    for _ in range(count):
        archive = Archive(settings.base, buckets=settings.buckets, capacity=settings.capacity)
        archive.begin(matrix.random(settings.first, generator))
        found.append(Evolved([], [0] * settings.buckets, archive))
    unit = 1 if settings.log_spaced else environment.length
    for _ in range(settings.iterations):
        drawn = [each.archive.draw(settings.parallel, generator) for each in found]
        weights, total_B = execute(matrix, torch.cat([own for own, _ in drawn]), environment, generator)
        fitness_B = _fitness(total_B, environment.length, settings.log_spaced)
        parts = (part.split(settings.parallel) for part in (weights, total_B, fitness_B))
        for each, (_, places), own, total, fitness in zip(found, drawn, *parts, strict=True):
            each.archive.store(own, fitness)
            each.rewards.append(float(total.mean()) / unit)
            for place in places:
                each.executions[place] += 1
    return found


def _fitness(total_B: Tensor, length: int, log_spaced: bool) -> Tensor:
    if log_spaced:
        return total_B.clamp(min=1).log() / math.log(length)
    return total_B / length
