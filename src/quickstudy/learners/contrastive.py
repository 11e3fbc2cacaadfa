"""SimCLR: an encoder trained to know two views of one drawing among others, and class means at test.

Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual Representations"
(ICML 2020). Equation numbers are the paper's.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    Learner,
    TrainingTasks,
    UserError,
    categorical,
    check_tasks,
    count_ways,
    read_query,
    read_support,
)
from quickstudy.core.compiling import not_compiled
from quickstudy.networks import class_means, mask_absent


class ContrastiveEncoderState(NamedTuple):
    """One direction for each class."""

    directions: Tensor
    """(T, N, D): the mean direction of a class's examples, of length one."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class ContrastiveEncoder(Learner):
    """Trained to find which views show the same drawing. A class is the mean direction of its examples.

    The paper drops the projection head g at test, because other tasks need what views differ in. Here tasks need what
    views share, so g stays by default. Any number of ways and shots.

    In training, a label says which views belong together. On pairs of views, such as `ContrastivePairs` draws, this is
    the paper's unsupervised loss. If a task has several examples of a label, each is a positive of the others.

    Args:
        encoder: Maps inputs (..., *input) to features, the paper's f.
        num_features: Numbers that the encoder gives.
        projected: Numbers that the projection head gives, the paper's g.
        temperature: The loss divides cosines by it.
        projects_at_test: Compare projections at test; switched off, features.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        projected: int = 128,
        temperature: float = 0.1,
        projects_at_test: bool = True,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise UserError(
                f"temperature is {temperature}, but cosines are divided by it: a number above 0 was expected."
            )
        self.encoder = encoder
        self.projection = nn.Sequential(  # g(h) = W₂ σ(W₁ h), section 2.1.
            nn.Linear(num_features, num_features), nn.ReLU(), nn.Linear(num_features, projected)
        )
        self.temperature = temperature
        self.projects_at_test = projects_at_test

    def adapt(
        self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> ContrastiveEncoderState:
        """Mean directions of the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        directions_TSD = self._directions(support_x)
        means_TND, is_present_TN = class_means(directions_TSD, support_y, count_ways(support_y), mask)
        return ContrastiveEncoderState(F.normalize(means_TND, dim=-1), is_present_TN)

    def predict(self, state: ContrastiveEncoderState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input), by cosine."""
        query_x = read_query(self, state, query_x)
        cosines_TQN = self._directions(query_x) @ state.directions.transpose(1, 2)
        return categorical(mask_absent(cosines_TQN / self.temperature, state.is_present))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The mean of eq. 1 over all ordered pairs of views that belong together, among all views of their task.

        Support and queries are embedded together, so that they share their batch statistics.
        """
        check_tasks(tasks)
        z_TVD = torch.cat(tasks.embedded(lambda x: self.projection(self.encoder(x))), dim=1)
        label_TV = torch.cat([tasks.support_y, tasks.query_y], dim=1)
        _refuse_strangers(label_TV)
        return _nt_xent(z_TVD, label_TV, self.temperature)

    def _directions(self, inputs: Tensor) -> Tensor:
        features = self.encoder(inputs)
        return F.normalize(self.projection(features) if self.projects_at_test else features, dim=-1)


def _nt_xent(z_TVD: Tensor, label_TV: Tensor, temperature: float) -> Tensor:
    """The normalised, temperature-scaled cross entropy of telling each view's partner from the task's other views."""
    direction_TVD = F.normalize(z_TVD, dim=-1)
    similarity_TVV = direction_TVD @ direction_TVD.transpose(1, 2) / temperature
    is_self_VV = torch.eye(z_TVD.shape[1], dtype=torch.bool, device=z_TVD.device)
    belong_TVV = (label_TV[:, :, None] == label_TV[:, None, :]) & ~is_self_VV
    others_TV1 = similarity_TVV.masked_fill(is_self_VV, -torch.inf).logsumexp(dim=2, keepdim=True)
    return ((others_TV1 - similarity_TVV) * belong_TVV).sum() / belong_TVV.sum()  # eq. 1


@not_compiled
def _refuse_strangers(label_TV: Tensor) -> None:
    """Raise UserError where no view belongs to another, so that there is nothing to learn from."""
    if label_TV.device.type != "cpu":
        return  # Looking at the labels would make the host wait for the device.
    ordered_TV = label_TV.sort(dim=1).values
    if not (ordered_TV[:, 1:] == ordered_TV[:, :-1]).any():
        raise UserError(
            "No two views belong together: all labels of a task differ. Give both views of a drawing one label, as "
            "ContrastivePairs does."
        )
