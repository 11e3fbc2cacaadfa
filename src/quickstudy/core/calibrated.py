"""What a user may do with a classifier's probabilities: scale them, refuse a query, or name several classes.

The temperature is that of Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017). Sets of classes
are those of Sadinle, Lei and Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error Levels" (JASA 2019).

Letters: T tasks, S support examples, Q queries, N ways, D features.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core.checks import count_ways, read_query, read_support
from quickstudy.core.distributions import categorical
from quickstudy.core.errors import UserError
from quickstudy.core.learner import Learner

Score = Literal["distance", "logits", "confidence"]
"""What says whether a query is of a known class: the distance of its features to the closest class mean, how far the
highest logit is above the mean of the logits, or the logarithm of the highest probability."""


@dataclass(frozen=True, kw_only=True)
class CalibratedSetting:
    """Numbers that were fitted on tasks of one number of ways and shots, for one file of weights.

    A learner's own predictions stay as they are. You pass them to the methods.

    Args:
        ways: Classes in the tasks.
        shots: Support examples of each class.
        temperature: What logits are divided by.
        score: What says whether a query is of a known class; see `known_score`.
        lowest_known_score: A query with a lower score is of none of the task's classes.
        lowest_log_probabilities: By the coverage of a set, as text such as "0.9": the log-probability, after the
            temperature, that a class needs to be in the set.
        data: The data set of the classes that all of this was fitted on.
        classes: How many classes these are.
        tasks: Tasks that were drawn from them.
    """

    ways: int
    shots: int
    temperature: float
    score: Score
    lowest_known_score: float
    lowest_log_probabilities: Mapping[str, float]
    data: str
    classes: int
    tasks: int

    def calibrated(self, prediction: Categorical) -> Categorical:
        """The same prediction with calibrated probabilities. The most probable class stays.

        Args:
            prediction: what a learner predicted for queries (T, Q).
        """
        return categorical(prediction.logits / self.temperature)

    def is_none_of_these(self, learner: Learner, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
        """Whether each query is of none of the task's classes: (T, Q) booleans.

        On the tasks of the calibration, this was wrong as often for queries of the task's classes as for others.

        Args:
            learner: the learner with the weights that were calibrated.
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S).
            query_x: inputs (T, Q, *input).

        Raises:
            UserError: if the learner cannot read something.
        """
        return known_score(self.score, learner, support_x, support_y, query_x) < self.lowest_known_score

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
        return log_probabilities(prediction.logits, self.temperature) >= self.lowest_log_probability(coverage)

    def lowest_log_probability(self, coverage: float) -> float:
        """The log-probability that a class needs to be in a set.

        Args:
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
        return lowest


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
            is_fine = all(_is_fine(each) for each in settings)
        except (TypeError, ValueError):
            is_fine, settings = False, ()
        if not is_fine or not settings:
            raise UserError(f"The calibration of '{name}' is damaged. Fit it again: python tools/calibrate.py {name}")
        return cls(settings)


def _is_fine(setting: CalibratedSetting) -> bool:
    has_sets = bool(dict(setting.lowest_log_probabilities))
    return setting.temperature > 0 and setting.score in get_args(Score) and has_sets


def log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Log-probabilities (…, N) after a temperature, in double precision: thresholds lie close to certainty.

    Args:
        logits: (…, N).
        temperature: what logits are divided by.
    """
    return (logits.double() / temperature).log_softmax(dim=-1)


def known_score(score: Score, learner: Learner, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Tensor:
    """How much each query (T, Q) looks like one of the task's classes. A high score means a known class.

    Args:
        score: "distance" is minus the squared distance of features, for learners with an encoder. The others read the
            prediction.
        learner: the learner.
        support_x: inputs (T, S, *input).
        support_y: class indices (T, S).
        query_x: inputs (T, Q, *input).

    Raises:
        UserError: if the learner cannot read something.
    """
    state = learner.adapt(support_x, support_y)
    if score != "distance":
        return scores_of_logits(learner.predict(state, query_x).logits)[score]  # type: ignore[attr-defined]
    support_x, support_y, _ = read_support(learner, support_x, support_y)
    means_TND = class_means(learner, support_x, support_y)
    return score_of_distance(learner, means_TND, read_query(learner, state, query_x))


def scores_of_logits(logits: Tensor) -> dict[Score, Tensor]:
    """The scores that can be read from a prediction, each (…). Excluded classes do not count.

    Args:
        logits: (…, N). Minus infinity excludes a class.
    """
    is_finite = logits.isfinite()
    mean = logits.masked_fill(~is_finite, 0).sum(dim=-1) / is_finite.sum(dim=-1)
    highest = logits.amax(dim=-1)
    return {"logits": highest - mean, "confidence": highest.double() - logits.double().logsumexp(dim=-1)}


def class_sums(learner: Learner, support_x: Tensor, support_y: Tensor, num_ways: int) -> Tensor:
    """The sum of the features of each class's examples, (T, N, D).

    Args:
        learner: has an encoder.
        support_x: inputs (T, S, *input), as `read_support` returns them.
        support_y: class indices (T, S).
        num_ways: N.
    """
    encoder: Any = learner.encoder
    z_TSD = encoder(support_x).flatten(2)
    sums_TND: Tensor = F.one_hot(support_y, num_ways).to(z_TSD.dtype).transpose(1, 2) @ z_TSD
    return sums_TND


def class_means(learner: Learner, support_x: Tensor, support_y: Tensor) -> Tensor:
    """The mean of the features of each class, (T, N, D). Not a number where a class has no example.

    Args:
        learner: has an encoder.
        support_x: inputs (T, S, *input), as `read_support` returns them.
        support_y: class indices (T, S).
    """
    num_ways = count_ways(support_y)
    counts_TN1 = F.one_hot(support_y, num_ways).sum(dim=1)[..., None]
    return class_sums(learner, support_x, support_y, num_ways) / counts_TN1


def score_of_distance(learner: Learner, means_TND: Tensor, query_x: Tensor) -> Tensor:
    """Minus the squared distance of a query's features to the closest class mean, (T, Q).

    Args:
        learner: has an encoder.
        means_TND: what `class_means` returned.
        query_x: inputs (T, Q, *input), as `read_query` returns them.
    """
    encoder: Any = learner.encoder
    z_TQD = encoder(query_x).flatten(2)
    # Matrix products would make the distance of a query depend on the number of queries, if only in the last digits.
    squares_TQN = torch.cdist(z_TQD, means_TND, compute_mode="donot_use_mm_for_euclid_dist").square()
    return -squares_TQN.masked_fill(means_TND.isnan().any(dim=-1)[:, None], torch.inf).amin(dim=-1)
