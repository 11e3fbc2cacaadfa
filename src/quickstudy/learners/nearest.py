"""Nearest neighbour on raw inputs: no learning at all, the anchor that proves the data right.

The pixel baseline of Vinyals et al., "Matching Networks for One Shot Learning" (2016), Table 1:
a query gets the label of the support example it is closest to, by cosine.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import Learner, TrainingTasks, UserError, categorical, count_ways, read_query, read_support
from quickstudy.networks.class_means import members


class NearestState(NamedTuple):
    """The support itself."""

    examples: Tensor
    """(T, S, *input)."""
    members: Tensor
    """(T, S, N) booleans: example s is of class n."""


class Nearest(Learner):
    """Stores the support. The probability of a class follows from its most similar example.

    Args:
        temperature: Cosines are divided by it. It changes the probabilities, never the predicted class.

    Raises:
        ValueError: if the temperature is not positive.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(
                f"temperature is {temperature}, but it divides the cosines: a number above 0 was expected."
            )
        self.temperature = temperature

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> NearestState:
        """Keep the examples (T, S, *input) with their class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        return NearestState(support_x, members(support_y, count_ways(support_y), mask))

    def predict(self, state: NearestState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x, state.examples.shape[2:])
        examples_TSD = F.normalize(state.examples.flatten(2), dim=-1)
        queries_TQD = F.normalize(query_x.flatten(2), dim=-1)
        cosines_TQS = queries_TQD @ examples_TSD.transpose(1, 2)
        return self._best(cosines_TQS, state.members[:, None].expand(-1, query_x.shape[1], -1, -1))

    def predict_sequence(self, x: Tensor, y: Tensor) -> Categorical:
        """Class of each item of a sequence, predicted from the items before it and their labels.

        This is the kNN baseline of Santoro et al. (2016), table 2. For the first item, all labels have the same
        probability.

        Args:
            x: Items (T, L, *input).
            y: Labels (T, L).
        """
        x, y, _ = read_support(self, x, y)
        items_TLD = F.normalize(x.flatten(2), dim=-1)
        is_before_LL = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril(-1)
        members_TSN = members(y, count_ways(y))
        return self._best(items_TLD @ items_TLD.transpose(1, 2), members_TSN[:, None] & is_before_LL[None, ..., None])

    def _best(self, cosines_TQS: Tensor, members_TQSN: Tensor) -> Categorical:
        """A class is as likely as the most similar of its members; without any, all have the same probability."""
        best_TQN = cosines_TQS[..., None].masked_fill(~members_TQSN, -torch.inf).amax(dim=2)
        knows_nothing_TQ1 = ~members_TQSN.flatten(2).any(dim=-1, keepdim=True)
        return categorical((best_TQN / self.temperature).masked_fill(knows_nothing_TQ1, 0.0))


class AutoencoderNearest(Learner):
    """Nearest neighbour on the code of an autoencoder, which is trained without tasks.

    The "deep features" of Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (2016), section 4.1:
    two hidden layers each way, leaky ReLU.

    Args:
        num_inputs: Numbers of an input, from 0 to 1, after flattening.
        hidden: Units of the hidden layers.
        code: Numbers of the code.
    """

    def __init__(self, num_inputs: int, *, hidden: int = 200, code: int = 32) -> None:
        super().__init__()
        self.num_inputs = num_inputs
        self.encoder = nn.Sequential(
            nn.Linear(num_inputs, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(),
            nn.Linear(hidden, num_inputs),
        )
        self.nearest = Nearest()

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> NearestState:
        """Keep the codes of the examples (T, S, *input) with their class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        return self.nearest.adapt(self._encode(support_x), support_y, mask)

    def predict(self, state: NearestState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self.nearest.predict(state, self._encode(query_x))

    def predict_sequence(self, x: Tensor, y: Tensor) -> Categorical:
        """As `Nearest.predict_sequence`, on the codes of the items.

        Args:
            x: Items (T, L, *input).
            y: Labels (T, L).
        """
        x, y, _ = read_support(self, x, y)
        return self.nearest.predict_sequence(self._encode(x), y)

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The error of reconstructing inputs from their codes: binary cross-entropy, mean over numbers. It uses no
        labels.
        """
        support_x, _, query_x, _ = tasks.gathered()
        x_TED = torch.cat([support_x, query_x], dim=1).flatten(2)
        return F.binary_cross_entropy_with_logits(self.decoder(self._encode(x_TED)), x_TED)

    def _encode(self, x: Tensor) -> Tensor:
        if x.shape[2:].numel() != self.num_inputs:
            raise UserError(
                f"An input has shape {tuple(x.shape[2:])}, but the autoencoder was built for {self.num_inputs} "
                "numbers. Resize the inputs, or build it for as many."
            )
        return self.encoder(x.flatten(2))
