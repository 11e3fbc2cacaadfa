"""Conditional Neural Processes for classification: a task is a fixed-size summary of its support.

Garnelo et al., "Conditional Neural Processes" (ICML 2018), section 4.3; our support is their context,
our queries are their targets.

The paper gives all class representations, side by side, to one decoder: `decoder="concatenated"`.
Its decoder has a place for each class, so the number of ways is fixed and labels are slots.
`decoder="shared"` applies one decoder g to each class in turn, which sees that class's representation,
the mean of all of them, and the query: any number of ways, and exactly equivariant to relabelling.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    Learner,
    TrainingTasks,
    categorical,
    check_query,
    check_support,
    check_tasks,
    count_ways,
)
from quickstudy.networks import class_means, mask_absent

Decoder = Literal["concatenated", "shared"]


class CNPClassifierState(NamedTuple):
    """The paper's r, one part for each class."""

    representations: Tensor
    """(T, N, D): r_c, zero for a class without examples."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class CNPClassifier(Learner):
    """Encodes every example once, averages within each class, decodes each query with the averages.

    The cost is that of the support plus that of the queries, never their product.
    `encoder` maps inputs (..., *input) to `num_features` numbers; `num_ways` is read only by the
    concatenated decoder. Fewer classes than `num_ways` leave places empty.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        decoder: Decoder = "concatenated",
        num_ways: int = 5,
        representation: int = 128,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        if decoder not in ("concatenated", "shared"):
            raise ValueError(f"decoder is {decoder!r}, but concatenated or shared was expected.")
        self.num_ways = num_ways if decoder == "concatenated" else None
        self.labels_are_slots = decoder == "concatenated"  # type: ignore[misc]
        self.encoder = nn.Sequential(encoder, nn.Linear(num_features, representation))  # h
        parts = num_ways + 1 if decoder == "concatenated" else 3
        self.decoder = nn.Sequential(  # g
            nn.Linear(parts * representation, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_ways if decoder == "concatenated" else 1),
        )

    def adapt(self, support_x: Tensor, support_y: Tensor) -> CNPClassifierState:
        """Aggregate the examples (T, S, *input) with class indices (T, S)."""
        check_support(support_x, support_y, self.num_ways)
        return self._aggregate(self.encoder(support_x), support_y)

    def predict(self, state: CNPClassifierState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        check_query(query_x, state.representations.shape[0])
        return self._decode(state, self.encoder(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        Support and queries are encoded together, so that they share their batch statistics.
        """
        check_tasks(tasks, self.num_ways)
        r_TSD, z_TQD = tasks.embedded(self.encoder)
        state = self._aggregate(r_TSD, tasks.support_y)
        return -self._decode(state, z_TQD).log_prob(tasks.query_y).mean()

    def _aggregate(self, r_TSD: Tensor, support_y: Tensor) -> CNPClassifierState:
        num_ways = self.num_ways or count_ways(support_y)
        return CNPClassifierState(*class_means(r_TSD, support_y, num_ways))  # r_c = mean of h over the class

    def _decode(self, state: CNPClassifierState, z_TQD: Tensor) -> Categorical:
        num_queries, num_ways = z_TQD.shape[1], state.representations.shape[1]
        if self.num_ways is not None:
            r_TQR = state.representations.flatten(1)[:, None].expand(-1, num_queries, -1)
            logits_TQN = self.decoder(torch.cat([r_TQR, z_TQD], dim=-1))
        else:
            present_TN1 = state.is_present[..., None].to(z_TQD.dtype)
            mean_TD = state.representations.sum(dim=1) / present_TN1.sum(dim=1)
            seen = (
                state.representations[:, None].expand(-1, num_queries, -1, -1),
                mean_TD[:, None, None].expand(-1, num_queries, num_ways, -1),
                z_TQD[:, :, None].expand(-1, -1, num_ways, -1),
            )
            logits_TQN = self.decoder(torch.cat(seen, dim=-1)).squeeze(-1)
        return categorical(mask_absent(logits_TQN, state.is_present))
