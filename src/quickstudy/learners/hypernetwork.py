"""A hypernetwork as a few-shot learner: it reads the support and generates the weights of a small classifier.

Ha, Dai and Le, "HyperNetworks" (ICLR 2017), for networks that generate weights of networks; the initialisation is that
of Chang, Flokas and Lipson, "Principled Weight Initialization for Hypernetworks" (ICLR 2020). Neither paper learns from
few examples: how the support becomes an embedding, and a class a row of weights, is our own arrangement, close to that
of Gidaris and Komodakis, "Dynamic Few-Shot Visual Learning without Forgetting" (CVPR 2018).

The classifier is a perceptron of two layers over the features of an image. Its first layer is generated from an
embedding of the whole task. Its second has a row for each class, generated from the mean of the class. So there are no
label slots: relabelling the classes relabels the answers, and the order of the support does not matter.

Letters: T tasks, S support examples, Q queries, N ways, D features, H hidden units, E numbers of an embedding.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import Learner, TrainingTasks, categorical, check_tasks, count_ways, read_query, read_support
from quickstudy.networks import class_means, mask_absent
from quickstudy.networks.attention import full_precision
from quickstudy.networks.weight_generation import GeneratedLinear, Initialisation, generated_linear


class HypernetworkState(NamedTuple):
    """The weights of each task's classifier."""

    hidden_weights: Tensor
    """(T, H, D), of the first layer."""
    hidden_shifts: Tensor
    """(T, H)."""
    class_weights: Tensor
    """(T, N, H), of the second layer: one row for each class."""
    class_shifts: Tensor
    """(T, N)."""
    is_present: Tensor
    """(T, N) booleans: the task has examples of the class."""


class Hypernetwork(Learner):
    """Generates a classifier from the support, and answers with it. Any number of ways and shots.

    Features are scaled to mean zero and variance one, and embeddings too, as the initialisation expects. Batch
    normalisation of the encoder uses running statistics in eval mode.

    Args:
        encoder: Maps inputs (..., *input) to features (..., D).
        num_features: Numbers that the encoder gives.
        hidden: Units of the generated classifier.
        embedding: Numbers of the embedding of a task, and of a class.
        width: Units of the networks that embed tasks and classes.
        initialisation: "hyperfan" gives the classifier's outputs a variance of one from the start; "usual" initialises
            the generators as any other linear layer.

    Raises:
        ValueError: if there is no such initialisation.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_features: int,
        *,
        hidden: int = 128,
        embedding: int = 64,
        width: int = 256,
        initialisation: Initialisation = "hyperfan",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.of_task = _perceptron(num_features, width, embedding)
        self.of_class = _perceptron(num_features, width, embedding)
        self.first = GeneratedLinear(embedding, num_features, hidden, initialisation=initialisation)
        self.row = GeneratedLinear(embedding, hidden, 1, follows_relu=True, initialisation=initialisation)

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> HypernetworkState:
        """The classifier for the examples (T, S, *input) with class indices (T, S)."""
        support_x, support_y, mask = read_support(self, support_x, support_y, support_mask)
        return self._generate(self.encoder(support_x), support_y, mask)

    def predict(self, state: HypernetworkState, query_x: Tensor) -> Categorical:
        """Classes of the queries (T, Q, *input)."""
        query_x = read_query(self, state, query_x)
        return self._classify(state, self.encoder(query_x))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries.

        Support and queries are embedded together, so that they share their batch statistics.
        """
        check_tasks(tasks)
        z_TSD, z_TQD = tasks.embedded(self.encoder)
        state = self._generate(z_TSD, tasks.support_y)
        return -self._classify(state, z_TQD).log_prob(tasks.query_y).mean()

    def _generate(self, z_TSD: Tensor, support_y: Tensor, mask_TS: Tensor | None = None) -> HypernetworkState:
        with full_precision(z_TSD):
            means_TND, is_present = class_means(self._scaled(z_TSD), support_y, count_ways(support_y), mask_TS)
            share_TN1 = (is_present / is_present.sum(dim=1, keepdim=True)).to(means_TND.dtype)[..., None]
            task_TE = _scaled((self.of_task(means_TND) * share_TN1).sum(dim=1))
            hidden_weights, hidden_shifts = self.first(task_TE)
            rows_TN1H, shifts_TN1 = self.row(_scaled(self.of_class(means_TND)))
        return HypernetworkState(hidden_weights, hidden_shifts, rows_TN1H.squeeze(2), shifts_TN1.squeeze(2), is_present)

    def _classify(self, state: HypernetworkState, z_TQD: Tensor) -> Categorical:
        with full_precision(z_TQD):
            hidden_TQH = generated_linear(self._scaled(z_TQD), state.hidden_weights, state.hidden_shifts).relu()
            logits_TQN = generated_linear(hidden_TQH, state.class_weights, state.class_shifts)
        return categorical(mask_absent(logits_TQN, state.is_present))

    def _scaled(self, z: Tensor) -> Tensor:
        return _scaled(z.to(self.first.weights.weight.dtype))


def _scaled(z: Tensor) -> Tensor:
    """Mean zero and variance one of each vector (..., D)."""
    return F.layer_norm(z, z.shape[-1:])


def _perceptron(num_inputs: int, width: int, num_outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(num_inputs, width), nn.ReLU(), nn.Linear(width, num_outputs))
