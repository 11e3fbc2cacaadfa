"""The self-referential weight matrix as a few-shot learner: weights that rewrite themselves while they read examples.

Irie, Schlag, Csordás and Schmidhuber, "A Modern Self-Referential Weight Matrix That Learns to Modify Itself" (ICML
2022). The layer is in `networks/self_reference.py`, the reading of labels in `_label_sequences.py`.

What differs: the paper's sequence ends with one query, whose label input is the first label. Here any number of queries
branch off, in parallel, after the support, with a label input of zeros. Labels thrown at random into more slots than a
task has classes make one set of weights serve any number of ways.
"""

from torch import nn

from quickstudy.learners._fast_weight_sequences import FastWeightLearner
from quickstudy.learners._label_sequences import LabelTime
from quickstudy.networks.self_reference import SelfReferentialLayer


class SRWM(FastWeightLearner):
    """Reads examples one after another; after each, every head changes all of its weights by its own rule.

    Training finds the first weights alone. The state is the present weights of each head and layer, however many
    examples were read. A query reads the present weights and changes none.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        encoder: Network that embeds examples; None reads their numbers.
        max_ways: Label slots.
        channels: Numbers of an item; the heads share them.
        num_blocks: Layers.
        num_heads: Heads of each layer.
        hidden: Width between the two layers of a block's perceptron.
        first_rate: First mean of the weights that give the rates, before the sigmoid.
        dropout: Share of a part's outputs that are left out in training.
        normalises: Scale each example's features to mean zero and variance one.
        labels_come: Labels come with the next example, or with their own.

    Raises:
        ValueError: if the heads cannot share the channels.
    """

    def __init__(
        self,
        num_features: int,
        *,
        encoder: nn.Module | None = None,
        max_ways: int = 20,
        channels: int = 128,
        num_blocks: int = 2,
        num_heads: int = 8,
        hidden: int = 512,
        first_rate: float = 0.0,
        dropout: float = 0.0,
        normalises: bool = False,
        labels_come: LabelTime = "at once",
    ) -> None:
        super().__init__(
            num_features,
            lambda: SelfReferentialLayer(channels, num_heads, first_rate=first_rate),
            encoder=encoder,
            max_ways=max_ways,
            channels=channels,
            num_blocks=num_blocks,
            hidden=hidden,
            dropout=dropout,
            normalises=normalises,
            labels_come=labels_come,
        )
