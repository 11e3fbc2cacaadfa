"""Recurrent networks that read inputs and labels in turn: each input with the label of the one before it, or its own.

Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016), section 2.2, has labels come one step
late, so each must be predicted before it is shown.

Letters: T tasks, L steps of a sequence, D features of an input, N numbers of a label.
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from quickstudy.networks.attention import full_precision
from quickstudy.networks.label_kinds import LabelKind

_LABEL_SPREAD = 0.3
"""Of a label's first weights: too small, and a few ones are lost among many features; at one they drown them."""


def expected_log_likelihood(kind: LabelKind, logits_TLN: Tensor, labels: Tensor) -> Tensor:
    """Log-likelihood (T, L) of labels in their order; for the first of a class, the mean over all unused labels.

    Labels are assigned at random, so the first label of a class could have been any unused one. The mean over these is
    the expected log-likelihood, and its gradient is the expected gradient, without the noise of the draw (Rao and
    Blackwell). Only labels that can occur are counted: of strings that repeat their letters, few.

    Args:
        kind: Kind of labels.
        logits_TLN: Logits of the network.
        labels: Labels (T, L), or strings (T, L, length).
    """
    logs_TLN = kind.log_probs(logits_TLN)
    told_TLN = kind.encode(labels, like=logs_TLN)
    with full_precision(logs_TLN):
        logs_TLL = logs_TLN @ told_TLN.mT  # At each step (first L) of each label (second L).
        is_same_TLL = told_TLN @ told_TLN.mT == told_TLN.sum(dim=-1, keepdim=True)
    is_earlier_LL = torch.ones(logs_TLL.shape[1:], dtype=torch.bool, device=logs_TLL.device).tril(-1)
    is_first_TL = ~(is_same_TLL & is_earlier_LL).any(dim=2)
    is_told_TLL = is_first_TL[:, None] & is_earlier_LL  # Each label once, at all steps after it came.
    # Over all labels that can occur, each symbol of each place comes equally often, whether or not letters repeat.
    num_labels = kind.count(labels)
    of_all_TL = logs_TLN.sum(dim=-1) * (num_labels / kind.num_symbols)
    num_open_TL = num_labels - is_told_TLL.sum(dim=2)
    guessed_TL = (of_all_TL - (logs_TLL * is_told_TLL).sum(dim=2)) / num_open_TL.clamp(min=1)
    return torch.where(is_first_TL, guessed_TL, logs_TLL.diagonal(dim1=1, dim2=2))


class Cell(Protocol):
    """One step of a recurrent network; what does not depend on the step before is done for all steps at once."""

    num_drives: int
    num_outputs: int

    def prior(self, num_tasks: int, steps: int | None = None) -> Any:
        """What is carried before the first step.

        Args:
            num_tasks: Tasks T.
            steps: Steps that will follow at most; None if this is unknown.
        """

    def drive(self, features_TLD: Tensor) -> Tensor:
        """The contribution of the inputs, (T, L, num_drives), for all steps at once. That of the labels is added to it.

        Args:
            features_TLD: Features of the inputs.
        """

    def forward(self, drive_TG: Tensor, carried: Any) -> tuple[Tensor, Any]:
        """One step: the output (T, num_outputs), and what is carried to the next step.

        Args:
            drive_TG: Contribution of input and label to this step.
            carried: What the step before carried.
        """


class LabelSequenceState(NamedTuple):
    """All that was read so far of a sequence of labelled inputs."""

    carried: Any
    """What the cell carries from step to step."""
    pending: Tensor
    """(T, N): the last label, y_{t−1}, to be read with the next input; zero where none is left to be read."""
    is_seen: Tensor
    """(T, N) booleans: the labels shown so far, the one pending too."""


class LabelSequences(nn.Module):
    """A recurrent network that reads each input with a label: that of the input before it, or its own.

    The columns of W_xh that read a label are kept apart from those that read features. So they start larger, and
    weights for one kind of labels can lend what they know of images to another kind.

    Args:
        cell: One step of the network; see `Cell`.
        labels: Kind of labels.
        labels_are_late: Read each input with the label of the one before it; switched off, with its own.
    """

    def __init__(
        self,
        cell: nn.Module,
        labels: LabelKind,
        *,
        labels_are_late: bool = True,
    ) -> None:
        super().__init__()
        self.labels_are_late = labels_are_late
        self.cell: Any = cell  # A `Cell`; torch knows modules only.
        self.labels = labels
        num_drives: int = cell.num_drives  # type: ignore[assignment]
        num_outputs: int = cell.num_outputs  # type: ignore[assignment]
        self.from_labels = nn.Linear(labels.width, num_drives, bias=False)
        nn.init.normal_(self.from_labels.weight, std=_LABEL_SPREAD)
        self.output = nn.Linear(num_outputs, labels.width)

    def prior(self, num_tasks: int, steps: int | None = None) -> LabelSequenceState:
        """The state before any input.

        Args:
            num_tasks: Tasks T.
            steps: Steps that will follow at most; None if this is unknown.
        """
        pending_TN = self.output.weight.new_zeros(num_tasks, self.labels.width)
        nothing_TN = torch.zeros(num_tasks, self.labels.slots, dtype=torch.bool, device=pending_TN.device)
        return LabelSequenceState(self.cell.prior(num_tasks, steps), pending_TN, nothing_TN)

    def read(
        self, state: LabelSequenceState, features_TLD: Tensor, labels: Tensor, mask_TL: Tensor | None = None
    ) -> tuple[Tensor, LabelSequenceState]:
        """Read a sequence of labelled inputs: the logits (T, L, N) at each step, and the new state.

        If labels are late, the logits of a step do not depend on its label; else they do.

        Args:
            state: State of each task before.
            features_TLD: Features of the inputs.
            labels: Labels (T, L), or strings (T, L, length).
            mask_TL: A task's sequence ends where this becomes False; what follows is padding. None reads everything.
        """
        told_TLN = self.labels.encode(labels, like=features_TLD)
        if self.labels_are_late:
            known_TLN = torch.cat([state.pending[:, None], told_TLN], dim=1)
            read_TLN = known_TLN[:, :-1]  # y_{t−1} comes with x_t
            pending_TN = known_TLN[:, -1] if mask_TL is None else _at(mask_TL.sum(dim=1), known_TLN)
        else:
            read_TLN, pending_TN = told_TLN, state.pending
        logits_TLN, carried = self._steps(state.carried, features_TLD, read_TLN, mask_TL)
        return logits_TLN, LabelSequenceState(carried, pending_TN, state.is_seen | self.labels.named(labels, mask_TL))

    def ahead(self, state: LabelSequenceState, features_TD: Tensor) -> Tensor:
        """The logits (T, N) for one further input of each task. The state does not change.

        Args:
            state: State of each task.
            features_TD: Features of the input.
        """
        logits_T1N, _ = self._steps(state.carried, features_TD[:, None], state.pending[:, None])
        return logits_T1N.squeeze(1)

    def along(self, features_TLD: Tensor, labels: Tensor) -> Tensor:
        """The logits (T, L, N) for every input of a sequence before its label is shown.

        Args:
            features_TLD: Features of the inputs.
            labels: Labels (T, L), or strings (T, L, length).
        """
        state = self.prior(features_TLD.shape[0])
        if self.labels_are_late:
            return self.read(state, features_TLD, labels)[0]
        thoughts = []
        for features_TD, label in zip(features_TLD.unbind(dim=1), labels.unbind(dim=1), strict=True):
            thoughts.append(self.ahead(state, features_TD))
            _, state = self.read(state, features_TD[:, None], label[:, None])
        return torch.stack(thoughts, dim=1)

    def _steps(
        self, carried: Any, features_TLD: Tensor, read_TLN: Tensor, mask_TL: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        drive_TLG = self.cell.drive(features_TLD) + self.from_labels(read_TLN)  # W_xh [x_t; y_{t−1}]
        outputs = []
        # Each step's numbers side by side: a compiled cell is compiled anew for every other arrangement.
        for step, drive_TG in enumerate(drive_TLG.transpose(0, 1).contiguous()):
            output_TO, after = self.cell(drive_TG, carried)
            carried = after if mask_TL is None else _where(mask_TL[:, step], after, carried)
            outputs.append(output_TO)
        return self.output(torch.stack(outputs, dim=1)), carried


def _at(place_T: Tensor, values_TLN: Tensor) -> Tensor:
    """Of each task the value at its place, (T, N)."""
    return values_TLN[torch.arange(len(values_TLN), device=values_TLN.device), place_T]


def _where(is_new_T: Tensor, new: Any, old: Any) -> Any:
    """What is carried on: the new tensors of some tasks, the old ones of the others."""
    if isinstance(new, Tensor):
        return torch.where(is_new_T.view(-1, *[1] * (new.ndim - 1)), new, old)
    parts = [_where(is_new_T, *both) for both in zip(new, old, strict=True)]
    return type(new)(*parts) if hasattr(new, "_fields") else tuple(parts)
