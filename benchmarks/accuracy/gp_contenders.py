"""The contenders of `gp_regression.py`: learnt regressors, Gaussian processes fitted to each task, and the oracle.

The fitted ones are scikit-learn's: hyperparameters by the marginal likelihood of the task's own support, which is
what one does who does not know the kernel. Their bounds hold whatever the tasks are drawn from.

Letters: T tasks, Q queries.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.distributions import Distribution, Independent, Normal

from quickstudy.core import Learner, Tasks, UserError

Contender = Callable[[Tasks], Distribution]
"""Reads the supports of tasks and predicts the values of their queries."""

_LENGTHS, _PERIODS = (0.02, 20.0), (0.1, 10.0)
_VARIANCES, _NOISES = (0.05, 20.0), (1e-5, 1.0)  # Squares of deviations.
KERNELS = ("RBF", "Matérn 3/2", "Matérn 5/2", "periodic")
_STARTS = {"periodic": (0.5, 0.7, 1.0, 1.4, 2.0)}
"""Periods to fit from, as the likelihood of a period has many hills; other kernels are fitted from one place.

So many find three waves out of four; with the period of 1 alone it is one out of three.
"""


@dataclass(frozen=True)
class Learnt:
    """A learner, all tasks at once."""

    learner: Learner

    @torch.no_grad()
    def __call__(self, tasks: Tasks) -> Distribution:
        """What the learner says of all queries."""
        return self.learner.predict(self.learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


@dataclass(frozen=True)
class Fitted:
    """A Gaussian process fitted to each task by scikit-learn, one after another.

    Of several kernels, and starts, the one whose fitted marginal likelihood is highest. `restarts` are further starts
    of the fitting, from places at random. The deviation predicted is that of an observed value, noise included.

    Raises:
        UserError: if scikit-learn is not installed.
    """

    kernels: tuple[str, ...]
    restarts: int = 0

    def __post_init__(self) -> None:
        kernel(self.kernels[0])  # At once, rather than after the first contender has done its work.

    def __call__(self, tasks: Tasks) -> Independent:
        """Means and deviations of all queries, (T, Q, 1)."""
        said = [
            self._answer(*(field.double().cpu().numpy() for field in task))
            for task in zip(tasks.support_x, tasks.support_y, tasks.query_x, strict=True)
        ]
        mean_TQ1, deviation_TQ1 = (
            torch.as_tensor(np.stack(values))[..., None].to(tasks.query_y) for values in zip(*said, strict=True)
        )
        return Independent(Normal(mean_TQ1, deviation_TQ1), 1)

    def _answer(self, x: np.ndarray, y: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts = [kernel(name, period) for name in self.kernels for period in _STARTS.get(name, (1.0,))]
        fitted = [self._fit(start, x, y[:, 0]) for start in starts]
        best = max(fitted, key=lambda each: each.log_marginal_likelihood_value_)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of variances a hair below zero, which it sets to zero.
            mean, deviation = best.predict(query, return_std=True)
        return mean, deviation

    def _fit(self, start: Any, x: np.ndarray, y: np.ndarray) -> Any:
        from sklearn.gaussian_process import GaussianProcessRegressor

        regressor = GaussianProcessRegressor(start, n_restarts_optimizer=self.restarts, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of optima at a bound, which a few points make likely.
            return regressor.fit(x, y)


def kernel(name: str, period: float = 1.0) -> Any:
    """One of `KERNELS` of some scale, and noise: scikit-learn's, where its fitting starts.

    Raises:
        UserError: if scikit-learn is not installed.
    """
    try:
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, ExpSineSquared, Matern, WhiteKernel
    except ImportError:
        raise UserError("This benchmark needs scikit-learn, which is not installed: pip install '.[dev]'.") from None
    shapes = {
        "RBF": lambda: RBF(0.5, _LENGTHS),
        "Matérn 3/2": lambda: Matern(0.5, _LENGTHS, nu=1.5),
        "Matérn 5/2": lambda: Matern(0.5, _LENGTHS, nu=2.5),
        "periodic": lambda: ExpSineSquared(1.0, period, _LENGTHS, _PERIODS),
    }
    return ConstantKernel(1.0, _VARIANCES) * shapes[name]() + WhiteKernel(0.1, _NOISES)


def fitted() -> dict[str, Contender]:
    """The usual ways to fit, by what they are called in the table."""
    return {
        "fitted GP, RBF": Fitted(("RBF",)),
        "fitted GP, RBF, 4 restarts": Fitted(("RBF",), restarts=4),
        "fitted GP, Matérn 5/2": Fitted(("Matérn 5/2",)),
        "fitted GP, best of 4 kernels": Fitted(KERNELS),
    }
