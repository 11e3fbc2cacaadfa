"""A mean over tasks with its 95 % interval by Student's t, which is exact for few tasks where values are normal.

Tasks of one batch may share a number that was drawn, such as how many points are given. Then they are not independent
of each other, but batches are, and the interval is over batches.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

_SHARE = 0.95
_PARTS = 200  # Of the integral; an even number. The error is then below 1e-8.


@dataclass(frozen=True)
class Interval:
    """A mean over tasks and the half-width of its 95 % interval, by Student's t distribution."""

    mean: float
    """Not a number where there was no task to take it over."""
    interval95: float | None
    """None where there is none: a single task, or a single batch of tasks that share something, says nothing about the
    spread, nor do values that are not finite."""

    @classmethod
    def over(cls, values_T: Tensor, batch_T: Tensor | None = None) -> "Interval":
        """The mean and its interval.

        Args:
            values_T: One value for each task.
            batch_T: The number of the batch that each task is from, if tasks of a batch share something that was drawn.
        """
        if len(values_T) == 0:
            return cls(math.nan, None)
        values_T = values_T.double()
        mean = float(values_T.mean())
        count, error = _standard_error(values_T, mean, batch_T)
        if count == 1 or not math.isfinite(mean):
            return cls(mean, None)
        return cls(mean, student(count - 1) * error)

    def record(self) -> dict[str, float | None]:
        """For JSON, which has no word for what is not a number."""
        return {"mean": self.mean if math.isfinite(self.mean) else None, "interval95": self.interval95}

    def text(self, digits: int, unit: str = "") -> str:
        """The mean and its interval as text.

        Args:
            digits: Digits behind the point.
            unit: What follows the numbers, such as " %".
        """
        if not math.isfinite(self.mean):
            return "–" if math.isnan(self.mean) else f"{self.mean}{unit}"
        if self.interval95 is None:
            return f"{self.mean:.{digits}f}{unit}, no interval"
        return f"{self.mean:.{digits}f} ± {self.interval95:.{digits}f}{unit}"

    def __str__(self) -> str:
        half = None if self.interval95 is None else 100 * self.interval95
        return Interval(100 * self.mean, half).text(2, " %")


def _standard_error(values_T: Tensor, mean: float, batch_T: Tensor | None) -> tuple[int, float]:
    """How many independent groups there are, and the standard error of the mean over all tasks.

    A group is a batch or, without batches, a task. The last batch may have fewer tasks: it counts for as much less.
    """
    away_T = values_T - mean
    if batch_T is not None:
        batches, place_T = batch_T.unique(return_inverse=True)
        away_T = torch.zeros(len(batches), dtype=values_T.dtype).index_add(0, place_T, away_T)
    count = len(away_T)
    spread = float(away_T.square().sum()) * count / max(1, count - 1)
    return count, math.sqrt(spread) / len(values_T)


@lru_cache
def student(degrees: int) -> float:
    """How many standard errors to each side of the mean contain 95 % of Student's t distribution.

    With t = √ν tan θ, the probability within ±t is an integral of cos^(ν − 1) up to θ. It rises ever more slowly, so
    Newton's steps from zero reach the θ of 95 % from below.

    Args:
        degrees: Degrees of freedom ν.
    """
    log_scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)
    scale = 2 * math.exp(log_scale) / math.sqrt(math.pi)
    angle, step = 0.0, math.inf
    while step > 1e-13 * angle:
        step = (_SHARE - scale * _integral(degrees - 1, angle)) / (scale * math.cos(angle) ** (degrees - 1))
        angle += step
    return math.sqrt(degrees) * math.tan(angle)


def _integral(power: int, end: float) -> float:
    """Of cos^power from zero, by Simpson's rule."""
    width = end / _PARTS
    values = [math.cos(index * width) ** power for index in range(_PARTS + 1)]
    return width / 3 * (values[0] + 4 * sum(values[1::2]) + 2 * sum(values[2:-1:2]) + values[-1])
