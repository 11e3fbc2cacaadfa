"""In-context transformer over features: it reads how well simple kernels name the examples, and weighs them so.

Wolpert, "Stacked Generalization" (1992), for the aim: predictions of simple classifiers, made for examples that they
did not read, are the inputs of another one. Here that one is a transformer, trained on many tasks as in Müller et al.,
"Transformers Can Do Bayesian Inference" (ICLR 2022), which reads the examples as its context.

The order of examples, of features and of classes changes nothing, exactly, nor do a shift of the features and a scale
of all of them. Any number of features, ways and shots.

Letters: T tasks, S support examples, Q queries, I items, N ways, D features, M pieces of evidence, C channels.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import Learner, TrainingTasks, UserError, categorical, count_ways, read_query, read_support
from quickstudy.networks.attention import KeysValues, TransformerBlock
from quickstudy.networks.class_means import class_means, mask_absent, members
from quickstudy.networks.kernel_evidence import NUM_EVIDENCE, KernelExamples, evidence, read_examples

_FIRST_WEIGHT = -0.7
"""Of each piece of evidence, before the softplus: 0.4."""
_NUM_SIZES = 5
"""Numbers that describe a class of a task: logarithms of its examples, of all, of ways and of features, and whether
the class has more than one example."""


class KernelTransformerState(NamedTuple):
    """What the evidence needs of the support, and the support as each layer reads it."""

    examples: KernelExamples
    """Views, kernels' weights and class means."""
    sizes: Tensor
    """(T, N, 5): what is known of each class before its examples are compared."""
    classes: Tensor
    """(T, N, C): the mean of the items of each class."""
    weights: Tensor
    """(T, M): how much each piece of evidence counts."""
    layers: tuple[KeysValues, ...]
    """Of each layer: keys and values (T, heads, S, C / heads)."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class KernelTransformer(Learner):
    """Examples, described by the evidence for their classes without themselves, attend to each other. A candidate, one
    class for one query, reads them layer by layer.

    Args:
        channels: Channels of a token.
        num_blocks: Layers.
        num_heads: Heads of each attention.
        hidden: Width between the two layers of a block's perceptron.
    """

    max_examples = 400
    """Examples whose kernels fit in memory and time; the estimators split larger tasks."""

    def __init__(self, *, channels: int = 64, num_blocks: int = 2, num_heads: int = 4, hidden: int = 128) -> None:
        super().__init__()
        self.token = nn.Sequential(
            nn.Linear(NUM_EVIDENCE + _NUM_SIZES, channels), nn.GELU(), nn.Linear(channels, channels)
        )
        self.item = nn.Linear(2 * channels, channels)
        self.of_class = nn.Linear(channels, channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, num_heads, hidden) for _ in range(num_blocks))
        self.rivals = nn.ModuleList(nn.Linear(channels, channels) for _ in range(num_blocks))
        weigh, score = nn.Linear(channels, NUM_EVIDENCE), nn.Linear(channels, 1)
        self.weigh = nn.Sequential(nn.LayerNorm(channels), weigh)
        self.score = nn.Sequential(nn.LayerNorm(channels), score)
        # It starts as nearly the same sum of all evidence for every task.
        with torch.no_grad():
            for layer, bias in ((weigh, _FIRST_WEIGHT), (score, 0.0)):
                layer.weight.mul_(0.1)
                layer.bias.fill_(bias)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> KernelTransformerState:
        """Read the examples (T, S, *input) with class indices (T, S).

        Args:
            support_x: features (T, S, *input).
            support_y: class indices (T, S).
            support_mask: (T, S), True where an example is real.
        """
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        num_ways = count_ways(support_y)
        examples, evidence_TSNM = read_examples(support_x.flatten(2), support_y, num_ways, mask)
        is_of_TSN = members(support_y, num_ways, mask)
        sizes_TN5 = _sizes(is_of_TSN, support_x.shape[2:].numel()).to(support_x.dtype)
        x_TSC = self._items(self._tokens(evidence_TSNM, sizes_TN5), is_of_TSN)
        layers = [self._blocks[0].remember(x_TSC, mask)]
        for block, following in pairwise(self._blocks):
            x_TSC = block(x_TSC, layers[-1])
            layers.append(following.remember(x_TSC, mask))
        classes_TNC, is_present_TN = class_means(x_TSC, support_y, num_ways, mask)
        share_TN1 = (is_present_TN / is_present_TN.sum(dim=1, keepdim=True))[..., None].to(x_TSC.dtype)
        weights_TM = F.softplus(self.weigh((classes_TNC * share_TN1).sum(dim=1)))
        return KernelTransformerState(examples, sizes_TN5, classes_TNC, weights_TM, tuple(layers), is_present_TN)

    def predict(self, state: KernelTransformerState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input).

        Args:
            state: what `adapt` returned for T tasks.
            query_x: features (T, Q, *input).
        """
        query_x = read_query(self, state, query_x)
        if query_x.shape[2:].numel() != state.examples.middle.shape[1]:
            raise UserError(
                f"An example of query_x has shape {tuple(query_x.shape[2:])}, but the examples had "
                f"{state.examples.middle.shape[1]} numbers each. Give queries the same features."
            )
        evidence_TQNM = evidence(state.examples, query_x.flatten(2))
        x_TQNC = self._tokens(evidence_TQNM, state.sizes) + self.of_class(state.classes)[:, None]
        share_TN1 = (state.is_present / state.is_present.sum(dim=1, keepdim=True))[:, :, None].to(x_TQNC.dtype)
        for block, rivals, seen in zip(self._blocks, self.rivals, state.layers, strict=True):
            x_TQNC = block(x_TQNC.flatten(1, 2), seen).unflatten(1, x_TQNC.shape[1:3])
            x_TQNC = x_TQNC - rivals((x_TQNC * share_TN1[:, None]).sum(dim=2, keepdim=True))
        weighed_TQN = (evidence_TQNM * state.weights[:, None, None]).sum(dim=-1)
        return categorical(mask_absent(weighed_TQN + self.score(x_TQNC).squeeze(-1), state.is_present))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        Args:
            tasks: the tasks of a step.
        """
        return super().meta_loss(tasks)

    @property
    def _blocks(self) -> list[TransformerBlock]:
        return list(self.blocks)  # type: ignore[arg-type]

    def _tokens(self, evidence_TINM: Tensor, sizes_TN5: Tensor) -> Tensor:
        """A token (T, I, N, C) for each item and class."""
        sizes_TIN5 = sizes_TN5[:, None].expand(*evidence_TINM.shape[:3], -1)
        tokens: Tensor = self.token(torch.cat([evidence_TINM, sizes_TIN5], dim=-1))
        return tokens

    def _items(self, tokens_TSNC: Tensor, is_of_TSN: Tensor) -> Tensor:
        """Of each example the token of its own class, and the mean of the tokens of all classes of its task."""
        is_of_TSN1 = is_of_TSN[..., None].to(tokens_TSNC.dtype)
        own_TSC = (tokens_TSNC * is_of_TSN1).sum(dim=2)
        is_present_T1N1 = is_of_TSN1.amax(dim=1, keepdim=True)
        mean_TSC = (tokens_TSNC * is_present_T1N1).sum(dim=2) / is_present_T1N1.sum(dim=2)
        items: Tensor = self.item(torch.cat([own_TSC, mean_TSC], dim=-1))
        return items


def _sizes(is_of_TSN: Tensor, num_features: int) -> Tensor:
    """What is known of each class (T, N, 5) before its examples are compared."""
    count_TN = is_of_TSN.sum(dim=1)
    present_T1 = (count_TN > 0).sum(dim=1, keepdim=True)
    logarithms = [count_TN.clamp(min=1).log()]
    logarithms += [each.log().expand_as(count_TN) for each in (count_TN.sum(dim=1, keepdim=True), present_T1)]
    logarithms.append(torch.full_like(logarithms[0], math.log(num_features)))
    return torch.stack([*logarithms, (count_TN > 1).to(logarithms[0])], dim=-1)
