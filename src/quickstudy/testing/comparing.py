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
    """The learner's state, computed without gradients.

    Args:
        learner: The learner.
        tasks: Tasks whose support it reads.
    """
    with torch.no_grad():
        return learner.adapt(tasks.support_x, tasks.support_y)


def predict(learner: Learner, state: Any, tasks: Tasks) -> Distribution:
    """The learner's prediction, computed without gradients.

    Args:
        learner: The learner.
        state: State of the tasks.
        tasks: Tasks whose queries it answers.
    """
    with torch.no_grad():
        return learner.predict(state, tasks.query_x)


def answers(learner: Learner, tasks: Tasks) -> Tensor:
    """The learner's prediction for the queries as numbers; see `summary`.

    Args:
        learner: The learner.
        tasks: Tasks that it adapts to and answers.
    """
    return summary(predict(learner, adapt(learner, tasks), tasks))


def summary(prediction: Distribution) -> Tensor:
    """A prediction as numbers that can be compared, (T, Q, …): probabilities, or mean and variance.

    Args:
        prediction: The prediction.
    """
    if isinstance(prediction, Categorical):
        return prediction.probs
    return torch.stack([prediction.mean, prediction.variance], dim=-1)


def inside(learner: Learner) -> list[Any]:
    """Copies of the attributes of each module of a learner.

    Args:
        learner: The learner.
    """
    return [
        copy.deepcopy({key: value for key, value in vars(m).items() if key != "_modules"}) for m in learner.modules()
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with tensors bit for bit. Values that cannot be compared are equal if their types
    are.

    Args:
        one: A value, or a container of values.
        other: Another one.
    """
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
    """Whether labels are class indices.

    Args:
        tasks: The tasks.
    """
    return not tasks.support_y.is_floating_point()


def num_ways(tasks: Tasks) -> int:
    """Number of classes that the support has.

    Args:
        tasks: The tasks.
    """
    return int(tasks.support_y.max()) + 1


def demand(holds: bool, complaint: str) -> None:
    """Raise an error unless a claim holds.

    Args:
        holds: Whether it holds.
        complaint: Message of the error.

    Raises:
        LawBrokenError: if it does not hold.
    """
    if not holds:
        raise LawBrokenError(complaint)


def demand_equal(one: Tensor, other: Tensor, complaint: str) -> None:
    """Raise an error unless two tensors are equal up to rounding in float64.

    Args:
        one: A tensor.
        other: Another one.
        complaint: Beginning of the message.

    Raises:
        LawBrokenError: if they differ.
    """
    difference = float((one - other).abs().max()) if one.shape == other.shape else math.inf
    demand(difference <= TOLERANCE, f"{complaint}: by up to {difference:.2g}.")
