"""DeltaNet and linear fast-weight programmers: a slow network writes examples to the weights of a fast one.

Schlag, Irie and Schmidhuber, "Linear Transformers Are Secretly Fast Weight Programmers" (ICML 2021), for the layer; as
a few-shot learner it is the baseline of Irie et al., "A Modern Self-Referential Weight Matrix That Learns to Modify
Itself" (ICML 2022). The layer is in `networks/delta_rule.py`, the reading of labels in `_label_sequences.py`.

What differs: the papers read sequences that end with one query. Here any number of queries branch off, in parallel,
after the support. A query writes to its own copy of the fast weights before it reads, as the last item of a sequence
does, and the copy is then discarded. Labels thrown at random into more slots than a task has classes make one set of
weights serve any number of ways.
"""

from torch import nn

from quickstudy.learners._fast_weight_sequences import FastWeightLearner
from quickstudy.learners._label_sequences import LabelTime
from quickstudy.networks.delta_rule import DeltaRuleLayer, Features, Rule


class DeltaNet(FastWeightLearner):
    """Reads examples one after another; each adds one key and value to the fast weights of each head.

    With the delta rule, a value replaces what its key read before. With the sum rule it is added, which is linear
    attention. The state is a matrix for each head and layer, however many examples were read.

    Args:
        num_features: Numbers that the encoder gives for an example, or that an example has.
        encoder: Network that embeds examples; None reads their numbers.
        max_ways: Label slots.
        rule: Write the difference between a value and what is read at its key, or the value itself.
        features: Feature map of keys and queries: elu + 1, or products of neighbours, which are larger.
        degree: Degree of the features "dpfp": they have 2·degree numbers for each of a key.
        channels: Numbers of an item.
        num_blocks: Layers.
        num_heads: Heads of each layer.
        hidden: Width between the two layers of a block's perceptron.
        dropout: Share of a part's outputs that are left out in training.
        normalises: Scale each example's features to mean zero and variance one.
        labels_come: Labels come with the next example, or with their own.

    Raises:
        ValueError: if there is no such rule or feature map.
    """

    def __init__(
        self,
        num_features: int,
        *,
        encoder: nn.Module | None = None,
        max_ways: int = 20,
        rule: Rule = "delta",
        features: Features = "elu",
        degree: int = 1,
        channels: int = 128,
        num_blocks: int = 2,
        num_heads: int = 8,
        hidden: int = 512,
        dropout: float = 0.0,
        normalises: bool = False,
        labels_come: LabelTime = "at once",
    ) -> None:
        super().__init__(
            num_features,
            lambda: DeltaRuleLayer(channels, num_heads, rule=rule, features=features, degree=degree),
            encoder=encoder,
            max_ways=max_ways,
            channels=channels,
            num_blocks=num_blocks,
            hidden=hidden,
            dropout=dropout,
            normalises=normalises,
            labels_come=labels_come,
        )
