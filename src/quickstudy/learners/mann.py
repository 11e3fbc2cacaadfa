"""Memory-augmented neural network: bind what is seen to the label that follows, in a memory wiped for each task.

Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016); their episode is our
task, their time step one example. The memory is in `networks/memory.py`.

What differs: the paper only ever reads sequences. Here any number of queries branch off, in parallel, after the
support; and labels thrown at random into more slots than a task has classes make one set of weights serve any
number of ways.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import softplus

from quickstudy.core import OnlineLearner, Tasks, check_query, check_support, map_state
from quickstudy.networks.memory import (
    LateLabels,
    LateLabelState,
    LSTMState,
    MemoryState,
    OneHotLabels,
    StringLabels,
    access,
    empty_memory,
    lstm_step,
)

Controller = Literal["lstm", "feed-forward"]
Labels = Literal["one-hot", "strings"]


class MANNCarried(NamedTuple):
    """What one step hands to the next."""

    controller: LSTMState
    """h and c."""
    memory: MemoryState
    """M, w^r and w^u."""
    reads: Tensor
    """(T, R·W), r of all heads."""


class MANNCell(nn.Module):
    """Controller and memory: one step of section 3."""

    def __init__(
        self,
        num_inputs: int,
        *,
        controller: Controller,
        hidden: int,
        slots: int,
        width: int,
        heads: int,
        usage_decay: float,
        feeds_reads: bool,
        sharpens: bool,
    ) -> None:
        super().__init__()
        if controller not in ("lstm", "feed-forward"):
            raise ValueError(f"controller is {controller!r}, but lstm or feed-forward was expected.")
        if heads > slots:
            raise ValueError(f"{heads} heads need a slot each, but there are {slots}. Build more slots or fewer heads.")
        self.sizes = slots, width, heads
        self.usage_decay, self.feeds_reads = usage_decay, feeds_reads
        is_recurrent = controller == "lstm"
        self.from_inputs = nn.Linear(num_inputs, 4 * hidden if is_recurrent else hidden)  # W_xh, b
        fed_back = hidden + (heads * width if feeds_reads else 0)
        self.from_before = nn.Linear(fed_back, 4 * hidden, bias=False) if is_recurrent else None  # W_hh
        self.keys = nn.Linear(hidden, heads * width)  # W_k
        self.gates = nn.Linear(hidden, heads)  # W_a
        self.sharpness = nn.Linear(hidden, heads) if sharpens else None
        self.num_outputs = hidden + heads * width

    def prior(self, num_tasks: int) -> MANNCarried:
        """Nothing in mind, and an empty memory."""
        weight = self.keys.weight
        slots, width, heads = self.sizes
        nothing_TH = weight.new_zeros(num_tasks, weight.shape[1])
        memory = empty_memory(weight, num_tasks, slots, width, heads)
        return MANNCarried(LSTMState(nothing_TH, nothing_TH), memory, weight.new_zeros(num_tasks, heads * width))

    def drive(self, inputs_TLI: Tensor) -> Tensor:
        """What the inputs contribute to the controller, for all steps at once."""
        return self.from_inputs(inputs_TLI)

    def step(self, drive_TG: Tensor, carried: MANNCarried) -> tuple[Tensor, MANNCarried]:
        """Control, write, read; the output is o_t = [h_t; r_t]."""
        controller = self._control(drive_TG, carried)
        h_TH, (_, width, heads) = controller.hidden, self.sizes
        keys_TRW = self.keys(h_TH).tanh().unflatten(-1, (heads, width))  # k = tanh(W_k h)
        sharpness_TR = None if self.sharpness is None else 1 + softplus(self.sharpness(h_TH))
        memory, reads_TRW = access(
            carried.memory, keys_TRW, self.gates(h_TH), sharpness_TR, decay=self.usage_decay
        )  # α = W_a h
        reads = reads_TRW.flatten(1)
        return torch.cat([h_TH, reads], dim=-1), MANNCarried(controller, memory, reads)

    def _control(self, drive_TG: Tensor, carried: MANNCarried) -> LSTMState:
        if self.from_before is None:
            return carried.controller._replace(hidden=drive_TG.tanh())
        before = carried.controller.hidden
        if self.feeds_reads:
            before = torch.cat([before, carried.reads], dim=-1)  # [h_{t−1}; r_{t−1}]
        return lstm_step(drive_TG + self.from_before(before), carried.controller.cell)


class MANN(OnlineLearner):
    """Reads examples one after another, each with the label of the one before.

    Inputs are flattened to `num_features` numbers, or an `encoder` maps (T, S, *input) to as many.
    Labels are one of `max_ways` slots, or `strings` of five characters out of five, support_y (T, S, 5).
    `feeds_reads` gives what was read from memory to the controller's next step; `sharpens` lets the controller
    sharpen where it reads, as no head can in the paper. The loss is the mean over all answers, those to the
    support included as in the paper, unless `learns_from_support` is off.
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
        controller: Controller = "lstm",
        hidden: int = 200,
        slots: int = 128,
        width: int = 40,
        heads: int = 4,
        usage_decay: float = 0.99,
        feeds_reads: bool = True,
        sharpens: bool = False,
        learns_from_support: bool = True,
    ) -> None:
        super().__init__()
        if labels not in ("one-hot", "strings"):
            raise ValueError(f"labels is {labels!r}, but one-hot or strings was expected.")
        self.learns_from_support = learns_from_support
        self.labels = OneHotLabels(max_ways) if labels == "one-hot" else StringLabels()
        cell = MANNCell(
            num_features + self.labels.width,
            controller=controller,
            hidden=hidden,
            slots=slots,
            width=width,
            heads=heads,
            usage_decay=usage_decay,
            feeds_reads=feeds_reads,
            sharpens=sharpens,
        )
        self.network = LateLabels(num_features, encoder, cell, self.labels)

    def prior(self, num_tasks: int) -> LateLabelState:
        """The memory wiped."""
        return self.network.prior(num_tasks)

    def extend(self, state: LateLabelState, support_x: Tensor, support_y: Tensor) -> LateLabelState:
        """Read examples (T, S, *input) with labels (T, S), or strings (T, S, 5); the last label stays pending."""
        self._check(support_x, support_y)
        return self.network.read(state, self.network.encode(support_x), support_y)[1]

    def predict(self, state: LateLabelState, query_x: Tensor) -> Distribution:
        """Labels of the queries (T, Q, *input), each the one next step; labels not yet seen are ruled out."""
        check_query(query_x, state.pending.shape[0])
        logits_TQN = self._ask(state, self.network.encode(query_x))
        return self.labels.prediction(logits_TQN, state.is_seen)

    def predict_sequence(self, x: Tensor, y: Tensor) -> Distribution:
        """What it says at every step of sequences (T, L, *input), told the labels (T, L) or (T, L, 5) one step late.

        No label is ruled out: the first of a class is a guess.
        """
        self._check(x, y)
        logits_TLN, _ = self.network.read(self.prior(x.shape[0]), self.network.encode(x), y)
        return self.labels.prediction(logits_TLN)

    def meta_loss(self, tasks: Tasks) -> Tensor:
        """Minus the mean log-likelihood of the answers, at every step of the support and for every query.

        So a task of one query is the paper's sequence, its last item the query. In training, labels are thrown at
        random into the slots.
        """
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
