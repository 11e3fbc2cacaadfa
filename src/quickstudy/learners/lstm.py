"""Baselines of Santoro et al. (2016): the same task read by a network that has no memory beside its own state.

"Meta-Learning with Memory-Augmented Neural Networks" (ICML 2016), section 4.1: an LSTM, and a feed-forward network,
which knows only the present input and the label before. `_label_sequences.py` explains how labels are read.
"""

from torch import Tensor, nn

from quickstudy.learners._label_sequences import Labels, LabelSequenceLearner, LabelTime
from quickstudy.networks.memory import LSTMState, lstm_inputs, lstm_step


class LSTMCell(nn.Module):
    """The standard LSTM, without peepholes.

    Args:
        num_inputs: Numbers of an input.
        hidden: Units H.
    """

    def __init__(self, num_inputs: int, hidden: int) -> None:
        super().__init__()
        self.from_inputs = lstm_inputs(num_inputs, hidden)  # W_xh, b
        self.from_before = nn.Linear(hidden, 4 * hidden, bias=False)  # W_hh
        self.num_drives, self.num_outputs = 4 * hidden, hidden

    def prior(self, num_tasks: int, steps: int | None = None) -> LSTMState:
        """Zeros for h and c.

        Args:
            num_tasks: Tasks T.
            steps: Steps that will follow at most. Not used.
        """
        nothing_TH = self.from_before.weight.new_zeros(num_tasks, self.num_outputs)
        return LSTMState(nothing_TH, nothing_TH)

    def drive(self, features_TLD: Tensor) -> Tensor:
        """The contribution of the inputs to the gates, (T, L, 4 H), for all steps at once.

        Args:
            features_TLD: Inputs of all steps.
        """
        return self.from_inputs(features_TLD)

    def forward(self, drive_TG: Tensor, carried: LSTMState) -> tuple[Tensor, LSTMState]:
        """One step. Returns the output h_t and what is carried to the next step.

        Args:
            drive_TG: Contribution of input and label to the gates.
            carried: h and c of the step before.
        """
        carried = lstm_step(drive_TG + self.from_before(carried.hidden), carried.cell)
        return carried.hidden, carried


class FeedForwardCell(nn.Module):
    """One hidden layer. It carries nothing from step to step.

    Args:
        num_inputs: Numbers of an input.
        hidden: Units H.
    """

    def __init__(self, num_inputs: int, hidden: int) -> None:
        super().__init__()
        self.from_inputs = nn.Linear(num_inputs, hidden)
        self.num_drives = self.num_outputs = hidden

    def prior(self, num_tasks: int, steps: int | None = None) -> tuple[()]:
        """Nothing.

        Args:
            num_tasks: Tasks T.
            steps: Steps that will follow at most. Not used.
        """
        return ()

    def drive(self, features_TLD: Tensor) -> Tensor:
        """The contribution of the inputs to the hidden layer, (T, L, H), for all steps at once.

        Args:
            features_TLD: Inputs of all steps.
        """
        return self.from_inputs(features_TLD)

    def forward(self, drive_TG: Tensor, carried: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """One step. Returns the hidden layer's output.

        Args:
            drive_TG: Contribution of input and label to the hidden layer.
            carried: Nothing.
        """
        return drive_TG.tanh(), carried


class LSTM(LabelSequenceLearner):
    """Reads examples and their labels one after another. Inputs, labels and loss are those of `LabelSequenceLearner`.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        encoder: Network that embeds examples; None reads their numbers.
        labels: One-hot labels or strings of five letters.
        max_ways: Label slots.
        is_recurrent: Use an LSTM; switched off, the feed-forward baseline.
        hidden: Units of the network.
        labels_come: Labels come with the next example, or with their own.
    """

    def __init__(
        self,
        num_features: int,
        *,
        encoder: nn.Module | None = None,
        labels: Labels = "one-hot",
        max_ways: int = 20,
        is_recurrent: bool = True,
        hidden: int = 200,
        labels_come: LabelTime = "late",
    ) -> None:
        super().__init__(
            num_features,
            lambda num_inputs: (LSTMCell if is_recurrent else FeedForwardCell)(num_inputs, hidden),
            encoder=encoder,
            labels=labels,
            max_ways=max_ways,
            labels_come=labels_come,
        )
