"""A learner of values that was adapted to one task of any size. The estimator and the command line share it.

Letters: P parts, Q queries.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import OnlineLearner, UserError
from quickstudy.estimators.chosen import COLUMNS, Chosen
from quickstudy.evaluation.quantiles import cumulative

MOST_POINTS = 500
"""Points of one part. The cost of a Gaussian process is the cube of their number."""
_QUERIES_AT_ONCE = 1000
_HALVINGS, _FAR = 50, 12.0
"""Steps to a quantile, and the deviations from the mean between which it is searched."""


class AdaptedRegressor:
    """The states of a learner of values for the parts of one task, whose predictions are averaged.

    Args:
        chosen: The learner.
    """

    def __init__(self, chosen: Chosen) -> None:
        self.chosen = chosen
        self.states: list[Any] = []

    def adapt(self, X: np.ndarray, y: np.ndarray, max_points: int, seed: int) -> "AdaptedRegressor":
        """Read points in random parts.

        Args:
            X: Places (n, columns).
            y: Values (n,).
            max_points: Most points of a part.
            seed: Decides the parts.

        Raises:
            UserError: if the learner reads another number of columns, or a part would have no point.
        """
        if max_points < 1:
            raise UserError(f"max_points is {max_points}, but a whole number from 1 was expected.")
        self._refuse_columns(X)
        order = np.random.RandomState(seed).permutation(len(X))
        parts = np.array_split(order, -(-len(X) // max_points))
        with torch.no_grad():
            self.states = [self.chosen.learner.adapt(_points(X[each]), _points(y[each, None])) for each in parts]
        return self

    def extend(self, X: np.ndarray, y: np.ndarray) -> "AdaptedRegressor":
        """Go on learning from more points.

        Args:
            X: Places (n, columns).
            y: Values (n,).

        Raises:
            UserError: if the learner cannot, it reads another number of columns, or the points so far were split into
                parts.
        """
        learner = self.chosen.learner
        if not isinstance(learner, OnlineLearner):
            raise UserError(f"'{self.chosen.name}' cannot go on learning. Call fit with all points.")
        self._refuse_columns(X)
        if len(self.states) > 1:
            raise UserError(
                "The points were split into parts, so learning cannot go on. Raise max_points and fit again."
            )
        with torch.no_grad():
            state = self.states[0] if self.states else learner.prior(1)
            self.states = [learner.extend(state, _points(X), _points(y[:, None]))]
        return self

    def _refuse_columns(self, X: np.ndarray) -> None:
        wanted = getattr(self.chosen.learner, "sizes", (None,))[0]
        if wanted not in (None, X.shape[1]):
            other = f", such as '{COLUMNS}'" if X.shape[1] > 1 else ""
            raise UserError(
                f"'{self.chosen.name}' reads {wanted} column{'s' * (wanted != 1)}, but {X.shape[1]} came. Give it as "
                f"many, or choose another learner{other}."
            )

    def mean_and_deviation(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations (n,), noise included.

        Args:
            X: Places (n, columns).
        """
        parts = [self._moments(self._predict(each)) for each in _in_parts(X)]
        if not parts:
            return np.zeros(0), np.zeros(0)
        means, deviations = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
        return means, deviations

    def quantiles(self, X: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
        """The values (n, probabilities) below which the answers lie with these probabilities.

        Args:
            X: Places (n, columns).
            probabilities: Between 0 and 1.

        Raises:
            UserError: if a probability is not between 0 and 1, or the learner's predictions have no quantiles.
        """
        if any(not 0 < each < 1 for each in probabilities):
            raise UserError(f"Quantiles {list(probabilities)} came, but probabilities between 0 and 1 were expected.")
        found = [np.zeros((0, len(probabilities)))]
        for part in _in_parts(X):
            predictions = self._predict(part)
            moments = self._moments(predictions)
            found.append(torch.stack([_quantile(predictions, *moments, each) for each in probabilities], dim=1).numpy())
        return np.concatenate(found)

    def _predict(self, X: np.ndarray) -> list[Distribution]:
        with torch.no_grad():
            return [self.chosen.learner.predict(state, _points(X)) for state in self.states]

    def _moments(self, predictions: Sequence[Distribution]) -> tuple[Tensor, Tensor]:
        means_PQ = torch.stack([each.mean[0, :, 0].double().cpu() for each in predictions])
        variances_PQ = torch.stack([each.variance[0, :, 0].double().cpu() for each in predictions])
        mean_Q = means_PQ.mean(dim=0)
        return mean_Q, (variances_PQ + (means_PQ - mean_Q).square()).mean(dim=0).sqrt()


def _in_parts(X: np.ndarray) -> list[np.ndarray]:
    return [X[start : start + _QUERIES_AT_ONCE] for start in range(0, len(X), _QUERIES_AT_ONCE)]


def _points(values: np.ndarray) -> Any:
    """A task (1, n, numbers). Learners move arrays to their own device."""
    return values[None]


def _quantile(predictions: Sequence[Distribution], mean_Q: Tensor, deviation_Q: Tensor, probability: float) -> Tensor:
    """The values (Q,) below which the averaged prediction has this probability, by halving."""
    low_Q, high_Q = mean_Q - _FAR * deviation_Q, mean_Q + _FAR * deviation_Q
    for _ in range(_HALVINGS):
        middle_Q = (low_Q + high_Q) / 2
        is_below_Q = _below(predictions, middle_Q) < probability
        low_Q, high_Q = torch.where(is_below_Q, middle_Q, low_Q), torch.where(is_below_Q, high_Q, middle_Q)
    return (low_Q + high_Q) / 2


def _below(predictions: Sequence[Distribution], values_Q: Tensor) -> Tensor:
    found = [cumulative(each, values_Q[None, :, None].to(each.mean)) for each in predictions]
    if any(each is None for each in found):
        raise UserError("This learner's predictions have no quantiles. Choose a learner that predicts normals.")
    return torch.stack([each[0, :, 0].double().cpu() for each in found if each is not None]).mean(dim=0)
