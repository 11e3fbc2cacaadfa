"""Prototypical Networks: a class is the mean of its embedded examples.

Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning" (NIPS 2017).
Equation numbers are the paper's.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    Learner,
    TrainingTasks,
    categorical,
    check_tasks,
    count_ways,
    read_query,
    read_support,
)
from quickstudy.networks import class_means, mask_absent


class ProtoNetState(NamedTuple):
    """One prototype for each class."""

    prototypes: Tensor
    """(T, N, D), the paper's c_k."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class ProtoNet(Learner):
    """Embeds, averages by class, and compares by squared Euclidean distance. Any number of ways and shots.

    Batch normalisation uses running statistics in eval mode, as in the authors' code.

    Args:
        encoder: Maps inputs (..., *input) to features (..., D).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> ProtoNetState:
        """Prototypes of the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        return _prototypes(self.encoder(support_x), support_y, mask)

    def predict(self, state: ProtoNetState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return _nearest_prototype(state, self.encoder(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries (Algorithm 1).

        Support and queries are embedded together, so that they share their batch statistics.
        """
        check_tasks(tasks)
        z_TSD, z_TQD = tasks.embedded(self.encoder)
        state = _prototypes(z_TSD, tasks.support_y)
        return -_nearest_prototype(state, z_TQD).log_prob(tasks.query_y).mean()


def _prototypes(z_TSD: Tensor, support_y: Tensor, mask_TS: Tensor | None = None) -> ProtoNetState:
    return ProtoNetState(*class_means(z_TSD, support_y, count_ways(support_y), mask_TS))  # eq. 1


def _nearest_prototype(state: ProtoNetState, z_TQD: Tensor) -> Categorical:
    # eq. 2, with −‖z − c‖² = 2 z·c − ‖c‖² − ‖z‖²; the last term is the same for all classes, and drops out.
    dots_TQN = z_TQD @ state.prototypes.transpose(1, 2)
    logits_TQN = 2 * dots_TQN - state.prototypes.square().sum(dim=-1)[:, None, :]
    return categorical(mask_absent(logits_TQN, state.is_present))
