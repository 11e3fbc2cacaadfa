"""A scikit-learn regressor that learns a function by reading its points."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core import OnlineLearner, UserError
from quickstudy.estimators.chosen import COLUMNS, CURVES, choose, is_of_values
from quickstudy.evaluation.quantiles import cumulative

_MOST_POINTS = 500
"""Points of one task. The cost of a Gaussian process is the cube of their number."""
_QUERIES_AT_ONCE = 1000
_HALVINGS, _FAR = 50, 12.0
"""Steps to a quantile, and the deviations from the mean between which it is searched."""


def _can_go_on(estimator: "FewShotRegressor") -> bool:
    return estimator.learner != "auto" and isinstance(choose(estimator.learner).learner, OnlineLearner)


class FewShotRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts values with their uncertainty, after reading a few points.

    `fit` adapts a learner to the points, without training. Many points are split into parts at random, and the
    predictions of the parts are averaged.

    Args:
        learner: A name of trained weights, a run folder, or a learner of values. "auto" takes the general learner of
            curves for a single column, and Gaussian processes averaged over kernels for several.
        max_points: Most points of a part.
        random_state: Decides the parts: a number, a `numpy.random.RandomState`, or None for another draw each time.

    Attributes:
        n_features_in_: Columns.
        learner_name_: The learner that was taken.
    """

    def __init__(self, learner: Any = "auto", *, max_points: int = _MOST_POINTS, random_state: Any = 0) -> None:
        self.learner = learner
        self.max_points = max_points
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Read the points.

        Args:
            X: Columns (n, features): an array or a data frame.
            y: Values (n,).

        Raises:
            UserError: if the points cannot be read.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._begin(X.shape[1])
        if self.max_points < 1:
            raise UserError(f"max_points is {self.max_points}, but a whole number from 1 was expected.")
        order = check_random_state(self.random_state).permutation(len(X))
        parts = np.array_split(order, -(-len(X) // self.max_points))
        with torch.no_grad():
            self._states_ = [self._learner_.adapt(_points(X[each]), _points(y[each, None])) for each in parts]
        return self

    @available_if(_can_go_on)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any) -> Self:
        """Go on learning from more points. Only online learners can, such as "gp-cnp".

        Args:
            X: Columns (n, features).
            y: Values (n,).

        Raises:
            UserError: if the points cannot be read, or a call of `fit` had split its points into parts.
        """
        is_first = not hasattr(self, "_states_")
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, reset=is_first)
        if is_first:
            self._begin(X.shape[1])
            self._states_ = [self._learner_.prior(1)]
        if len(self._states_) > 1:
            raise UserError(
                "The points were split into parts, so learning cannot go on. Call fit with a larger max_points."
            )
        with torch.no_grad():
            self._states_ = [self._learner_.extend(self._states_[0], _points(X), _points(y[:, None]))]
        return self

    def predict(
        self, X: Any, return_std: bool = False, quantiles: Sequence[float] | None = None
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """The mean of each value.

        Args:
            X: Columns (n, features).
            return_std: Whether to return the standard deviations (n,) too, noise included.
            quantiles: Probabilities between 0 and 1. Then the result is (n, quantiles), not the mean.

        Raises:
            UserError: if a quantile is not between 0 and 1, or both were asked for.
        """
        check_is_fitted(self, "_states_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if quantiles is not None:
            _refuse_quantiles(quantiles, return_std)
        parts = [
            self._part(X[start : start + _QUERIES_AT_ONCE], quantiles) for start in range(0, len(X), _QUERIES_AT_ONCE)
        ]
        if quantiles is not None:
            return np.concatenate([found[0] for found in parts])
        means, deviations = (np.concatenate(each) for each in zip(*parts, strict=True))
        return (means, deviations) if return_std else means

    def _begin(self, columns: int) -> None:
        automatic = isinstance(self.learner, str) and self.learner == "auto"
        chosen = choose((CURVES if columns == 1 else COLUMNS) if automatic else self.learner)
        if not is_of_values(chosen.learner):
            raise UserError(
                f"'{chosen.name}' predicts classes, not values. Use FewShotClassifier, or choose another learner."
            )
        self._learner_: Any = chosen.learner
        self.learner_name_ = chosen.name

    def _part(self, X: np.ndarray, quantiles: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
        """Means and deviations, or quantiles twice."""
        with torch.no_grad():
            predictions = [self._learner_.predict(state, _points(X)) for state in self._states_]
            means_PQ = torch.stack([each.mean[0, :, 0].double() for each in predictions])
            variances_PQ = torch.stack([each.variance[0, :, 0].double() for each in predictions])
            mean_Q = means_PQ.mean(dim=0)
            deviation_Q = (variances_PQ + (means_PQ - mean_Q).square()).mean(dim=0).sqrt()
            if quantiles is None:
                return mean_Q.numpy(), deviation_Q.numpy()
            found = torch.stack([_quantile(predictions, mean_Q, deviation_Q, each) for each in quantiles], dim=1)
        return found.numpy(), found.numpy()


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
    return torch.stack([each[0, :, 0].double() for each in found if each is not None]).mean(dim=0)


def _refuse_quantiles(quantiles: Sequence[float], return_std: bool) -> None:
    if return_std:
        raise UserError("return_std and quantiles were given, but predict returns one of them. Call it twice.")
    if any(not 0 < each < 1 for each in quantiles):
        raise UserError(f"quantiles = {list(quantiles)} came, but probabilities between 0 and 1 were expected.")
