"""VSML: a network whose every weight is a small recurrent cell. All cells share one rule, which learns from examples.

Kirsch and Schmidhuber, "Meta Learning Backpropagation And Improving It" (NeurIPS 2021), and the authors' code. The cell
and its layers are in `networks/shared_cells.py`.

What differs from the code: messages have no layer normalisation, a batch holds tasks and never examples of one task,
and after a backward pass all messages that go down are zero, not the error alone. In eval mode the first state is
drawn from a fixed seed, so that the same examples lead to the same state.

Letters: T tasks, S support examples, Q queries, L steps of a sequence, I inputs, N classes, M numbers of a message.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn.functional import cross_entropy, one_hot, pad

from quickstudy.core import (
    OnlineLearner,
    Tasks,
    TrainingTasks,
    UserError,
    categorical,
    check_tasks,
    map_state,
    read_query,
    read_support,
)
from quickstudy.networks.shared_cells import Cells, CellState, SharedCell

_BOUND = 100.0  # Of logits.
_LOGIT = 1  # The channel of the last layer's messages that holds the logits.


class VSMLState(NamedTuple):
    """What the cells know after the examples that were read."""

    cells: tuple[CellState, ...]
    """States of the cells of each layer."""
    messages: tuple[Tensor, ...]
    """What each layer reads next from above, (T, P, O, M). For the last layer this is the error of the last example."""
    is_seen: Tensor
    """(T, N), True for classes that had an example."""


class VSML(OnlineLearner):
    """Reads examples one by one. The same forward and backward messages predict and learn.

    The meta-loss is the mean cross-entropy of all predictions while the support is read, and of those for the queries.

    Args:
        layers: layers of cells from the inputs to the classes, such as `dense_cells(196, 5)`.
        cell: the weights that all cells share.
        encoder: maps inputs (T, S, *input) to (T, S, I); None reads their numbers.
        backward_pass: Send the error down through all layers as soon as the label is known. Otherwise it comes with
            the next example, and moves one layer down with each example.
        feed_label: Give the label to the last layer, beside the error.

    Raises:
        ValueError: if layers do not fit on one another.
    """

    order_matters = True
    labels_are_slots = True

    def __init__(
        self,
        layers: Sequence[Cells],
        cell: SharedCell | None = None,
        *,
        encoder: nn.Module | None = None,
        backward_pass: bool = False,
        feed_label: bool = False,
    ) -> None:
        super().__init__()
        self.layers, self.cell, self.encoder = tuple(layers), cell or SharedCell(), encoder or nn.Flatten(2)
        self.backward_pass, self.feed_label = backward_pass, feed_label
        if not layers or any(one.num_outputs != other.num_inputs for one, other in pairwise(layers)):
            raise ValueError(f"The layers {layers} do not fit on one another.")
        if len(layers) == 1:  # Nothing is below, so nothing reads its messages and no gradient reaches it.
            self.cell.backward_messenger.requires_grad_(False)

    @property
    def num_ways(self) -> int:
        """N, the classes that it can tell apart."""
        return self.layers[-1].num_outputs

    def with_layers(self, layers: Sequence[Cells], encoder: nn.Module | None = None) -> "VSML":
        """A learner of another size with the same cell. The weights are shared, not copied.

        Args:
            layers: its layers.
            encoder: its encoder.
        """
        options = {"backward_pass": self.backward_pass, "feed_label": self.feed_label}
        return VSML(layers, self.cell, encoder=encoder, **options).train(self.training)

    def prior(self, num_tasks: int) -> VSMLState:
        """Cells in their first states. In training each task has states of its own; in eval mode they are fixed.

        Args:
            num_tasks: T, the tasks of the state.
        """
        generator = None if self.training else torch.Generator().manual_seed(0)
        cells = tuple(self.cell.prior(num_tasks, *layer.cells, generator=generator) for layer in self.layers)
        weight = self.cell.gates.weight
        silent = tuple(
            weight.new_zeros(num_tasks, layer.places, layer.cells[1], self.cell.message_size) for layer in self.layers
        )
        return VSMLState(cells, silent, weight.new_zeros(num_tasks, self.num_ways, dtype=torch.bool))

    def extend(
        self, state: VSMLState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> VSMLState:
        """Read examples one by one.

        Args:
            state: the state so far, of T tasks.
            support_x: inputs (T, S, *input).
            support_y: class indices (T, S).
            support_mask: (T, S), True where an example is real.
        """
        support_x, support_y, mask_TS = self._read(support_x, support_y, support_mask, state)
        return self._along(state, self._encode(support_x), support_y, mask_TS)[1]

    def predict(self, state: VSMLState, query_x: Tensor) -> Categorical:
        """Classes of the queries, each as if it were the next example. Classes without an example are excluded.

        Args:
            state: what `adapt` returned for T tasks.
            query_x: inputs (T, Q, *input).
        """
        query_x = read_query(self, state, query_x)
        logits_TQN = self._ask(state, self._encode(query_x))
        is_possible_T1N = (state.is_seen | ~state.is_seen.any(dim=1, keepdim=True))[:, None]
        return categorical(logits_TQN.masked_fill(~is_possible_T1N, -torch.inf))

    def predict_sequence(self, x: Tensor, y: Tensor) -> Categorical:
        """The prediction at every step of sequences, each after the labels of the steps before. No class is excluded.

        Args:
            x: inputs (T, L, *input).
            y: class indices (T, L).
        """
        x, y, _ = self._read(x, y)
        return categorical(self._along(self.prior(len(x)), self._encode(x), y)[0])

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """The mean cross-entropy of the predictions for all examples, in the order of the support, then the queries.

        Args:
            tasks: the tasks of a training step.
        """
        check_tasks(tasks, self.num_ways)
        return self.unchecked_loss(tasks.gathered())

    def unchecked_loss(self, tasks: Tasks) -> Tensor:
        """The meta-loss without checks of the tasks, which evolution maps over members.

        Args:
            tasks: tasks whose labels are valid.
        """
        prior = self.prior(len(tasks.support_x))
        said_TSN, state = self._along(prior, self._encode(tasks.support_x), tasks.support_y)
        logits_TEN = torch.cat([said_TSN, self._ask(state, self._encode(tasks.query_x))], dim=1)
        answers_TE = torch.cat([tasks.support_y, tasks.query_y], dim=1)
        return cross_entropy(logits_TEN.flatten(0, 1), answers_TE.flatten())

    def _along(
        self, state: VSMLState, z_TLI: Tensor, y_TL: Tensor, mask_TL: Tensor | None = None
    ) -> tuple[Tensor, VSMLState]:
        """Logits at every step (T, L, N), and the state after the last."""
        label_TLN = one_hot(y_TL, self.num_ways)
        logits = []
        for step in range(z_TLI.shape[1]):
            logits_TN, ticked, below = self._forward(state, z_TLI[:, step])
            after = self._corrected(ticked, below, logits_TN, label_TLN[:, step].to(logits_TN))
            after = after._replace(is_seen=state.is_seen | label_TLN[:, step].bool())
            state = after if mask_TL is None else _chosen(mask_TL[:, step], after, state)
            logits.append(logits_TN)
        return torch.stack(logits, dim=1), state

    def _ask(self, state: VSMLState, z_TQI: Tensor) -> Tensor:
        num_queries = z_TQI.shape[1]
        branches = map_state(lambda leaf: leaf.repeat_interleave(num_queries, dim=0), state)
        return self._forward(branches, z_TQI.flatten(0, 1))[0].unflatten(0, z_TQI.shape[:2])

    def _forward(self, state: VSMLState, z_TI: Tensor) -> tuple[Tensor, VSMLState, list[Tensor]]:
        """One tick of all layers, from the first to the last: logits, the state, and what each layer read from below.

        A message from above waits for the next tick.
        """
        message_TNM = pad(z_TI[..., None], (0, self.cell.message_size - 1))
        cells, above, below = [], list(state.messages), []
        for depth, (layer, own) in enumerate(zip(self.layers, state.cells, strict=True)):
            below.append(layer.patches(message_TNM))
            up_TPOM, down_TPIM, own = self.cell.tick(below[-1], state.messages[depth], own)
            if depth:
                above[depth - 1] = layer.returned(down_TPIM).view_as(above[depth - 1])
            message_TNM = up_TPOM.flatten(1, 2)
            cells.append(own)
        logits_TN = _BOUND * (message_TNM[..., _LOGIT] / _BOUND).tanh()
        return logits_TN, VSMLState(tuple(cells), tuple(above), state.is_seen), below

    def _corrected(self, state: VSMLState, below: list[Tensor], logits_TN: Tensor, label_TN: Tensor) -> VSMLState:
        """The state that knows the label: the error waits for the next tick, or goes down at once."""
        error_TN = logits_TN.softmax(dim=-1) - label_TN  # ∂ cross-entropy / ∂ logits
        told_TNC = torch.stack([error_TN, label_TN if self.feed_label else torch.zeros_like(error_TN)], dim=-1)
        error_T1NM = pad(told_TNC, (0, self.cell.message_size - 2)).view_as(state.messages[-1])
        if not self.backward_pass:
            return state._replace(messages=(*state.messages[:-1], error_T1NM))
        cells, message_TPOM = list(state.cells), error_T1NM
        for depth in reversed(range(len(self.layers))):
            _, down_TPIM, cells[depth] = self.cell.tick(below[depth], message_TPOM, cells[depth])
            if depth:
                message_TPOM = self.layers[depth].returned(down_TPIM).view_as(state.messages[depth - 1])
        silent = tuple(torch.zeros_like(message) for message in state.messages)
        return VSMLState(tuple(cells), silent, state.is_seen)

    def _read(
        self, x: Tensor, y: Tensor, mask: Tensor | None = None, state: VSMLState | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        is_known_T = None if state is None else state.is_seen.any(dim=1)
        return read_support(self, x, y, mask, max_ways=self.num_ways, state=state, is_known_T=is_known_T)

    def _encode(self, x: Tensor) -> Tensor:
        z_TLI = self.encoder(x)
        if z_TLI.shape[-1] != self.layers[0].num_inputs:
            raise UserError(
                f"Inputs {tuple(x.shape)} have {z_TLI.shape[-1]} numbers each, but the learner was built for "
                f"{self.layers[0].num_inputs}. Resize the inputs, or build it for as many."
            )
        return z_TLI


def _chosen(is_real_T: Tensor, after: VSMLState, before: VSMLState) -> VSMLState:
    """The later state where the example is real, else the earlier one."""

    def chosen(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(is_real_T.view(-1, *[1] * (one.ndim - 1)), one, other)

    cells = tuple(CellState(*map(chosen, *pair)) for pair in zip(after.cells, before.cells, strict=True))
    messages = tuple(map(chosen, after.messages, before.messages))
    return VSMLState(cells, messages, chosen(after.is_seen, before.is_seen))
