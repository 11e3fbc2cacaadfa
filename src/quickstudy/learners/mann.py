"""Memory-augmented neural network: it stores examples with their labels in a memory, which is empty for each new task.

Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016); their episode is our
task, their time step one example. The memory is in `networks/memory.py`, the reading of labels in
`_label_sequences.py`.

What differs: the paper reads sequences only, and each label comes one step late. Here any number of queries may follow
the support, each in parallel with the others, and the support's labels may come `at once`. In training the classes of a
task are put into random label slots, of which there are more, so one set of weights serves any number of ways.
"""

from math import ceil, log
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from quickstudy.learners._label_sequences import Labels, LabelSequenceLearner
from quickstudy.learners._label_sequences import LabelTime as LabelTime
from quickstudy.networks.memory import (
    AccessOptions,
    Erase,
    LSTMState,
    MemoryState,
    Time,
    access,
    empty_memory,
    lstm_inputs,
    lstm_step,
)

_FIRST_SHARPNESS = 10.0
"""With a strength of one, a row equal to the key gets only e times the share of a row orthogonal to it. Among 128 rows
its share is then small."""

_ROWS_AT_ONCE = 32
"""A memory for short sequences has a multiple of so many rows. There are few such sizes, so few are compiled."""

Controller = Literal["lstm", "feed-forward"]


class MANNCarried(NamedTuple):
    """What one step gives to the next."""

    controller: LSTMState
    """h and c."""
    memory: MemoryState
    """M, w^r and w^u."""
    reads: Tensor
    """(T, R·W), r of all heads."""


class MANNCell(nn.Module):
    """Controller and memory: one step of section 3.

    Args:
        num_inputs: Numbers of an input, its label among them.
        controller: Network that drives the memory: an LSTM, or a single layer.
        hidden: Units of the controller.
        slots: Rows of the memory.
        width: Numbers in a row.
        heads: Keys in a step; each writes and reads.
        access: How the heads use the memory.
        feeds_reads: Whether what was read is an input of the controller's next step.
        key_strength: Whether the controller chooses how sharply a head reads.
        max_key_strength: Highest key strength, if there is a bound.

    Raises:
        ValueError: if no cell can be built with these settings.
    """

    def __init__(
        self,
        num_inputs: int,
        *,
        controller: Controller,
        hidden: int,
        slots: int,
        width: int,
        heads: int,
        access: AccessOptions,
        feeds_reads: bool,
        key_strength: bool,
        max_key_strength: float | None,
    ) -> None:
        super().__init__()
        if controller not in ("lstm", "feed-forward"):
            raise ValueError(f"controller is {controller!r}, but lstm or feed-forward was expected.")
        for name, value, choices in (
            ("addresses", access.addresses, ("before", "after")),
            ("reads", access.reads, ("before", "after")),
            ("erase", access.erase, ("none", "first", "every")),
        ):
            if value not in choices:
                raise ValueError(f"{name} is {value!r}, but {', '.join(choices[:-1])} or {choices[-1]} was expected.")
        if access.least_used is not None and not 1 <= access.least_used <= slots:
            raise ValueError(f"least_used is {access.least_used}, but 1 to {slots}, the number of slots, was expected.")
        if heads > slots:
            raise ValueError(f"{heads} heads need a slot each, but there are {slots}. Build more slots or fewer heads.")
        if max_key_strength is not None and not (key_strength and max_key_strength > _FIRST_SHARPNESS):
            raise ValueError(
                f"max_key_strength is {max_key_strength} and key_strength is {key_strength}, but a bound above "
                f"{_FIRST_SHARPNESS:g}, the first key strength, was expected, and only with key strength."
            )
        self.sizes = slots, width, heads
        self.access, self.feeds_reads, self.max_key_strength = access, feeds_reads, max_key_strength
        is_recurrent = controller == "lstm"
        self.from_inputs = lstm_inputs(num_inputs, hidden) if is_recurrent else nn.Linear(num_inputs, hidden)  # W_xh, b
        fed_back = hidden + (heads * width if feeds_reads else 0)
        self.from_before = nn.Linear(fed_back, 4 * hidden, bias=False) if is_recurrent else None  # W_hh
        self.keys = nn.Linear(hidden, heads * width)  # W_k
        self.gates = nn.Linear(hidden, heads)  # W_a
        self.sharpness = nn.Linear(hidden, heads) if key_strength else None
        if self.sharpness is not None:
            nn.init.constant_(self.sharpness.bias, _FIRST_SHARPNESS)
            if max_key_strength is not None:
                nn.init.zeros_(self.sharpness.weight)
                nn.init.constant_(
                    self.sharpness.bias, log((_FIRST_SHARPNESS - 1) / (max_key_strength - _FIRST_SHARPNESS))
                )
        self.num_drives, self.num_outputs = self.from_inputs.out_features, hidden + heads * width

    def prior(self, num_tasks: int, steps: int | None = None) -> MANNCarried:
        """What the first step starts from: a controller at zero, and an empty memory.

        In a short sequence most slots stay empty and equal. One of them then represents all: the outputs are the same,
        and a step takes less time.

        Args:
            num_tasks: Tasks in the batch.
            steps: Highest number of steps that will follow, if it is known.
        """
        weight = self.keys.weight
        slots, width, heads = self.sizes
        if steps is not None:
            needed = 2 + steps * (self.access.least_used or heads)
            slots = min(slots, _ROWS_AT_ONCE * ceil(needed / _ROWS_AT_ONCE))
        nothing_TH = weight.new_zeros(num_tasks, weight.shape[1])
        memory = empty_memory(weight, num_tasks, slots, width, heads)
        return MANNCarried(LSTMState(nothing_TH, nothing_TH), memory, weight.new_zeros(num_tasks, heads * width))

    def drive(self, features_TLD: Tensor) -> Tensor:
        """What the inputs contribute to the controller, for all steps at once.

        Args:
            features_TLD: Inputs of all steps, with their labels.
        """
        return self.from_inputs(features_TLD)

    def forward(self, drive_TG: Tensor, carried: MANNCarried) -> tuple[Tensor, MANNCarried]:
        """One step: control, write, read. It returns the output o_t = [h_t; r_t] and what the next step needs.

        Args:
            drive_TG: What the input contributes to the controller, of `drive`.
            carried: What the step before gave.
        """
        controller = self._control(drive_TG, carried)
        h_TH, (slots, width, heads) = controller.hidden, self.sizes
        keys_TRW = self.keys(h_TH).tanh().unflatten(-1, (heads, width))  # k = tanh(W_k h)
        memory, reads_TRW = access(
            carried.memory,
            keys_TRW,
            self.gates(h_TH),  # α = W_a h
            self.sharpness_of(h_TH),
            self.access,
            copies=slots - carried.memory.memory.shape[1] + 1,
        )
        reads = reads_TRW.flatten(1)
        return torch.cat([h_TH, reads], dim=-1), MANNCarried(controller, memory, reads)

    def _control(self, drive_TG: Tensor, carried: MANNCarried) -> LSTMState:
        if self.from_before is None:
            return carried.controller._replace(hidden=drive_TG.tanh())
        before = carried.controller.hidden
        if self.feeds_reads:
            before = torch.cat([before, carried.reads], dim=-1)  # [h_{t−1}; r_{t−1}]
        return lstm_step(drive_TG + self.from_before(before), carried.controller.cell)

    def sharpness_of(self, h_TH: Tensor) -> Tensor | None:
        """The key strength of each head, (T, R): at least 1, and at most the bound if there is one.

        Args:
            h_TH: Output of the controller.
        """
        if self.sharpness is None:
            return None
        above_TR = self.sharpness(h_TH)
        return 1 + (
            softplus(above_TR) if self.max_key_strength is None else (self.max_key_strength - 1) * above_TR.sigmoid()
        )


class MANN(LabelSequenceLearner):
    """Reads examples and their labels one after another into a memory of `slots` rows.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        encoder: Network that embeds examples; None reads their numbers.
        labels: One-hot labels or strings of five letters.
        max_ways: Label slots.
        controller: Network that drives the memory; the feed-forward one is a single layer.
        hidden: Units of the controller.
        slots: Rows of the memory.
        width: Numbers in a row.
        heads: Keys in a step; each writes and reads.
        usage_decay: Share of a row's usage that is left after a step.
        addresses: Memory that the keys are compared with: before this step's writing, or after it.
        reads: Memory whose content is read: before this step's writing, or after it.
        erase: Least-used rows that are erased before the writing: none, that of the first head, or those of all heads.
        least_used: Number of least-used rows that each head writes to; None gives each head a row of its own.
        feeds_reads: Give what was read to the controller's next step.
        key_strength: Let the controller choose how sharply a head reads; the paper's heads cannot.
        max_key_strength: Highest key strength. A head that reads too sharply gets no gradient from other rows.
        labels_come: Labels come with the next example, or with their own.
        only_queries: Where labels come late, the loss is that of the answers to the queries only.

    Raises:
        ValueError: if no such network can be built.
    """

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
        addresses: Time = "before",
        reads: Time = "after",
        erase: Erase = "first",
        least_used: int | None = None,
        feeds_reads: bool = True,
        key_strength: bool = False,
        max_key_strength: float | None = None,
        labels_come: LabelTime = "late",
        only_queries: bool = False,
    ) -> None:
        def make_cell(num_inputs: int) -> MANNCell:
            return MANNCell(
                num_inputs,
                controller=controller,
                hidden=hidden,
                slots=slots,
                width=width,
                heads=heads,
                access=AccessOptions(addresses, reads, erase, least_used, usage_decay),
                feeds_reads=feeds_reads,
                key_strength=key_strength,
                max_key_strength=max_key_strength,
            )

        super().__init__(
            num_features,
            make_cell,
            encoder=encoder,
            labels=labels,
            max_ways=max_ways,
            labels_come=labels_come,
            only_queries=only_queries,
        )
