"""Differentiable plasticity: the last layer learns a task by a Hebbian trace beside each of its weights.

Miconi, Clune and Stanley, "Differentiable Plasticity: Training Plastic Neural Networks with Backpropagation" (ICML
2018), section 4.3; equation numbers are the paper's. Connections and traces are in `networks/plasticity.py`.

While the support is read, the label fixes the activity of the last layer. So a trace is a sum of features by label,
and it needs no loop. What differs: labels have `max_ways` slots, queries branch off in parallel and leave no trace, and
features are scaled, so that products compare them as correlations do.

Letters: T tasks, S support examples, Q queries, N label slots, D features.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    OnlineLearner,
    TrainingTasks,
    categorical,
    check_tasks,
    in_random_slots,
    read_query,
    read_support,
)
from quickstudy.networks import mask_absent
from quickstudy.networks.attention import full_precision
from quickstudy.networks.class_means import members
from quickstudy.networks.plasticity import PlasticConnections, TraceRule


class PlasticState(NamedTuple):
    """What a task left in the connections."""

    trace: Tensor
    """(T, D, N), the paper's Hebb."""
    is_seen: Tensor
    """(T, N) booleans: an example of the label was read."""


class Plastic(OnlineLearner):
    """Reads examples one after another into the traces of one layer. Batch normalisation is as in the encoder's mode.

    Args:
        encoder: Maps inputs (..., *input) to features (..., D).
        num_features: Numbers that the encoder gives.
        max_ways: Label slots.
        width: Numbers before the plastic layer, projected from the features; None leaves the features.
        rule: Hebb's rule, by which every example fades all traces, or Oja's, by which it fades those of its label.
        first_rate: First value of η, the share of a new example in a trace.
        first_share: First value of every α, the factor of a trace.

    Raises:
        ValueError: if there is no such rule, or a rate is none.
    """

    order_matters = True
    labels_are_slots = True

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        max_ways: int = 20,
        width: int | None = None,
        rule: TraceRule = "oja",
        first_rate: float = 0.1,
        first_share: float = 0.5,
    ) -> None:
        super().__init__()
        self.max_ways = max_ways
        self.encoder = encoder
        self.project = nn.Identity() if width is None else nn.Linear(num_features, width)
        self.connections = PlasticConnections(
            num_features if width is None else width,
            max_ways,
            rule=rule,
            first_rate=first_rate,
            first_share=first_share,
        )

    def prior(self, num_tasks: int) -> PlasticState:
        """No trace of anything."""
        trace = self.connections.prior(num_tasks)
        return PlasticState(trace, torch.zeros(num_tasks, self.max_ways, dtype=torch.bool, device=trace.device))

    def extend(
        self, state: PlasticState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> PlasticState:
        """Read examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(
            self,
            support_x,
            support_y,
            support_mask,
            max_ways=self.max_ways,
            state=state,
            is_known_T=state.is_seen.any(dim=1),
        )
        return self._learn(state, self.encoder(support_x), support_y, mask)

    def predict(self, state: PlasticState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self._answer(state, self.encoder(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries; in training, classes are put into random slots.

        Support and queries are embedded together, so that they share their batch statistics.
        """
        check_tasks(tasks, self.max_ways)
        if self.training:
            tasks = in_random_slots(tasks, self.max_ways)
        z_TSD, z_TQD = tasks.embedded(self.encoder)
        state = self._learn(self.prior(len(tasks.support_y)), z_TSD, tasks.support_y)
        return -self._answer(state, z_TQD).log_prob(tasks.query_y).mean()

    def _learn(
        self, state: PlasticState, z_TSD: Tensor, support_y: Tensor, mask_TS: Tensor | None = None
    ) -> PlasticState:
        label_TSN = members(support_y, self.max_ways, mask_TS)
        with full_precision(z_TSD):
            x_TSD = self._before(z_TSD)
            real_TS = torch.ones_like(x_TSD[..., 0]) if mask_TS is None else mask_TS.to(x_TSD.dtype)
            trace = self.connections.learn(state.trace, x_TSD, label_TSN.to(x_TSD.dtype), real_TS)  # eq. 2 or 3
        return PlasticState(trace, state.is_seen | label_TSN.any(dim=1))

    def _answer(self, state: PlasticState, z_TQD: Tensor) -> Categorical:
        with full_precision(z_TQD):
            logits_TQN = self.connections(self._before(z_TQD), state.trace)  # eq. 1
        return categorical(mask_absent(logits_TQN, state.is_seen | ~state.is_seen.any(dim=1, keepdim=True)))

    def _before(self, z: Tensor) -> Tensor:
        """Activity before the connections: mean zero and variance one."""
        x = self.project(z.to(self.connections.fixed.dtype))
        return F.layer_norm(x, x.shape[-1:])
