"""Layers of fast weights, one after another, as the network of a label sequence.

The block around a layer is that of Irie, Schlag, Csordás and Schmidhuber, "A Modern Self-Referential Weight Matrix That
Learns to Modify Itself" (ICML 2022): a layer norm lies on the path around it, and a perceptron follows.

Unlike a recurrent cell, a layer reads the whole sequence before the next layer does. So a layer may use one operation
for all steps.

Letters: T tasks, L steps of a sequence, Q queries, C channels, D features, N numbers of a label.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from quickstudy.networks.label_sequences import LabelSequences, LabelSequenceState


class FastWeightBlock(nn.Module):
    """A layer of fast weights and a perceptron, each added to what it reads.

    Args:
        layer: Reads items (T, L, C) with fast weights; it has `prior`, `read` and `aside`.
        channels: Numbers of an item.
        hidden: Width between the two layers of the perceptron.
        dropout: Share of a part's outputs that are left out in training.
    """

    def __init__(self, layer: nn.Module, channels: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.layer: Any = layer
        self.norm = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.dropout = nn.Dropout(dropout)

    def read(self, x_TLC: Tensor, weights: Tensor, mask_TL: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Go through a sequence: its items for the next block, and the fast weights after it."""
        read_TLC, weights = self.layer.read(x_TLC, weights, mask_TL)
        return self._after(x_TLC, read_TLC), weights

    def aside(self, x_TQC: Tensor, weights: Tensor) -> Tensor:
        """Each item for the next block, if it alone came next."""
        return self._after(x_TQC, self.layer.aside(x_TQC, weights))

    def _after(self, x: Tensor, read: Tensor) -> Tensor:
        x = self.norm(x) + self.dropout(read)  # The norm lies on the path around the layer.
        return x + self.dropout(self.perceptron(x))


class FastWeightStack(nn.Module):
    """Blocks, one after another. What is carried from item to item is the fast weights of each.

    Args:
        num_features: Numbers of an input.
        channels: Numbers of an item.
        layers: The layers of fast weights.
        hidden: Width between the two layers of a block's perceptron.
        dropout: Share of a part's outputs that are left out in training.
        normalises: Scale each input to mean zero and variance one.
    """

    def __init__(
        self,
        num_features: int,
        channels: int,
        layers: Sequence[nn.Module],
        *,
        hidden: int,
        dropout: float = 0.0,
        normalises: bool = False,
    ) -> None:
        super().__init__()
        self.num_drives = self.num_outputs = channels
        norm = nn.LayerNorm(num_features, elementwise_affine=False) if normalises else nn.Identity()
        self.input = nn.Sequential(norm, nn.Linear(num_features, channels))
        self.blocks = nn.ModuleList(FastWeightBlock(layer, channels, hidden, dropout) for layer in layers)

    def prior(self, num_tasks: int, steps: int | None = None) -> tuple[Tensor, ...]:
        """The fast weights of each layer before any item."""
        return tuple(block.layer.prior(num_tasks) for block in self._each())

    def drive(self, features_TLD: Tensor) -> Tensor:
        """What the inputs contribute to the items."""
        return self.input(features_TLD)

    def forward(
        self, x_TLC: Tensor, carried: tuple[Tensor, ...], mask_TL: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Go through a sequence: what the last block gives (T, L, C), and the fast weights of each."""
        after = []
        for block, weights in zip(self._each(), carried, strict=True):
            x_TLC, weights = block.read(x_TLC, weights, mask_TL)
            after.append(weights)
        return x_TLC, tuple(after)

    def aside(self, x_TQC: Tensor, carried: tuple[Tensor, ...]) -> Tensor:
        """What the last block gives for each item if it alone came next."""
        for block, weights in zip(self._each(), carried, strict=True):
            x_TQC = block.aside(x_TQC, weights)
        return x_TQC

    def _each(self) -> list[FastWeightBlock]:
        return list(self.blocks)  # type: ignore[arg-type]


class FastWeightSequences(LabelSequences):
    """A stack that reads each input with a label, a whole sequence in one layer after another."""

    def ahead(self, state: LabelSequenceState, features_TD: Tensor) -> Tensor:
        """The prediction for one further input of each task, logits (T, N); nothing of it is kept."""
        return self.branches(state, features_TD[:, None]).squeeze(1)

    def branches(self, state: LabelSequenceState, features_TQD: Tensor) -> Tensor:
        """The prediction for each of many inputs, as if it alone came next: logits (T, Q, N)."""
        drive_TQC = self.cell.drive(features_TQD) + self.from_labels(state.pending)[:, None]
        return self.output(self.cell.aside(drive_TQC, state.carried))

    def _steps(
        self, carried: Any, features_TLD: Tensor, read_TLN: Tensor, mask_TL: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        drive_TLC = self.cell.drive(features_TLD) + self.from_labels(read_TLN)
        output_TLC, carried = self.cell(drive_TLC, carried, mask_TL)
        return self.output(output_TLC), carried
