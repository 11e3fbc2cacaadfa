"""What a user may do with a classifier's probabilities: scale them, refuse a query, or name several classes.

The temperature is that of Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017). The highest probability
as a score of known classes is from Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and
Out-of-Distribution Examples" (ICLR 2017). Sets of classes are those of Sadinle, Lei and Wasserman, "Least Ambiguous
Set-Valued Classifiers with Bounded Error Levels" (JASA 2019).

Letters: T tasks, Q queries, N ways.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core.distributions import categorical
from quickstudy.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CalibratedSetting:
    """Numbers that were fitted on tasks of one number of ways and shots, for one file of weights.

    A learner's own predictions stay as they are. You pass them to the methods.

    Args:
        ways: Classes in the tasks.
        shots: Support examples of each class.
        temperature: What logits are divided by.
        lowest_known_score: A query with a lower score is of none of the task's classes.
        lowest_log_probabilities: By the coverage of a set, as text such as "0.9": the log-probability, after the
            temperature, that a class needs to be in the set.
    """

    ways: int
    shots: int
    temperature: float
    lowest_known_score: float
    lowest_log_probabilities: Mapping[str, float]

    def calibrated(self, prediction: Categorical) -> Categorical:
        """The same prediction with calibrated probabilities. The most probable class stays.

        Args:
            prediction: what a learner predicted for queries (T, Q).
        """
        return categorical(prediction.logits / self.temperature)

    def known_score(self, prediction: Categorical) -> Tensor:
        """How much each query (T, Q) looks like one of the task's classes. A high score means a known class.

        Args:
            prediction: what a learner predicted for queries (T, Q).
        """
        return known_score(prediction.logits)

    def is_none_of_these(self, prediction: Categorical) -> Tensor:
        """Whether each query is of none of the task's classes: (T, Q) booleans.

        On the tasks of the calibration, this was wrong as often for queries of the task's classes as for others.

        Args:
            prediction: what a learner predicted for queries (T, Q).
        """
        return self.known_score(prediction) < self.lowest_known_score

    def sets(self, prediction: Categorical, coverage: float = 0.9) -> Tensor:
        """The classes that each query may have: (T, Q, N) booleans.

        The true class is in the set with the probability `coverage`, on average over tasks such as those of the
        calibration. A set may be empty: then the query is unlike all classes.

        Args:
            prediction: what a learner predicted for queries (T, Q).
            coverage: the share of queries whose set holds the true class.

        Raises:
            UserError: if nothing was fitted for this coverage.
        """
        lowest = self.lowest_log_probabilities.get(str(coverage))
        if lowest is None:
            raise UserError(
                f"coverage is {coverage}, but sets were fitted for {', '.join(self.lowest_log_probabilities)}. Choose "
                "one of them."
            )
        return log_probabilities(prediction.logits, self.temperature) >= lowest


@dataclass(frozen=True)
class Calibration:
    """The calibration of one file of weights, for tasks of several sizes.

    Args:
        settings: What was fitted for each number of ways and shots.
    """

    settings: tuple[CalibratedSetting, ...]

    def at(self, ways: int, shots: float) -> CalibratedSetting:
        """The setting that is closest to a task.

        Args:
            ways: classes of the task.
            shots: support examples of a class. If classes differ, give the mean.

        Raises:
            UserError: if there is no such task.
        """
        if not (ways > 0 and shots > 0):
            raise UserError(f"{ways} ways and {shots} shots were given, but numbers above 0 were expected.")
        return min(
            self.settings,
            key=lambda each: abs(math.log(each.ways / ways)) + abs(math.log(each.shots / shots)),
        )

    def to_json(self) -> tuple[dict[str, Any], ...]:
        """The same as a header can hold it."""
        return tuple(asdict(each) for each in self.settings)

    @classmethod
    def from_json(cls, written: Iterable[Mapping[str, Any]], name: str) -> "Calibration":
        """Read what `to_json` wrote.

        Args:
            written: what the header holds.
            name: the name of the weights, for messages.

        Raises:
            UserError: if it is no calibration.
        """
        try:
            settings = tuple(CalibratedSetting(**each) for each in written)
            is_fine = all(each.temperature > 0 and dict(each.lowest_log_probabilities) for each in settings)
        except (TypeError, ValueError):
            is_fine, settings = False, ()
        if not is_fine or not settings:
            raise UserError(f"The calibration of '{name}' is damaged. Fit it again: python tools/calibrate.py {name}")
        return cls(settings)


def log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Log-probabilities (…, N) after a temperature, in double precision: thresholds lie close to certainty.

    Args:
        logits: (…, N).
        temperature: what logits are divided by.
    """
    return (logits.double() / temperature).log_softmax(dim=-1)


def known_score(logits: Tensor) -> Tensor:
    """The score of known classes, (…): the log-odds of the most probable class, in double precision.

    Args:
        logits: (…, N).
    """
    highest = logits.double().log_softmax(dim=-1).amax(dim=-1)
    return highest - (-highest.expm1()).clamp(min=1e-300).log()
