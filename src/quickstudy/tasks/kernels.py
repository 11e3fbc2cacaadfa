"""Kernels of Gaussian processes, one for every task of a batch, and ways to draw them at random.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapter 4; equation numbers are theirs.

Letters: T tasks, A and B points, D numbers of an input.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from quickstudy.core import UserError

Shape = Literal["squared exponential", "matern 1/2", "matern 3/2", "matern 5/2", "periodic"]
Range = float | tuple[float, float]
"""A number, or two between which each task draws one."""


class Kernel(ABC):
    """A covariance function for each task. It gives the covariance of the values at two points."""

    @abstractmethod
    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        """Covariances (T, A, B) of the values at two sets of points.

        Args:
            a_TAD: the first points.
            b_TBD: the second points.
        """

    @abstractmethod
    def select(self, index: Tensor) -> "Kernel":
        """The kernels of some of the tasks.

        Args:
            index: task indices, or a mask of tasks.
        """


class KernelPrior(ABC):
    """A distribution that draws a kernel for every task of a batch."""

    @abstractmethod
    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw a kernel for each task, on the generator's device.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """


@dataclass(frozen=True)
class Stationary(KernelPrior):
    """Kernels that depend only on the distance of two points.

    Raises:
        UserError: if the shape is unknown, or another setting is not positive.
    """

    shape: Shape = "squared exponential"
    """The kind of the kernel."""
    length: Range = 0.4
    """The length-scale ℓ."""
    scale: Range = 1.0
    """The standard deviation of a value."""
    period: Range = 1.0
    """The period of periodic kernels."""

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise UserError(f"shape = {self.shape!r} was given. There are: {', '.join(_SHAPES)}.")
        for name in ("length", "scale", "period"):
            least, most = _ends(getattr(self, name))
            if not 0 < least <= most:
                raise UserError(f"{name} = {getattr(self, name)} was given. Give a positive number, or two in order.")

    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw a length, a scale and a period for each task, uniform in their logarithms.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """
        return _StationaryKernel(
            self.shape,
            *(draw_log_uniform(each, num_tasks, generator) for each in (self.length, self.scale, self.period)),
        )


@dataclass(frozen=True)
class Sum(KernelPrior):
    """Functions that are sums of independent functions."""

    parts: Sequence[KernelPrior]
    """One kernel of each is added."""

    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw a kernel of each part and add them.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """
        return _SumKernel([part.draw(num_tasks, generator) for part in self.parts])


@dataclass(frozen=True)
class Product(KernelPrior):
    """Functions whose covariances are products, for example waves whose shape changes with the distance."""

    parts: Sequence[KernelPrior]
    """One kernel of each is a factor."""

    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw a kernel of each part and multiply them.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """
        return _ProductKernel([part.draw(num_tasks, generator) for part in self.parts])


@dataclass(frozen=True)
class Switching(KernelPrior):
    """Functions of one kind on the left of a random point, and of another kind on its right.

    The first number of an input decides between left and right. Values on the two sides are independent.
    """

    left: KernelPrior
    """The kind on the left."""
    right: KernelPrior
    """The kind on the right."""
    between: tuple[float, float] = (-2.0, 2.0)
    """Lowest and highest place of the change."""

    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw both kernels and the place of the change.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """
        least, most = self.between
        place_T = least + (most - least) * _uniform(num_tasks, generator)
        return _SwitchingKernel(self.left.draw(num_tasks, generator), self.right.draw(num_tasks, generator), place_T)


@dataclass(frozen=True)
class OneOf(KernelPrior):
    """Functions of several kinds. Each task has one kind, and all kinds are equally likely."""

    kinds: Sequence[KernelPrior]
    """The kinds."""

    def draw(self, num_tasks: int, generator: torch.Generator) -> Kernel:
        """Draw a kind for each task, and its kernel.

        Args:
            num_tasks: T, the tasks.
            generator: the source of random numbers.
        """
        kind_T = torch.randint(len(self.kinds), (num_tasks,), generator=generator, device=generator.device)
        # Every kind is drawn for every task, so that what a task draws does not depend on the others' kinds.
        return _OneOfKernel([kind.draw(num_tasks, generator) for kind in self.kinds], kind_T)


class _StationaryKernel(Kernel):
    def __init__(self, shape: Shape, length_T: Tensor, scale_T: Tensor, period_T: Tensor) -> None:
        self.shape, self.numbers = shape, (length_T, scale_T, period_T)

    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        length_T11, scale_T11, period_T11 = (each.to(a_TAD)[:, None, None] for each in self.numbers)
        if self.shape == "periodic":
            half_turns_TABD = math.pi * (a_TAD[:, :, None] - b_TBD[:, None]) / period_T11[..., None]
            correlation_TAB = (-2 * half_turns_TABD.sin().square().sum(dim=-1) / length_T11**2).exp()  # eq. 4.31
        else:
            distance_TAB = torch.linalg.vector_norm(a_TAD[:, :, None] - b_TBD[:, None], dim=-1)
            correlation_TAB = _SHAPES[self.shape](distance_TAB / length_T11)
        return scale_T11**2 * correlation_TAB

    def select(self, index: Tensor) -> Kernel:
        return _StationaryKernel(self.shape, *(each[index] for each in self.numbers))


class _SumKernel(Kernel):
    def __init__(self, parts: Sequence[Kernel]) -> None:
        self.parts = parts

    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        return torch.stack([part(a_TAD, b_TBD) for part in self.parts]).sum(dim=0)

    def select(self, index: Tensor) -> Kernel:
        return _SumKernel([part.select(index) for part in self.parts])


class _ProductKernel(Kernel):
    def __init__(self, parts: Sequence[Kernel]) -> None:
        self.parts = parts

    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        return torch.stack([part(a_TAD, b_TBD) for part in self.parts]).prod(dim=0)

    def select(self, index: Tensor) -> Kernel:
        return _ProductKernel([part.select(index) for part in self.parts])


class _SwitchingKernel(Kernel):
    def __init__(self, left: Kernel, right: Kernel, place_T: Tensor) -> None:
        self.left, self.right, self.place_T = left, right, place_T

    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        place_T1 = self.place_T.to(a_TAD)[:, None]
        a_is_left_TA1, b_is_left_T1B = (a_TAD[..., 0] < place_T1)[..., None], (b_TBD[..., 0] < place_T1)[:, None]
        on_left_TAB = torch.where(a_is_left_TA1 & b_is_left_T1B, self.left(a_TAD, b_TBD), 0.0)
        return torch.where(a_is_left_TA1 | b_is_left_T1B, on_left_TAB, self.right(a_TAD, b_TBD))

    def select(self, index: Tensor) -> Kernel:
        return _SwitchingKernel(self.left.select(index), self.right.select(index), self.place_T[index])


class _OneOfKernel(Kernel):
    def __init__(self, kinds: Sequence[Kernel], kind_T: Tensor) -> None:
        self.kinds, self.kind_T = kinds, kind_T

    def __call__(self, a_TAD: Tensor, b_TBD: Tensor) -> Tensor:
        covariance_TAB = a_TAD.new_empty(len(a_TAD), a_TAD.shape[1], b_TBD.shape[1])
        for number, kind in enumerate(self.kinds):  # Over kinds, of which there are few, not over tasks.
            own = (self.kind_T == number).nonzero().squeeze(1)
            covariance_TAB[own] = kind.select(own)(a_TAD[own], b_TBD[own])
        return covariance_TAB

    def select(self, index: Tensor) -> Kernel:
        return _OneOfKernel([kind.select(index) for kind in self.kinds], self.kind_T[index])


def _squared_exponential(r: Tensor) -> Tensor:
    return (-r.square() / 2).exp()  # eq. 4.9


def _matern_1_2(r: Tensor) -> Tensor:
    return (-r).exp()  # eq. 4.18


def _matern_3_2(r: Tensor) -> Tensor:
    scaled = math.sqrt(3) * r
    return (1 + scaled) * (-scaled).exp()  # eq. 4.17


def _matern_5_2(r: Tensor) -> Tensor:
    scaled = math.sqrt(5) * r
    return (1 + scaled + scaled.square() / 3) * (-scaled).exp()  # eq. 4.17


_SHAPES = {
    "squared exponential": _squared_exponential,
    "matern 1/2": _matern_1_2,
    "matern 3/2": _matern_3_2,
    "matern 5/2": _matern_5_2,
    "periodic": _squared_exponential,  # Of the distance on a circle.
}


def _ends(bounds: Range) -> tuple[float, float]:
    return bounds if isinstance(bounds, tuple) else (bounds, bounds)


def draw_log_uniform(bounds: Range, num_tasks: int, generator: torch.Generator) -> Tensor:
    """Draw a number for each task, (T,), uniform in its logarithm.

    Args:
        bounds: lowest and highest number, or one number for all tasks.
        num_tasks: T, the tasks.
        generator: the source of random numbers.
    """
    least, most = _ends(bounds)
    return least * (most / least) ** _uniform(num_tasks, generator)


def _uniform(num_tasks: int, generator: torch.Generator) -> Tensor:
    return torch.rand(num_tasks, generator=generator, device=generator.device, dtype=torch.float64)
