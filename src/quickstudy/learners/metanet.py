"""Meta Networks: gradients of the support are turned into weights, kept in a memory, and mixed anew for each query.

Munkhdalai and Yu, "Meta Networks" (ICML 2017); the numbered steps are those of its Algorithm 1.

What differs from the paper: labels have `max_ways` slots, of which a task uses some; all queries of a task share one
pass over the memory; `sharpness` may be learnt; generators start small. See docs/learners/metanet.md.

Letters: T tasks, S support examples, Q queries, E examples of any kind, G gradients that the LSTM reads, N label
slots, D features, O outputs and I inputs of a layer; C H W images.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import (
    Learner,
    TrainingTasks,
    adapted_by_size,
    categorical,
    check_tasks,
    in_random_slots,
    read_query,
    read_support,
)
from quickstudy.networks.attention import mask_padding
from quickstudy.networks.class_means import crowding, mask_absent
from quickstudy.networks.fast_weights import AugmentedLayers, Branch, for_whole_tasks, mixed
from quickstudy.networks.loss_gradients import contrast, cross_entropy_gradient, partners
from quickstudy.networks.weight_generators import CoordinateLSTM, CoordinateMLP

Variant = Literal["metanet", "metanet-", "metanet+"]

_FIRST_WEIGHTS = 0.1  # The paper's: uniform between plus and minus this.


class MetaNetState(NamedTuple):
    """What the support's gradients were turned into."""

    memory: tuple[Tensor, ...]
    """M, the base learner's fast weights W*: (T, S, O, I) of each augmented layer."""
    keys: Tensor
    """(T, S, D), R."""
    crowding: Tensor
    """(T, S): how many examples the class of each has, over the mean of the classes."""
    embedding_weights: tuple[Tensor, ...]
    """Q*, the embedding's fast weights: (T, O, I) of each augmented layer; none in MetaNet−."""
    base_weights: tuple[Tensor, ...]
    """The base learner's fast weights for the whole task, of MetaNet+ alone."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the label."""
    is_real: tuple[Tensor, ...] = ()
    """(T, S) booleans: there is such an example. None if all tasks have as many."""


class MetaNet(Learner):
    """Finds the support examples that are similar to a query, and classifies it with the fast weights they produced.

    Embedding u and base learner b have lower layers (the encoders), a convolution and a layer above; b also has a
    softmax layer. Fast weights augment these upper layers.

    Args:
        encoder: Maps inputs (..., *input) to maps (..., C H W): the lower layers of u, and of b unless it has its own.
        map_shape: Shape of these maps.
        base_encoder: The lower layers of b, as in the paper; None shares those of u.
        max_ways: Label slots.
        num_features: Units of the layer below the softmax layer.
        variant: metanet- has no fast weights in the embedding; metanet+ has more in the base learner.
        num_gradients: Number of support examples, the first ones, whose gradients make the embedding's fast weights; so
            the order of the support matters. None reads all.
        sharpness: First factor of the cosines, which is then learned; None keeps the paper's, one.
        generator_for: One generator of fast weights for all layers, or one for each layer.
        second_order: Differentiate the gradients that the generators read, too.
        cells: Resolution of `CoordinateMLP`.
        code_range: Bound of the first codes of the classes, which are then uniform as in the paper; None draws them
            from a normal distribution, which keeps them further apart.
    """

    order_matters = True
    labels_are_slots = True

    def __init__(
        self,
        encoder: nn.Module,
        map_shape: tuple[int, int, int],
        *,
        base_encoder: nn.Module | None = None,
        max_ways: int = 5,
        num_features: int = 64,
        variant: Variant = "metanet",
        num_gradients: int | None = None,
        sharpness: float | None = None,
        generator_for: Literal["all layers", "each layer"] = "all layers",
        second_order: bool = False,
        cells: int | None = 256,
        code_range: float | None = None,
    ) -> None:
        super().__init__()
        if variant not in ("metanet", "metanet-", "metanet+"):
            raise ValueError(f"variant is {variant!r}, but metanet, metanet- or metanet+ was expected.")
        self.map_shape, self.max_ways, self.num_gradients = map_shape, max_ways, num_gradients
        self.second_order = second_order
        self.encoder, self.base_encoder = encoder, base_encoder
        self.embedding = AugmentedLayers(map_shape, [num_features])  # u
        self.base = AugmentedLayers(map_shape, [num_features, max_ways])  # b
        for parameter in (*self.embedding.parameters(), *self.base.parameters()):
            nn.init.uniform_(parameter, -_FIRST_WEIGHTS, _FIRST_WEIGHTS)
        # Only the gradients of the embedding's loss pass through its own softmax layer, so nothing of first order
        # would train it.
        self.codes = nn.Parameter(torch.randn(max_ways, num_features), requires_grad=second_order)
        if code_range is not None:
            nn.init.uniform_(self.codes, -code_range, code_range)
        self.make_examples = _Generators(lambda: CoordinateMLP(cells), 3, generator_for)  # m, Z
        self.make_embedding = _Generators(CoordinateLSTM, 2, generator_for) if variant != "metanet-" else None  # d, G
        self.make_base = _Generators(CoordinateLSTM, 3, generator_for) if variant == "metanet+" else None
        self.log_sharpness = None if sharpness is None else nn.Parameter(torch.tensor(math.log(sharpness)))

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> MetaNetState:
        """Fast weights and keys of the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask, max_ways=self.max_ways)
        lower_TSD, y = self._encode(support_x), support_y
        if mask is None:
            return self._learn(lower_TSD, y)
        state = adapted_by_size(lambda task_B, size: self._learn(lower_TSD[task_B, :size], y[task_B, :size]), mask)
        return state._replace(is_real=(mask.flip(1),))  # What is missing comes first there.

    def predict(self, state: MetaNetState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self._answer(state, self._encode(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries (step 19).

        In training every task's classes are thrown at random into the label slots. Support and queries are encoded
        together, so that they share their batch statistics, if the encoder has any.
        """
        check_tasks(tasks, self.max_ways)
        if self.training:
            tasks = in_random_slots(tasks, self.max_ways)
        support_TSD, query_TQD = tasks.embedded(self._encode)
        state = self._learn(support_TSD, tasks.support_y.long())
        return -self._answer(state, query_TQD).log_prob(tasks.query_y).mean()

    def _encode(self, x: Tensor) -> Tensor:
        """What the lower layers make of inputs, for u and for b side by side."""
        lower = self.encoder(x)
        return lower if self.base_encoder is None else torch.cat([lower, self.base_encoder(x)], dim=-1)

    def _maps(self, lower: Tensor) -> tuple[Tensor, Tensor]:
        parts = (lower, lower) if self.base_encoder is None else lower.chunk(2, dim=-1)
        of_embedding, of_base = (part.unflatten(-1, self.map_shape) for part in parts)
        return of_embedding, of_base

    def _learn(self, lower_TSD: Tensor, labels_TS: Tensor) -> MetaNetState:
        embedding_maps, base_maps = self._maps(lower_TSD)
        is_present = F.one_hot(labels_TS, self.max_ways).any(dim=1)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.second_order):
            embedding_gradients = self._embedding_gradients(embedding_maps, labels_TS, is_present)  # steps 2 and 3
            base_gradients = self._base_gradients(base_maps, labels_TS, is_present)  # steps 7 and 8
        first = slice(self.num_gradients)
        made = self.make_embedding
        embedding_weights = () if made is None else made(embedding_gradients)  # step 5
        plus = self.make_base
        return MetaNetState(
            memory=self.make_examples(base_gradients),  # steps 9 and 10
            keys=self.embedding(embedding_maps, *_task_branch(embedding_weights)),  # steps 11 and 12
            crowding=crowding(labels_TS, F.one_hot(labels_TS, self.max_ways).sum(dim=1)),
            embedding_weights=embedding_weights,
            base_weights=() if plus is None else plus([gradients[:, first] for gradients in base_gradients]),
            is_present=is_present,
        )

    def _answer(self, state: MetaNetState, lower_TQD: Tensor) -> Categorical:
        embedding_maps, base_maps = self._maps(lower_TQD)
        r_TQD = self.embedding(embedding_maps, *_task_branch(state.embedding_weights))  # step 15
        attention_TQS = self._attention(state.keys, r_TQD, state.crowding, state.is_real)  # step 16
        branches = mixed(state.memory, attention_TQS), *_task_branch(state.base_weights)  # step 17
        logits_TQN = self.base(base_maps, *branches)  # step 18
        wide = torch.promote_types(logits_TQN.dtype, torch.float32)
        return categorical(mask_absent(logits_TQN.to(wide), state.is_present))

    def _attention(
        self, keys_TSD: Tensor, r_TQD: Tensor, crowding_TS: Tensor | None = None, is_real: tuple[Tensor, ...] = ()
    ) -> Tensor:
        cosines_TQS = F.normalize(r_TQD, dim=-1) @ F.normalize(keys_TSD, dim=-1).transpose(1, 2)
        sharpness = 1.0 if self.log_sharpness is None else self.log_sharpness.exp()
        logits_TQS = sharpness * cosines_TQS
        if crowding_TS is not None:  # Less the logarithm: no class is read more because it has more examples.
            logits_TQS = logits_TQS - crowding_TS.log()[:, None]
        return mask_padding(logits_TQS, is_real).softmax(dim=-1)

    def _base_gradients(self, maps: Tensor, labels_TS: Tensor, is_present_TN: Tensor) -> list[Tensor]:
        """Of each example's cross-entropy, for the slow weights W of b."""
        return self.base.gradients(maps, lambda logits: cross_entropy_gradient(logits, labels_TS, is_present_TN))

    def _embedding_gradients(self, maps: Tensor, labels_TS: Tensor, is_present_TN: Tensor) -> list[Tensor]:
        """For the slow weights Q of u, (T, G, O, I): of cross-entropies, or of pairs where classes have more shots."""
        if self.make_embedding is None:
            return []
        labels_TG = labels_TS[:, : self.num_gradients]
        partner_TG = partners(labels_TS, labels_TG.shape[1])
        is_same_TG = labels_TG == labels_TS.gather(1, partner_TG)
        has_shots_T = F.one_hot(labels_TS, self.max_ways).sum(dim=1).amax(dim=1) > 1
        partner_maps = maps[torch.arange(len(maps), device=maps.device)[:, None], partner_TG]

        def loss_gradient(r_TED: Tensor) -> Tensor:
            one_TGD, other_TGD = r_TED.chunk(2, dim=1)
            pulled_TGD = contrast(one_TGD - other_TGD, is_same_TG)
            told_TGD = cross_entropy_gradient(one_TGD @ self.codes.T, labels_TG, is_present_TN) @ self.codes
            of_one = torch.where(has_shots_T[:, None, None], pulled_TGD, told_TGD.to(pulled_TGD.dtype))
            return torch.cat([of_one, -pulled_TGD * has_shots_T[:, None, None]], dim=1)

        both_maps = torch.cat([maps[:, : labels_TG.shape[1]], partner_maps], dim=1)
        each = self.embedding.gradients(both_maps, loss_gradient)
        return [gradients.unflatten(1, (2, -1)).sum(dim=1) for gradients in each]


class _Generators(nn.Module):
    """Makes the fast weights of several layers, with one generator or with one for each of them."""

    def __init__(
        self, build: Callable[[], nn.Module], count: int, generator_for: Literal["all layers", "each layer"]
    ) -> None:
        super().__init__()
        self.each = nn.ModuleList(build() for _ in range(count if generator_for == "each layer" else 1))

    def forward(self, gradients: list[Tensor]) -> tuple[Tensor, ...]:
        generators = self.each if len(self.each) > 1 else [self.each[0]] * len(gradients)
        return tuple(generator(each) for generator, each in zip(generators, gradients, strict=True))


def _task_branch(weights: tuple[Tensor, ...]) -> tuple[Branch, ...]:
    return (for_whole_tasks(weights),) if weights else ()
