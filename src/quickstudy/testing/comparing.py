"""How the laws call a learner and compare its predictions."""

import copy
import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from quickstudy.core import Learner, Tasks

TOLERANCE = 1e-6
"""In float64: far above its rounding, far below any real difference."""


class LawBrokenError(AssertionError):
    """A learner broke a law. The message says which law, and what was seen."""


def adapt(learner: Learner, tasks: Tasks) -> Any:
    """The learner's state, without gradients."""
    with torch.no_grad():
        return learner.adapt(tasks.support_x, tasks.support_y)


def predict(learner: Learner, state: Any, tasks: Tasks) -> Distribution:
    """The learner's prediction, without gradients."""
    with torch.no_grad():
        return learner.predict(state, tasks.query_x)


def answers(learner: Learner, tasks: Tasks) -> Tensor:
    """What the learner says of the queries, as numbers."""
    return summary(predict(learner, adapt(learner, tasks), tasks))


def summary(prediction: Distribution) -> Tensor:
    """What a prediction says, as numbers that can be compared: (T, Q, …)."""
    if isinstance(prediction, Categorical):
        return prediction.probs
    return torch.stack([prediction.mean, prediction.variance], dim=-1)


def inside(learner: Learner) -> list[Any]:
    """All that a learner is made of: the attributes of each of its modules, copied."""
    return [
        copy.deepcopy({key: value for key, value in vars(m).items() if key != "_modules"}) for m in learner.modules()
    ]


def same(one: Any, other: Any) -> bool:
    """Equal all through: tensors bit for bit; what cannot be compared after a copy, by its type."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return (
            isinstance(other, (list, tuple))
            and len(one) == len(other)
            and all(same(a, b) for a, b in zip(one, other, strict=True))
        )
    if isinstance(one, (int, float, str, bool, type(None))):
        return bool(one == other) or (isinstance(one, float) and math.isnan(one))
    return type(one) is type(other)  # Functions, hooks and the like cannot be compared after a copy.


def is_classification(tasks: Tasks) -> bool:
    """Labels are class indices."""
    return not tasks.support_y.is_floating_point()


def num_ways(tasks: Tasks) -> int:
    """How many classes the support names."""
    return int(tasks.support_y.max()) + 1


def demand(holds: bool, complaint: str) -> None:
    """Raise LawBrokenError with the complaint unless the claim holds."""
    if not holds:
        raise LawBrokenError(complaint)


def demand_equal(one: Tensor, other: Tensor, complaint: str) -> None:
    """Demand two tensors to be equal up to rounding in float64."""
    difference = float((one - other).abs().max()) if one.shape == other.shape else math.inf
    demand(difference <= TOLERANCE, f"{complaint}: by up to {difference:.2g}.")
