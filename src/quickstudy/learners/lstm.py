"""Baselines of Santoro et al. (2016): the same task read by a network that has no memory beside its own state.

"Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016), section 4.1: an LSTM, and a feed-forward network,
which knows nothing but the present input and the label before. The time-offset labels are those of `mann.py`.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core import OnlineLearner, Tasks, check_query, check_support, map_state
from quickstudy.networks.memory import LateLabels, LateLabelState, LSTMState, OneHotLabels, StringLabels, lstm_step

Labels = Literal["one-hot", "strings"]


class LSTMCell(nn.Module):
    """The standard LSTM, without peepholes."""

    def __init__(self, num_inputs: int, hidden: int) -> None:
        super().__init__()
        self.from_inputs = nn.Linear(num_inputs, 4 * hidden)  # W_xh, b
        self.from_before = nn.Linear(hidden, 4 * hidden, bias=False)  # W_hh
        self.num_outputs = hidden

    def prior(self, num_tasks: int) -> LSTMState:
        """Nothing in mind."""
        nothing_TH = self.from_before.weight.new_zeros(num_tasks, self.num_outputs)
        return LSTMState(nothing_TH, nothing_TH)

    def drive(self, inputs_TLI: Tensor) -> Tensor:
        """What the inputs contribute to the gates, for all steps at once."""
        return self.from_inputs(inputs_TLI)

    def step(self, drive_TG: Tensor, carried: LSTMState) -> tuple[Tensor, LSTMState]:
        """The output is h_t."""
        carried = lstm_step(drive_TG + self.from_before(carried.hidden), carried.cell)
        return carried.hidden, carried


class FeedForwardCell(nn.Module):
    """One hidden layer, nothing carried."""

    def __init__(self, num_inputs: int, hidden: int) -> None:
        super().__init__()
        self.from_inputs = nn.Linear(num_inputs, hidden)
        self.num_outputs = hidden

    def prior(self, num_tasks: int) -> tuple[()]:
        """Nothing."""
        return ()

    def drive(self, inputs_TLI: Tensor) -> Tensor:
        """The hidden layer, for all steps at once."""
        return self.from_inputs(inputs_TLI).tanh()

    def step(self, drive_TG: Tensor, carried: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """The output is the hidden layer."""
        return drive_TG, carried


class LSTM(OnlineLearner):
    """Reads examples one after another, each with the label of the one before.

    All arguments are those of `MANN`; without `is_recurrent` it is the feed-forward baseline.
    """

    order_matters = True
    labels_are_slots = True

    def __init__(
        self,
        num_features: int,
        *,
        encoder: nn.Module | None = None,
        labels: Labels = "one-hot",
        max_ways: int = 20,
        is_recurrent: bool = True,
        hidden: int = 200,
        learns_from_support: bool = True,
    ) -> None:
        super().__init__()
        if labels not in ("one-hot", "strings"):
            raise ValueError(f"labels is {labels!r}, but one-hot or strings was expected.")
        self.learns_from_support = learns_from_support
        self.labels = OneHotLabels(max_ways) if labels == "one-hot" else StringLabels()
        num_inputs = num_features + self.labels.width
        cell = LSTMCell(num_inputs, hidden) if is_recurrent else FeedForwardCell(num_inputs, hidden)
        self.network = LateLabels(num_features, encoder, cell, self.labels)

    def prior(self, num_tasks: int) -> LateLabelState:
        """Nothing was read yet."""
        return self.network.prior(num_tasks)

    def extend(self, state: LateLabelState, support_x: Tensor, support_y: Tensor) -> LateLabelState:
        """Read examples (T, S, *input) with labels (T, S), or strings (T, S, 5); the last label stays pending."""
        self._check(support_x, support_y)
        return self.network.read(state, self.network.encode(support_x), support_y)[1]

    def predict(self, state: LateLabelState, query_x: Tensor) -> Distribution:
        """Labels of the queries (T, Q, *input), each the one next step; labels not yet seen are ruled out."""
        check_query(query_x, state.pending.shape[0])
        return self.labels.prediction(self._ask(state, self.network.encode(query_x)), state.is_seen)

    def predict_sequence(self, x: Tensor, y: Tensor) -> Distribution:
        """What it says at every step of sequences (T, L, *input), told the labels (T, L) or (T, L, 5) one step late."""
        self._check(x, y)
        logits_TLN, _ = self.network.read(self.prior(x.shape[0]), self.network.encode(x), y)
        return self.labels.prediction(logits_TLN)

    def meta_loss(self, tasks: Tasks) -> Tensor:
        """Minus the mean log-likelihood of the answers, at every step of the support and for every query."""
        self._check(tasks.support_x, tasks.support_y)
        support_y, query_y = tasks.support_y, tasks.query_y
        if self.training:
            support_y, query_y = self.labels.shuffled(support_y, query_y)
        num_support = tasks.support_x.shape[1]
        z_TED = self.network.encode(torch.cat([tasks.support_x, tasks.query_x], dim=1))
        told_TSN, state = self.network.read(self.prior(len(support_y)), z_TED[:, :num_support], support_y)
        logits, answers = self._ask(state, z_TED[:, num_support:]), query_y
        if self.learns_from_support:
            logits, answers = torch.cat([told_TSN, logits], dim=1), torch.cat([support_y, query_y], dim=1)
        return -self.labels.prediction(logits).log_prob(answers).mean()

    def _ask(self, state: LateLabelState, z_TQD: Tensor) -> Tensor:
        num_queries = z_TQD.shape[1]
        branches = map_state(lambda leaf: leaf.repeat_interleave(num_queries, dim=0), state)
        return self.network.ahead(branches, z_TQD.flatten(0, 1)).unflatten(0, (-1, num_queries))

    def _check(self, support_x: Tensor, support_y: Tensor) -> None:
        check_support(support_x, self.labels.extremes(support_y), self.labels.num_symbols)
