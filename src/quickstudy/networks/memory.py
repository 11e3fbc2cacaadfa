"""Networks that remember a sequence of labelled inputs: rows found by content, an LSTM, labels that come late.

The memory is that of Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016),
section 3.2: what is new goes to the rows that were used least recently. The label of an input is read
together with the next input (section 2.2), so that each must be guessed before it is told.

Letters: T tasks, L steps of a sequence, D features of an input, H units, M slots, W width of a slot, R read heads,
N numbers of a label.
"""

from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent

from quickstudy.networks.class_means import mask_absent

_NEARLY_ZERO = 1e-6  # An unwritten row; were it zero, its cosine would be 0 / 0.


class MemoryState(NamedTuple):
    """A memory, and what has lately been done to it."""

    memory: Tensor
    """(T, M, W), the paper's M."""
    read_weights: Tensor
    """(T, R, M), w^r of the last step: where each head looked."""
    usage: Tensor
    """(T, M), w^u: how much each slot was read and written, the past fading."""


def empty_memory(like: Tensor, num_tasks: int, slots: int, width: int, heads: int) -> MemoryState:
    """A memory nothing was written to, in the precision and on the device of `like`; all heads look at slot 0."""
    first_M = F.one_hot(torch.zeros((), dtype=torch.long, device=like.device), slots).to(like.dtype)
    return MemoryState(
        memory=like.new_full((num_tasks, slots, width), _NEARLY_ZERO),
        read_weights=first_M.repeat(num_tasks, heads, 1),
        usage=first_M.repeat(num_tasks, 1),
    )


def least_used(usage_TM: Tensor, count: int) -> Tensor:
    """Exactly `count` slots of each task, the least used first, (T, count); of equals, the lower index first."""
    return usage_TM.argsort(dim=1, stable=True)[:, :count]


def content_weights(memory_TMW: Tensor, keys_TRW: Tensor, sharpness_TR: Tensor | None = None) -> Tensor:
    """Where each key finds its like, (T, R, M): a softmax over cosines, times the sharpness."""
    dots_TRM = keys_TRW @ memory_TMW.transpose(1, 2)
    lengths_TRM = keys_TRW.norm(dim=-1)[:, :, None] * memory_TMW.norm(dim=-1)[:, None]
    cosines_TRM = dots_TRM / lengths_TRM.clamp(min=1e-12)  # K
    if sharpness_TR is not None:
        cosines_TRM = cosines_TRM * sharpness_TR[..., None]
    return cosines_TRM.softmax(dim=-1)


def write_weights(state: MemoryState, gates_TR: Tensor) -> Tensor:
    """Where each head writes, (T, R, M): where it last read (gate → ∞), or its own least-used slot (gate → −∞)."""
    heads, slots = state.read_weights.shape[1:]
    fresh_TRM = F.one_hot(least_used(state.usage, heads), slots).to(state.read_weights)  # w^lu, head j the j-th
    return torch.lerp(fresh_TRM, state.read_weights, gates_TR.sigmoid()[..., None].to(fresh_TRM))  # w^w


def access(
    state: MemoryState, keys_TRW: Tensor, gates_TR: Tensor, sharpness_TR: Tensor | None = None, *, decay: float = 0.99
) -> tuple[MemoryState, Tensor]:
    """One step: write every head's key, then read with it; the new state, and what was read (T, R, W).

    `decay` is the share of the usage that is left after a step.
    """
    written_TRM = write_weights(state, gates_TR)
    least_T1 = least_used(state.usage, 1)
    is_kept_TM1 = torch.ones_like(state.usage).scatter(1, least_T1, 0.0)[..., None]
    memory_TMW = torch.baddbmm(state.memory * is_kept_TM1, written_TRM.transpose(1, 2), keys_TRW)  # M + Σ w^w k
    read_TRM = content_weights(memory_TMW, keys_TRW, sharpness_TR)  # w^r
    # Usage only ever ranks the slots, and a rank has no gradient.
    usage_TM = decay * state.usage + (read_TRM + written_TRM).detach().sum(dim=1)  # w^u
    return MemoryState(memory_TMW, read_TRM, usage_TM), read_TRM @ memory_TMW  # r


class LSTMState(NamedTuple):
    """What an LSTM carries from step to step."""

    hidden: Tensor
    """(T, H), h."""
    cell: Tensor
    """(T, H), c."""


def lstm_step(drive_TG: Tensor, cell_TH: Tensor) -> LSTMState:
    """One step of the standard LSTM from what drives its gates, (T, 4 H) in the order f, i, o, u."""
    f, i, o, u = drive_TG.chunk(4, dim=-1)
    cell_TH = f.sigmoid() * cell_TH + i.sigmoid() * u.tanh()
    return LSTMState(o.sigmoid() * cell_TH.tanh(), cell_TH)


class OneHotLabels:
    """A label is one of a number of slots; `num_symbols` is that number."""

    def __init__(self, slots: int) -> None:
        self.num_symbols = self.width = self.slots = slots

    def encode(self, labels: Tensor, like: Tensor) -> Tensor:
        """What the network reads, (T, L, N), of labels (T, L)."""
        return F.one_hot(labels.long(), self.width).to(like.dtype)

    def named(self, labels: Tensor) -> Tensor:
        """Which slots the labels (T, L) name, (T, N) booleans."""
        return F.one_hot(labels.long(), self.width).any(dim=1)

    def extremes(self, labels: Tensor) -> Tensor:
        """For each label (T, L) the symbol to be checked: itself."""
        return labels

    def shuffled(self, *labels: Tensor) -> list[Tensor]:
        """The same labels (T, L) thrown into slots at random, by one shuffle for each task."""
        shape = (labels[0].shape[0], self.width)
        slots_TN = torch.rand(shape, device=labels[0].device).argsort(dim=1)
        return [slots_TN.gather(1, part.long()) for part in labels]

    def prediction(self, logits: Tensor, is_seen: Tensor | None = None) -> Distribution:
        """A slot for each input, from logits (T, L, N); slots not seen are ruled out, unless none was."""
        if is_seen is not None:
            logits = mask_absent(logits, is_seen | ~is_seen.any(dim=1, keepdim=True))
        return Categorical(logits=logits)


class StringLabels:
    """A label is a string, (T, L, length) indices of its characters: many labels without a large softmax."""

    def __init__(self, length: int = 5, num_symbols: int = 5) -> None:
        self.length, self.num_symbols, self.width = length, num_symbols, length * num_symbols
        self.slots = 0  # No string has a place of its own.

    def encode(self, labels: Tensor, like: Tensor) -> Tensor:
        """What the network reads, (T, L, N): a one-hot for each character."""
        return F.one_hot(labels.long(), self.num_symbols).flatten(-2).to(like.dtype)

    def named(self, labels: Tensor) -> Tensor:
        """Nothing, (T, 0): strings are not kept account of."""
        return labels.new_zeros((labels.shape[0], 0), dtype=torch.bool)

    def extremes(self, labels: Tensor) -> Tensor:
        """For each label the symbol to be checked, (T, L): its lowest if that is negative, else its highest."""
        if labels.ndim != 3 or labels.shape[2] != self.length:
            raise ValueError(
                f"Labels have shape {tuple(labels.shape)}, but strings (T, S, {self.length}) were expected. "
                "Draw them as strings, or build the learner with one-hot labels."
            )
        lowest = labels.amin(dim=-1)
        return torch.where(lowest < 0, lowest, labels.amax(dim=-1))

    def shuffled(self, *labels: Tensor) -> list[Tensor]:
        """The same labels: strings are drawn at random to begin with."""
        return list(labels)

    def prediction(self, logits: Tensor, is_seen: Tensor | None = None) -> Distribution:
        """A string for each input, its characters independent, from logits (T, L, N)."""
        by_character = logits.unflatten(-1, (self.length, self.num_symbols))
        return Independent(Categorical(logits=by_character), 1)


class Cell(Protocol):
    """One step of a recurrent network; what does not depend on the step before is done for all steps at once."""

    num_outputs: int

    def prior(self, num_tasks: int) -> Any:
        """What is carried before the first step."""

    def drive(self, inputs_TLI: Tensor) -> Tensor:
        """What the inputs alone contribute, (T, L, …)."""

    def step(self, drive_TG: Tensor, carried: Any) -> tuple[Tensor, Any]:
        """The output (T, num_outputs), and what is carried on."""


class LateLabelState(NamedTuple):
    """All that was read so far of a sequence of labelled inputs."""

    carried: Any
    """What the cell carries from step to step."""
    pending: Tensor
    """(T, N): the last label, y_{t−1}, to be read with the next input; zero where there was none."""
    is_seen: Tensor
    """(T, N) booleans: the labels read so far, and the one pending."""


class LateLabels(nn.Module):
    """A recurrent network that reads each input together with the label of the input before it.

    `encoder` maps inputs (T, L, *input) to `num_features` numbers each, all at once, before the steps; without one
    they are flattened. The cell's inputs are these, then the label's.
    """

    def __init__(
        self, num_features: int, encoder: nn.Module | None, cell: nn.Module, labels: OneHotLabels | StringLabels
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.encoder = encoder or nn.Flatten(2)
        self.cell: Any = cell  # A `Cell`; torch knows modules only.
        self.labels = labels
        num_outputs: int = cell.num_outputs  # type: ignore[assignment]
        self.output = nn.Linear(num_outputs, labels.width)

    def prior(self, num_tasks: int) -> LateLabelState:
        """Nothing was read yet."""
        pending_TN = self.output.weight.new_zeros(num_tasks, self.labels.width)
        nothing_TN = torch.zeros(num_tasks, self.labels.slots, dtype=torch.bool, device=pending_TN.device)
        return LateLabelState(self.cell.prior(num_tasks), pending_TN, nothing_TN)

    def encode(self, inputs: Tensor) -> Tensor:
        """Features (T, L, D) of inputs (T, L, *input)."""
        features_TLD = self.encoder(inputs)
        if features_TLD.shape[-1] != self.num_features:
            raise ValueError(
                f"Inputs {tuple(inputs.shape)} have {features_TLD.shape[-1]} features each, but the network was built "
                f"for {self.num_features}. Resize the inputs, or build it for as many."
            )
        return features_TLD

    def read(self, state: LateLabelState, features_TLD: Tensor, labels: Tensor) -> tuple[Tensor, LateLabelState]:
        """Go through a sequence: what was thought of each label before it came, logits (T, L, N); the new state."""
        told_TLN = self.labels.encode(labels, like=features_TLD)
        late_TLN = torch.cat([state.pending[:, None], told_TLN[:, :-1]], dim=1)  # y_{t−1} comes with x_t
        logits_TLN, carried = self._steps(state.carried, features_TLD, late_TLN)
        return logits_TLN, LateLabelState(carried, told_TLN[:, -1], state.is_seen | self.labels.named(labels))

    def ahead(self, state: LateLabelState, features_TD: Tensor) -> Tensor:
        """What is thought of one further input of each task, logits (T, N); nothing of it is kept."""
        logits_T1N, _ = self._steps(state.carried, features_TD[:, None], state.pending[:, None])
        return logits_T1N.squeeze(1)

    def _steps(self, carried: Any, features_TLD: Tensor, late_TLN: Tensor) -> tuple[Tensor, Any]:
        drive_TLG = self.cell.drive(torch.cat([features_TLD, late_TLN], dim=-1))
        outputs = []
        for drive_TG in drive_TLG.unbind(dim=1):
            output_TO, carried = self.cell.step(drive_TG, carried)
            outputs.append(output_TO)
        return self.output(torch.stack(outputs, dim=1)), carried
