"""Kinds of labels that a sequence can have: one of a number of slots, or a string of letters.

Letters: T tasks, L steps of a sequence, N numbers of a label.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from quickstudy.core.distributions import categorical, independent
from quickstudy.networks.class_means import mask_absent, members


class LabelKind(ABC):
    """How labels are stored, read by a network and predicted."""

    slots: int
    """Places that labels can take; zero for strings, which have none of their own."""
    num_symbols: int
    """Different symbols in one place of a label."""
    width: int
    """Numbers N that a network reads of a label, and gives for one."""

    @abstractmethod
    def encode(self, labels: Tensor, like: Tensor) -> Tensor:
        """What the network reads of labels, (T, L, N).

        Args:
            labels: Labels (T, L), or strings (T, L, length).
            like: Tensor that gives the precision.
        """

    @abstractmethod
    def named(self, labels: Tensor, mask_TL: Tensor | None = None) -> Tensor:
        """Which slots the labels name, (T, number of slots) booleans.

        Args:
            labels: Labels as for `encode`.
            mask_TL: Where it is False, a label names no slot; None counts all labels.
        """

    @abstractmethod
    def count(self, labels: Tensor) -> Tensor:
        """How many labels can occur, a single number.

        Args:
            labels: Labels as for `encode`, of all tasks.
        """

    @abstractmethod
    def extremes(self, labels: Tensor) -> Tensor:
        """For each label the symbol whose range must be checked, (T, L).

        Args:
            labels: Labels as for `encode`.
        """

    @abstractmethod
    def shuffled(self, *labels: Tensor) -> list[Tensor]:
        """The labels as they are given to a network in training: each task has random labels.

        Args:
            labels: Parts of the tasks, such as support and query, each with labels as for `encode`.
        """

    @abstractmethod
    def log_probs(self, logits: Tensor) -> Tensor:
        """Log-probability of each symbol in its place, (T, L, N).

        Args:
            logits: Logits (T, L, N).
        """

    @abstractmethod
    def prediction(self, logits: Tensor, is_seen: Tensor | None = None) -> Distribution:
        """The distribution of the label of each input.

        Args:
            logits: Logits (T, L, N).
            is_seen: Which slots were named so far, as `named` returns them; None rules no slot out.
        """


class OneHotLabels(LabelKind):
    """A label is one of a number of slots.

    Args:
        slots: Number of slots.
    """

    def __init__(self, slots: int) -> None:
        self.num_symbols = self.width = self.slots = slots

    def encode(self, labels: Tensor, like: Tensor) -> Tensor:
        """A one for the slot of the label, (T, L, N)."""
        return F.one_hot(labels.long(), self.width).to(like.dtype)

    def named(self, labels: Tensor, mask_TL: Tensor | None = None) -> Tensor:
        """Which slots the labels name, (T, N) booleans."""
        return members(labels, self.width, mask_TL).any(dim=1)

    def count(self, labels: Tensor) -> Tensor:
        """The number of slots."""
        return labels.new_tensor(self.slots)

    def extremes(self, labels: Tensor) -> Tensor:
        """The labels themselves."""
        return labels

    def shuffled(self, *labels: Tensor) -> list[Tensor]:
        """The labels in random slots, by one shuffle for each task."""
        shape = (labels[0].shape[0], self.width)
        slots_TN = torch.rand(shape, device=labels[0].device).argsort(dim=1)
        return [slots_TN.gather(1, part.long()) for part in labels]

    def log_probs(self, logits: Tensor) -> Tensor:
        """Log-probability of each slot."""
        return logits.log_softmax(dim=-1)

    def prediction(self, logits: Tensor, is_seen: Tensor | None = None) -> Distribution:
        """A slot for each input. Slots that were not named are ruled out, unless none was named."""
        if is_seen is not None:
            logits = mask_absent(logits, is_seen | ~is_seen.any(dim=1, keepdim=True))
        return categorical(logits)


class StringLabels(LabelKind):
    """A label is a string: (T, L, length) indices of its letters. So a large softmax is not needed for many labels.

    Args:
        length: Letters of a string.
        num_symbols: Letters of the alphabet.
    """

    def __init__(self, length: int = 5, num_symbols: int = 5) -> None:
        self.length, self.num_symbols, self.width = length, num_symbols, length * num_symbols
        self.slots = 0  # No string has a place of its own.

    def encode(self, labels: Tensor, like: Tensor) -> Tensor:
        """A one for each letter, (T, L, N)."""
        return F.one_hot(labels.long(), self.num_symbols).flatten(-2).to(like.dtype)

    def named(self, labels: Tensor, mask_TL: Tensor | None = None) -> Tensor:
        """Nothing, (T, 0): strings have no slots."""
        return labels.new_zeros((labels.shape[0], 0), dtype=torch.bool)

    def count(self, labels: Tensor) -> Tensor:
        """How many strings can occur beside these, a single number.

        A draw can have fewer letters than the length. Then all strings repeat their first letters in the same order,
        and this counts only such strings.
        """
        place = torch.arange(self.length, device=labels.device)
        drawn = [(labels == labels[..., place % letters]).all() for letters in range(1, self.length + 1)]
        return self.num_symbols ** (1 + torch.stack(drawn).int().argmax())

    def extremes(self, labels: Tensor) -> Tensor:
        """For each string its lowest symbol if that is negative, else its highest, (T, L).

        Raises:
            ValueError: if the labels are not strings of this length.
        """
        if labels.ndim != 3 or labels.shape[2] != self.length:
            raise ValueError(
                f"Labels have shape {tuple(labels.shape)}, but strings (T, S, {self.length}) were expected. "
                "Draw them as strings, or build the learner with one-hot labels."
            )
        lowest = labels.amin(dim=-1)
        return torch.where(lowest < 0, lowest, labels.amax(dim=-1))

    def shuffled(self, *labels: Tensor) -> list[Tensor]:
        """The same labels, because strings are drawn at random already."""
        return list(labels)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Log-probability of each letter in its place."""
        return logits.unflatten(-1, (self.length, self.num_symbols)).log_softmax(dim=-1).flatten(-2)

    def prediction(self, logits: Tensor, is_seen: Tensor | None = None) -> Distribution:
        """A string for each input, whose letters are independent."""
        by_character = logits.unflatten(-1, (self.length, self.num_symbols))
        return independent(categorical(by_character))
