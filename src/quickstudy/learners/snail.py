"""SNAIL: causal attention and temporal convolutions read the support as a sequence, and the query as its next item.

Mishra, Rohaninejad, Chen and Abbeel, "A Simple Neural Attentive Meta-Learner" (ICLR 2018), section 3 and figure 2.

What differs from the paper: the support is read once and its activations are kept, so a query costs one position and
not a sequence (the answers are the same); all queries of a task are trained on, not one; labels have `max_ways`
slots, of which a task uses some; dilations start at one (see `TCBlock`). As options, embeddings of one length, and
channels thrown about in training.

Letters: T tasks, S support examples, Q queries, L positions, N label slots, C channels, D features; K and V are the
sizes of an attention's keys and values.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    OnlineLearner,
    TrainingTasks,
    UserError,
    adapted_by_size,
    categorical,
    check_tasks,
    in_random_slots,
    is_traced,
    num_real,
    read_query,
    read_support,
    select_tasks,
)
from quickstudy.networks.attention import KeysValues, full_precision, which_are_real
from quickstudy.networks.causal_attention import CausalAttention
from quickstudy.networks.class_means import crowding, mask_absent
from quickstudy.networks.embeddings import in_random_channels, of_equal_lengths, refuse_share
from quickstudy.networks.temporal import CausalBlock, CausalChain, TCBlock

KeyValueSizes = Sequence[tuple[int, int]]
First = Literal["attention", "convolutions"]


class SNAILState(NamedTuple):
    """What the positions read so far mean to those that follow."""

    caches: tuple[Any, ...]
    """Of each block: keys and values (T, S, K) and (T, S, V), or what convolutions will add to later positions."""
    labels: Tensor
    """(T, S): those of the examples read."""
    counts: Tensor
    """(T, N): how many examples of each label were read."""

    @property
    def is_present(self) -> Tensor:
        """(T, N) booleans: an example of the label was read."""
        return self.counts > 0

    @property
    def num_examples(self) -> Tensor | int:
        """How many examples of each task were read, (T,), or of all of them."""
        seen = next(cache for cache in self.caches if isinstance(cache, KeysValues))
        return seen.is_real[0].sum(dim=1) if seen.is_real else seen.keys.shape[1]


class SNAIL(OnlineLearner):
    """Reads examples (embedding and label) in order, then predicts each query as if it alone came next.

    An image passes through the encoder once. Batch normalisation of the encoder uses running statistics in eval mode.

    Args:
        encoder: Maps inputs (..., *input) to features (..., D).
        num_features: Numbers that the encoder gives.
        max_ways: Label slots.
        max_examples: Support examples of a task, ways times shots; decides how far back the convolutions read.
        filters: The paper's D of each TCBlock.
        attention: The paper's K and V of each attention block.
        label_scale: Factor of a label's input.
        equal_lengths: Scale embeddings to a mean square of one. Attention compares by products, which favour long
            embeddings over similar ones.
        shuffled_channels: Share of training tasks whose embeddings have their channels in random order. Then the head
            can only compare embeddings, and cannot memorise the training classes.
        literal_dilations: Start dilations at two, as the paper's pseudo-code does, instead of one.
        queries_start_as_keys: Start the queries of attention with the weights of its keys.
        key_gain: Start the weights of attention's keys orthogonal, times this number, so that the first attention finds
            the nearest examples from the first step on. None starts them at random, as the paper does.
        compares_labels: Let the first block compare items with their labels, and each item with itself too, as in the
            paper. Else it compares embeddings with earlier ones alone. Labels are random, so they make comparisons
            noisy; and a query is most similar to itself. It changes nothing where convolutions come first.
        first: First block: attention, as in the paper's section 5.1, or convolutions, as in its figure 1. The blocks
            alternate, and the last one is an attention.
    """

    order_matters = True
    labels_are_slots = True

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        max_ways: int = 5,
        max_examples: int = 25,
        filters: int = 128,
        attention: KeyValueSizes = ((64, 32), (256, 128), (512, 256)),
        label_scale: float = 1.0,
        equal_lengths: bool = False,
        shuffled_channels: float = 0.0,
        literal_dilations: bool = False,
        queries_start_as_keys: bool = True,
        key_gain: float | None = None,
        compares_labels: bool = True,
        first: First = "attention",
    ) -> None:
        super().__init__()
        if first not in get_args(First):
            raise ValueError(f"first is {first!r}, but one of {get_args(First)} was expected.")
        refuse_share("shuffled_channels", shuffled_channels)
        self.max_ways, self.max_examples, self.label_scale = max_ways, max_examples, label_scale
        self.equal_lengths, self.shuffled_channels = equal_lengths, shuffled_channels
        self.encoder = encoder
        in_channels = channels = num_features + max_ways
        blocks: list[CausalBlock] = []
        for index, (key_size, value_size) in enumerate(attention):
            if index or first == "convolutions":
                blocks.append(TCBlock(channels, max_examples + 1, filters, literal_dilations=literal_dilations))
                channels = blocks[-1].out_channels
            blocks.append(
                CausalAttention(
                    channels,
                    key_size,
                    value_size,
                    queries_start_as_keys=queries_start_as_keys,
                    key_gain=key_gain,
                    compared=None if blocks or compares_labels else num_features,
                    reads_itself=bool(blocks) or compares_labels,
                )
            )
            channels = blocks[-1].out_channels
        self.blocks = CausalChain(blocks, in_channels)
        self.classify = nn.Linear(channels, max_ways)  # The paper's 1×1 convolution.

    def prior(self, num_tasks: int) -> SNAILState:
        """Nothing read: every slot is as possible as its weights say."""
        none_TN = torch.zeros(num_tasks, self.max_ways, dtype=torch.long, device=self.classify.weight.device)
        return SNAILState(self.blocks.empty(num_tasks), none_TN[:, :0], none_TN)

    def extend(
        self, state: SNAILState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> SNAILState:
        """Read further examples (T, S, *input) with class indices (T, S).

        Raises:
            UserError: if there are then more than the learner was built for.
        """
        is_known_T, max_ways = state.is_present.any(dim=1), self.max_ways
        support_x, support_y, mask = read_support(
            self, support_x, support_y, support_mask, max_ways=max_ways, state=state, is_known_T=is_known_T
        )
        self._refuse_too_many(state.num_examples + num_real(mask, support_y.shape[1]))
        z_TSD = self._embed(support_x)
        if mask is None:
            return self._extend(state, z_TSD, support_y)
        state = state._replace(caches=_told_what_is_real(state.caches))

        def extended(task_B: Tensor, size: int) -> SNAILState:
            return self._extend(select_tasks(state, task_B), z_TSD[task_B, :size], support_y[task_B, :size])

        return adapted_by_size(extended, mask)

    def predict(self, state: SNAILState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input). Each query takes the position after the last example."""
        query_x = read_query(self, state, query_x)
        return self._answer(state, self._embed(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        In training, the classes of each task get random label slots. Support and queries are embedded together, so that
        they share their batch statistics.
        """
        check_tasks(tasks, self.max_ways)
        self._refuse_too_many(tasks.support_y.shape[1])
        if self.training:
            tasks = in_random_slots(tasks, self.max_ways)
        z_TSD, z_TQD = tasks.embedded(self._embed)
        if self.training:
            z_TSD, z_TQD = in_random_channels(z_TSD, z_TQD, self.shuffled_channels)
        state = self._extend(self.prior(len(tasks.support_y)), z_TSD, tasks.support_y)
        return -self._answer(state, z_TQD).log_prob(tasks.query_y).mean()

    def predict_naively(self, support_x: Tensor, support_y: Tensor, query_x: Tensor) -> Categorical:
        """The same prediction as with `adapt` and `predict`, computed in the usual way: each query ends a sequence of
        its own.

        It reads the support again for each of Q queries. Tests and benchmarks compare with it.

        Args:
            support_x: Inputs (T, S, *input).
            support_y: Class indices (T, S).
            query_x: Inputs (T, Q, *input).
        """
        support_x, support_y, _ = read_support(self, support_x, support_y, max_ways=self.max_ways)
        self._refuse_too_many(support_y.shape[1])
        num_tasks, num_queries = query_x.shape[:2]
        repeated_x = support_x[:, None].expand(-1, num_queries, *support_x.shape[1:])
        z_BLD = self._embed(torch.cat([repeated_x, query_x[:, :, None]], dim=2).flatten(0, 1))
        labels_TLN = F.pad(self._slots(support_y, z_BLD), (0, 0, 0, 1))  # The query's label is zero.
        items_BLC = torch.cat([z_BLD, labels_TLN.repeat_interleave(num_queries, dim=0)], dim=-1)
        crowding_TS = crowding(support_y, F.one_hot(support_y, self.max_ways).sum(dim=1))
        crowding_TL = F.pad(crowding_TS, (0, 1), value=1)  # The query itself reads itself as it is.
        read_BLC = self.blocks(items_BLC, crowding_TL.repeat_interleave(num_queries, dim=0))
        logits_TQN = self.classify(read_BLC[:, -1]).unflatten(0, (num_tasks, num_queries))
        return categorical(mask_absent(logits_TQN, labels_TLN.any(dim=1)))

    def _embed(self, x: Tensor) -> Tensor:
        z_TED = self.encoder(x)
        return of_equal_lengths(z_TED) if self.equal_lengths else z_TED

    def _extend(self, state: SNAILState, z_TSD: Tensor, support_y: Tensor) -> SNAILState:
        labels_TSN = self._slots(support_y, z_TSD)
        caches = self.blocks.remember(state.caches, torch.cat([z_TSD, labels_TSN], dim=-1))
        labels_TS = torch.cat([state.labels, support_y.long()], dim=1)
        return SNAILState(caches, labels_TS, state.counts + (labels_TSN > 0).sum(dim=1))

    def _answer(self, state: SNAILState, z_TQD: Tensor) -> Categorical:
        items_TQC = F.pad(z_TQD, (0, self.max_ways))  # The query's label is zero.
        features_TQC = self.blocks.query(state.caches, items_TQC, crowding(state.labels, state.counts))
        with full_precision(features_TQC):
            logits_TQN = self.classify(features_TQC.to(self.classify.weight.dtype))
        knows_nothing_T1 = ~state.is_present.any(dim=1, keepdim=True)
        return categorical(mask_absent(logits_TQN, state.is_present | knows_nothing_T1))

    def _slots(self, support_y: Tensor, like: Tensor) -> Tensor:
        return self.label_scale * F.one_hot(support_y.long(), self.max_ways).to(like.dtype)

    def _refuse_too_many(self, num_examples: Tensor | int) -> None:
        if is_traced():
            return
        num_examples = int(num_examples if isinstance(num_examples, int) else num_examples.max())
        if num_examples > self.max_examples:
            raise UserError(
                f"The support would hold {num_examples} examples of a task, but the learner was built for "
                f"{self.max_examples}. Give fewer shots, or build it with max_examples={num_examples}."
            )


def _told_what_is_real(caches: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        cache._replace(is_real=(which_are_real(cache),)) if isinstance(cache, KeysValues) else cache for cache in caches
    )
