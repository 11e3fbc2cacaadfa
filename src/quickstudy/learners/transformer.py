"""In-context transformer: support examples attend to each other, queries read them layer by layer.

Kirsch, Harrison, Sohl-Dickstein and Metz, "General-Purpose In-Context Learning by Meta-Learning Transformers" (2022),
for the aim; the attention pattern is that of Nguyen and Grover, "Transformer Neural Processes" (ICML 2022), TNP-D,
and nearly that of Müller et al., "Transformers Can Do Bayesian Inference" (ICLR 2022).

There are no positions, so the support is a set. A query reads the support and not itself: what it is reaches every
layer through the residual sum, while in the softmax it would be one more item, without a label, that takes its share
of the attention. So every read is the retrieval of a modern Hopfield network (see `networks.attention.read`) whose
stored patterns are the support, and a query's cost is that of S keys in each layer.

Letters: T tasks, S support examples, Q queries, N label slots, C channels, D features.
"""

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    Learner,
    TrainingTasks,
    categorical,
    check_tasks,
    in_random_slots,
    read_query,
    read_support,
)
from quickstudy.networks.attention import KeysValues, TransformerBlock, optional
from quickstudy.networks.class_means import crowding, mask_absent, members
from quickstudy.networks.embeddings import in_random_channels, of_equal_lengths, refuse_share


class InContextTransformerState(NamedTuple):
    """The support as each layer reads it."""

    layers: tuple[KeysValues, ...]
    """Of each layer: keys and values (T, heads, S, C / heads)."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the label."""
    rarity: tuple[Tensor, ...] = ()
    """(T, 1, 1, S): added to the exponents of attention, so that classes count equally. None if examples do."""


class InContextTransformer(Learner):
    """Support tokens are embedding plus label embedding; a query's token is its embedding alone.

    An image passes through the encoder once. Any number of shots. Batch normalisation of the encoder uses running
    statistics in eval mode.

    Args:
        encoder: Maps inputs (..., *input) to features (..., D).
        num_features: Numbers that the encoder gives.
        max_ways: Label slots.
        channels: Channels of a token.
        num_blocks: Layers.
        num_heads: Heads of each attention.
        first_heads: Heads of the first block's attention, if it has another number. A single head compares whole
            embeddings; each of several compares a random part of them.
        hidden: Width between the two layers of a block's perceptron.
        relabels: In training, throw the classes of every task at random into the label slots.
        equal_lengths: Scale embeddings to a mean square of one.
        shuffled_channels: Share of training tasks whose embeddings have their channels in random order. Then the head
            can only compare embeddings, and cannot memorise the training classes.
        queries_start_as_keys: Start the queries of attention with the weights of its keys.
        key_gain: Start the weights of the tokens orthogonal, and those of the keys too, times this number. Then the
            first block finds the nearest examples from the first step on. None starts them at random.
        compares_labels: Let the first block compare support tokens with their labels. Labels are random, so they make
            comparisons noisy. Else it compares embeddings alone, and reads the labels of what is similar.
        equal_classes: Read a class of many examples no more than one of few. Without it, each example counts.
    """

    labels_are_slots = True

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        max_ways: int = 5,
        channels: int = 128,
        num_blocks: int = 4,
        num_heads: int = 4,
        first_heads: int | None = None,
        hidden: int = 512,
        relabels: bool = True,
        equal_lengths: bool = False,
        shuffled_channels: float = 0.0,
        queries_start_as_keys: bool = False,
        key_gain: float | None = None,
        compares_labels: bool = True,
        equal_classes: bool = False,
    ) -> None:
        super().__init__()
        refuse_share("shuffled_channels", shuffled_channels)
        self.equal_lengths, self.shuffled_channels = equal_lengths, shuffled_channels
        self.equal_classes, self.compares_labels = equal_classes, compares_labels
        self.max_ways, self.relabels = max_ways, relabels
        self.encoder = encoder
        self.token = nn.Linear(num_features, channels)
        self.label = nn.Embedding(max_ways, channels)
        if key_gain is not None:
            nn.init.orthogonal_(self.token.weight)
        heads = [num_heads if first_heads is None else first_heads, *[num_heads] * (num_blocks - 1)]
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, each, hidden, queries_start_as_keys=queries_start_as_keys, key_gain=key_gain)
            for each in heads
        )
        self.classify = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, max_ways))

    def adapt(
        self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> InContextTransformerState:
        """Keys and values, in each layer, of the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask, max_ways=self.max_ways)
        return self._read(self._embed(support_x), support_y, mask)

    def predict(self, state: InContextTransformerState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self._answer(state, self._embed(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        In training every task's classes are thrown at random into the label slots. Support and queries are embedded
        together, so that they share their batch statistics.
        """
        check_tasks(tasks, self.max_ways)
        if self.training and self.relabels:
            tasks = in_random_slots(tasks, self.max_ways)
        z_TSD, z_TQD = tasks.embedded(self._embed)
        if self.training:
            z_TSD, z_TQD = in_random_channels(z_TSD, z_TQD, self.shuffled_channels)
        state = self._read(z_TSD, tasks.support_y)
        return -self._answer(state, z_TQD).log_prob(tasks.query_y).mean()

    def _embed(self, x: Tensor) -> Tensor:
        z_TED: Tensor = self.encoder(x)
        return of_equal_lengths(z_TED) if self.equal_lengths else z_TED

    def _read(self, z_TSD: Tensor, support_y: Tensor, mask_TS: Tensor | None = None) -> InContextTransformerState:
        embedded_TSC = self.token(z_TSD)
        x_TSC = embedded_TSC + self.label(support_y.long())
        compared = None if self.compares_labels else embedded_TSC
        counts_TN = members(support_y, self.max_ways, mask_TS).sum(dim=1)
        may_read = None
        if self.equal_classes:
            may_read = -crowding(support_y, counts_TN).log()[:, None, None].to(x_TSC.dtype)
        blocks: list[TransformerBlock] = list(self.blocks)  # type: ignore[arg-type]
        layers = [blocks[0].remember(x_TSC, mask_TS, compared)]
        for block, following in pairwise(blocks):  # The support stops before the last block: nobody reads it after.
            x_TSC = block(x_TSC, layers[-1], may_read, compared)
            compared = None  # Later blocks compare what was read.
            layers.append(following.remember(x_TSC, mask_TS))
        return InContextTransformerState(tuple(layers), counts_TN > 0, optional(may_read))

    def _answer(self, state: InContextTransformerState, z_TQD: Tensor) -> Categorical:
        x_TQC = self.token(z_TQD)
        for block, seen in zip(self.blocks, state.layers, strict=True):
            x_TQC = block(x_TQC, seen, *state.rarity)
        return categorical(mask_absent(self.classify(x_TQC), state.is_present))
