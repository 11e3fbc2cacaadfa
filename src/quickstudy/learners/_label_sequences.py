"""What all learners of Santoro et al. (2016) share, whatever cell they read with: inputs and labels in turn.

"Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016), section 2.2. The learners themselves are in
`mann.py` and `lstm.py`.

Letters: T tasks, S support examples, Q queries, E both, L steps of a sequence, D features, N numbers of a label.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core import (
    OnlineLearner,
    TrainingTasks,
    UserError,
    check_tasks,
    map_state,
    read_query,
    read_support,
)
from quickstudy.networks.label_kinds import OneHotLabels, StringLabels
from quickstudy.networks.label_sequences import LabelSequences, LabelSequenceState, expected_log_likelihood

Labels = Literal["one-hot", "strings"]
LabelTime = Literal["late", "at once"]


class LabelSequenceLearner(OnlineLearner):
    """Reads examples one after another with a recurrent network.

    With late labels, as in the paper, each label comes with the example after its own, and the loss is the mean over
    the predictions for support and queries, or for the queries alone. If labels come at once, each comes with its own
    example, which suits a support that is labelled anyway. The loss is then that of the queries, and labels that were
    not shown are ruled out as in `predict`.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        make_cell: Makes the cell from the number of features; see `Cell`.
        encoder: Network that embeds examples (T, S, *input); None reads their numbers.
        labels: One-hot labels, or strings of five letters out of five, (T, S, 5).
        max_ways: Label slots of one-hot labels.
        labels_come: Labels come with the next example, or with their own.
        only_queries: Where labels come late, the loss is that of the queries only.

    Raises:
        ValueError: if there is no such kind of labels, or no such time for them.
    """

    order_matters = True
    labels_are_slots = True
    sequences: ClassVar[type[LabelSequences]] = LabelSequences

    def __init__(
        self,
        num_features: int,
        make_cell: Callable[[int], nn.Module],
        *,
        encoder: nn.Module | None,
        labels: Labels,
        max_ways: int,
        labels_come: LabelTime,
        only_queries: bool = False,
    ) -> None:
        super().__init__()
        if labels not in ("one-hot", "strings"):
            raise ValueError(f"labels is {labels!r}, but one-hot or strings was expected.")
        if labels_come not in ("late", "at once"):
            raise ValueError(f"labels_come is {labels_come!r}, but late or at once was expected.")
        self.labels = OneHotLabels(max_ways) if labels == "one-hot" else StringLabels()
        self.num_features, self.only_queries = num_features, only_queries
        self.encoder = encoder or nn.Flatten(2)
        cell = make_cell(num_features)
        self.network = self.sequences(cell, self.labels, labels_are_late=labels_come == "late")

    def prior(self, num_tasks: int) -> LabelSequenceState:
        """The state before any example. A memory, if there is one, is empty."""
        return self.network.prior(num_tasks)

    def extend(
        self, state: LabelSequenceState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> LabelSequenceState:
        """Read examples (T, S, *input) with labels (T, S) or (T, S, 5). A late label waits for the next example."""
        support_x, support_y, mask = self._read(support_x, support_y, support_mask, state)
        return self.network.read(state, self._encode(support_x), support_y, mask)[1]

    def predict(self, state: LabelSequenceState, query_x: Tensor) -> Distribution:
        """Labels of the queries (T, Q, *input), each as the next step. Labels that were not shown are ruled out."""
        query_x = read_query(self, state, query_x)
        logits_TQN = self._ask(state, self._encode(query_x))
        return self.labels.prediction(logits_TQN, state.is_seen)

    def predict_sequence(self, x: Tensor, y: Tensor) -> Distribution:
        """Label of each item of a sequence, predicted from the items before it and their labels.

        No label is ruled out: the prediction for the first item of a class is a guess.

        Args:
            x: Items (T, L, *input).
            y: Labels (T, L) or (T, L, 5).
        """
        x, y, _ = self._read(x, y)
        return self.labels.prediction(self.network.along(self._encode(x), y))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the labels. In training, one-hot labels get random slots.

        Where labels are late, the predictions at every step of the support and for every query count. A task with one
        query is then the paper's sequence, whose last item is the query. Else, or with `only_queries`, the predictions
        for the queries count. Nobody can know the label of a class's first example. So in training, its log-likelihood
        is the mean over all labels that it could have.
        """
        extremes = self.labels.extremes(tasks.support_y)
        check_tasks(tasks._replace(support_y=extremes), self.labels.num_symbols)
        support_y, query_y = tasks.support_y, tasks.query_y
        if self.training:
            support_y, query_y = self.labels.shuffled(support_y, query_y)
        z_TSD, z_TQD = tasks.embedded(self._encode)
        prior = self.network.prior(len(support_y), steps=z_TSD.shape[1] + 1)
        told_TSN, state = self.network.read(prior, z_TSD, support_y)
        asked_TQN = self._ask(state, z_TQD)
        if not self.network.labels_are_late:
            return -self.labels.prediction(asked_TQN, state.is_seen).log_prob(query_y).mean()
        if self.only_queries:
            return -self.labels.prediction(asked_TQN).log_prob(query_y).mean()
        logits, answers = torch.cat([told_TSN, asked_TQN], dim=1), torch.cat([support_y, query_y], dim=1)
        if self.training:
            return -expected_log_likelihood(self.labels, logits, answers).mean()
        return -self.labels.prediction(logits).log_prob(answers).mean()

    def compile(self, *options: Any, **named: Any) -> None:
        """Compile the cell alone. It takes most of the time, and is the same at every step, however long the sequence.

        Args:
            options: Options of `torch.compile`, by position.
            named: Options of `torch.compile`, by name.
        """
        self.network.cell.compile(*options, **{"dynamic": False, **named})  # A memory has few sizes.

    def _encode(self, x: Tensor) -> Tensor:
        """Features (T, L, D) of inputs (T, L, *input), of all steps at once."""
        z_TLD = self.encoder(x)
        if z_TLD.shape[-1] != self.num_features:
            raise UserError(
                f"Inputs {tuple(x.shape)} have {z_TLD.shape[-1]} features each, but the learner was built for "
                f"{self.num_features}. Resize the inputs, or build it for as many."
            )
        return z_TLD

    def _ask(self, state: LabelSequenceState, z_TQD: Tensor) -> Tensor:
        num_queries = z_TQD.shape[1]
        num_tasks = z_TQD.shape[0]
        branches = map_state(
            lambda leaf: leaf[:, None].expand(num_tasks, num_queries, *leaf.shape[1:]).flatten(0, 1), state
        )
        return self.network.ahead(branches, z_TQD.flatten(0, 1)).unflatten(0, z_TQD.shape[:2])

    def _read(
        self, x: Tensor, y: Tensor, mask: Tensor | None = None, state: LabelSequenceState | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        return read_support(
            self,
            x,
            y,
            mask,
            max_ways=self.labels.num_symbols,
            symbols=self.labels.extremes,
            state=state,
            is_known_T=None if state is None else state.is_seen.any(dim=1),
        )
