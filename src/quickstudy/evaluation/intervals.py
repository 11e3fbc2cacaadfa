"""A mean over tasks and how sure it is: Student's interval, exact for few tasks where values are normal."""

import math
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

_SHARE = 0.95
_PARTS = 200  # Of the integral; an even number. The error is then below 1e-8.


@dataclass(frozen=True)
class Interval:
    """A mean over tasks and the half-width of its 95 % interval, by Student's t distribution."""

    mean: float
    """Not a number where there was no task to take it over."""
    interval95: float | None
    """None where there is none: a single task says nothing about the spread, nor do values that are not finite."""

    @classmethod
    def over(cls, values_T: Tensor) -> "Interval":
        """Of one value a task."""
        count = len(values_T)
        if count == 0:
            return cls(math.nan, None)
        mean = float(values_T.double().mean())
        if count == 1 or not math.isfinite(mean):
            return cls(mean, None)
        return cls(mean, student(count - 1) * float(values_T.double().std()) / math.sqrt(count))

    def record(self) -> dict[str, float | None]:
        """For JSON, which has no word for what is not a number."""
        return {"mean": self.mean if math.isfinite(self.mean) else None, "interval95": self.interval95}

    def text(self, digits: int, unit: str = "") -> str:
        """The mean with so many digits behind the point and its interval, to be read."""
        if not math.isfinite(self.mean):
            return "–" if math.isnan(self.mean) else f"{self.mean}{unit}"
        if self.interval95 is None:
            return f"{self.mean:.{digits}f}{unit}, no interval"
        return f"{self.mean:.{digits}f} ± {self.interval95:.{digits}f}{unit}"

    def __str__(self) -> str:
        half = None if self.interval95 is None else 100 * self.interval95
        return Interval(100 * self.mean, half).text(2, " %")


@lru_cache
def student(degrees: int) -> float:
    """How many standard errors to each side hold 95 % of Student's t with these degrees of freedom.

    With t = √ν tan θ, the probability within ±t is an integral of cos^(ν − 1) up to θ. It rises ever more slowly, so
    Newton's steps from zero come to the θ of 95 % from below.
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
