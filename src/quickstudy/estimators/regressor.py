"""A scikit-learn regressor that learns a function by reading its points."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from quickstudy.core import OnlineLearner, UserError
from quickstudy.estimators.adapted_values import MOST_POINTS, AdaptedRegressor
from quickstudy.estimators.chosen import COLUMNS, CURVES, choose, is_of_values


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

    def __init__(self, learner: Any = "auto", *, max_points: int = MOST_POINTS, random_state: Any = 0) -> None:
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
        if not np.issubdtype(y.dtype, np.number):
            raise UserError(f"y holds {str(y[0])!r}, but numbers were expected. For classes, take FewShotClassifier.")
        self._begin(X.shape[1])
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._adapted_.adapt(X, y, self.max_points, seed)
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
        is_first = not hasattr(self, "_adapted_")
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, reset=is_first)
        if is_first:
            self._begin(X.shape[1])
        self._adapted_.extend(X, y)
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
            UserError: if a quantile is not between 0 and 1, or both were given.
        """
        check_is_fitted(self, "_adapted_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if quantiles is not None:
            if return_std:
                raise UserError("return_std and quantiles were given, but predict returns one of them. Call it twice.")
            return self._adapted_.quantiles(X, quantiles)
        means, deviations = self._adapted_.mean_and_deviation(X)
        return (means, deviations) if return_std else means

    def _begin(self, columns: int) -> None:
        automatic = isinstance(self.learner, str) and self.learner == "auto"
        chosen = choose((CURVES if columns == 1 else COLUMNS) if automatic else self.learner)
        if not is_of_values(chosen.learner):
            raise UserError(
                f"'{chosen.name}' predicts classes, not values. Use FewShotClassifier, or choose another learner."
            )
        self._adapted_ = AdaptedRegressor(chosen)
        self.learner_name_ = chosen.name
