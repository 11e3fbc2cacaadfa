"""What learners of fast weights share: they read labelled examples in order, layer by layer.

Their layers are in `networks/delta_rule.py` and `networks/self_reference.py`.

Letters: T tasks, Q queries, D features, N label slots.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from quickstudy.learners._label_sequences import LabelSequenceLearner, LabelTime
from quickstudy.networks.fast_stack import FastWeightSequences, FastWeightStack
from quickstudy.networks.label_sequences import LabelSequenceState


class FastWeightLearner(LabelSequenceLearner):
    """A stack of layers that `make_layer` makes. The state is their fast weights; a prediction changes none."""

    sequences = FastWeightSequences

    def __init__(
        self,
        num_features: int,
        make_layer: Callable[[], nn.Module],
        *,
        encoder: nn.Module | None,
        max_ways: int,
        channels: int,
        num_blocks: int,
        hidden: int,
        dropout: float,
        normalises: bool,
        labels_come: LabelTime,
    ) -> None:
        def make_stack(num_inputs: int) -> FastWeightStack:
            layers = [make_layer() for _ in range(num_blocks)]
            return FastWeightStack(num_inputs, channels, layers, hidden=hidden, dropout=dropout, normalises=normalises)

        super().__init__(
            num_features,
            make_stack,
            encoder=encoder,
            labels="one-hot",
            max_ways=max_ways,
            labels_come=labels_come,
        )

    def compile(self, *options: Any, **named: Any) -> None:
        """Compile the whole learner: no part of it is called once for each step."""
        nn.Module.compile(self, *options, **named)

    def _ask(self, state: LabelSequenceState, z_TQD: Tensor) -> Tensor:
        network: Any = self.network
        logits_TQN: Tensor = network.branches(state, z_TQD)
        return logits_TQN
