"""Nearest neighbour on raw inputs: no learning at all, the anchor that proves the data right.

The pixel baseline of Vinyals et al., "Matching Networks for One Shot Learning" (2016), Table 1:
a query gets the label of the support example it is closest to, by cosine.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical

from quickstudy.core import Learner, categorical, check_query, check_support, count_ways
from quickstudy.networks import mask_absent


class NearestState(NamedTuple):
    """The support itself."""

    examples: Tensor
    """(T, S, *input)."""
    members: Tensor
    """(T, S, N) booleans: example s is of class n."""


class Nearest(Learner):
    """Remembers the support; a class is as likely as its most similar example is.

    `temperature` turns cosines into logits; it moves the probabilities, never the answer.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def adapt(self, support_x: Tensor, support_y: Tensor) -> NearestState:
        """Keep the examples (T, S, *input) with their class indices (T, S)."""
        check_support(support_x, support_y)
        num_ways = count_ways(support_y)
        return NearestState(support_x, F.one_hot(support_y.long(), num_ways).bool())

    def predict(self, state: NearestState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        check_query(query_x, state.examples.shape[0], state.examples.shape[2:])
        examples_TSD = F.normalize(state.examples.flatten(2), dim=-1)
        queries_TQD = F.normalize(query_x.flatten(2), dim=-1)
        cosines_TQS = queries_TQD @ examples_TSD.transpose(1, 2)
        elsewhere_TQSN = ~state.members[:, None].expand(-1, query_x.shape[1], -1, -1)
        best_TQN = cosines_TQS[..., None].masked_fill(elsewhere_TQSN, -torch.inf).amax(dim=2)
        return categorical(mask_absent(best_TQN / self.temperature, state.members.any(dim=1)))
