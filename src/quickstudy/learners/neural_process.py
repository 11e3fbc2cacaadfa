"""Neural Process: one latent variable stands for the whole function, so its values at all places hang together.

Garnelo et al., "Neural Processes" (ICML 2018 workshop on theoretical foundations and applications of deep generative
models), section 2; the optional deterministic path and the bound that training raises are those of Kim et al.,
"Attentive Neural Processes" (ICLR 2019), section 2 and eq. 3. `objective="likelihood"` is that of Foong et al.,
"Meta-Learning Stationary Stochastic Process Prediction with Convolutional Neural Processes" (NeurIPS 2020).
Our support is their context, our queries are their targets.

What differs: a prediction mixes a fixed set of draws, the same for all tasks and queries and kept with the weights,
so that the same question has the same answer.

Letters: T tasks, S support points, Q queries, D numbers of an input, Y of a value, R of the points' summary, Z of the
latent variable, L draws of it, F functions, P numbers of a point, H of a layer.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, MixtureSameFamily, Normal, kl_divergence

from quickstudy.core import (
    OnlineLearner,
    TrainingTasks,
    UserError,
    categorical,
    mixture,
    num_real,
    read_query,
    read_values,
    without_padding,
)
from quickstudy.networks.value_head import Likelihood, ValueHead, perceptron

Objective = Literal["elbo", "likelihood"]


class NeuralProcessState(NamedTuple):
    """The points' summaries, as sums, so that further points can be added."""

    total: Tensor
    """(T, R): the sum of the r_i, of which the latent variable's distribution is made."""
    direct: Tensor
    """(T, R): that of the deterministic path, which the decoder reads as it is; without such a path (T, 0)."""
    num_examples: Tensor
    """(T,): how many points they were."""


class NeuralProcess(OnlineLearner):
    """Reads points of a function and gives a distribution over whole functions: q(z | points), and a decoder g(z, x).

    `predict` is a mixture over samples of z; `sample_functions` samples whole functions. The cost is that of the
    support plus samples times queries. The support may be empty; then the summary is zero.

    Args:
        num_inputs: Numbers of a place.
        num_outputs: Numbers of a value.
        hidden: Width of all layers.
        latent: Dimensions of z.
        encoder_layers: Layers of the encoder.
        decoder_layers: Layers of the decoder.
        has_direct_path: Let the decoder read a mean of the points beside z.
        objective: Maximise the evidence lower bound of the queries' values (elbo), or an estimate of their likelihood
            from samples that depend on the support alone (likelihood).
        training_samples: Samples of z for each task in training.
        num_samples: Samples of z in a prediction.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.

    Raises:
        ValueError: if there is no such objective, or the decoder has fewer than two layers.
        UserError: if there are too few samples; the likelihood needs at least two in training.
    """

    draws: Tensor
    """(L, Z): standard normal, always the same."""

    def __init__(
        self,
        num_inputs: int = 1,
        num_outputs: int = 1,
        *,
        hidden: int = 128,
        latent: int = 128,
        encoder_layers: int = 4,
        decoder_layers: int = 3,
        has_direct_path: bool = False,
        objective: Objective = "elbo",
        training_samples: int = 1,
        num_samples: int = 32,
        likelihood: Likelihood = "normal",
        floor: float = 0.1,
    ) -> None:
        super().__init__()
        if objective not in ("elbo", "likelihood"):
            raise ValueError(f"objective is {objective!r}, but elbo or likelihood was expected.")
        least = 1 if objective == "elbo" else 2  # One draw's likelihood would teach the latent variable to be sure.
        if training_samples < least or num_samples < 1:
            raise UserError(
                f"training_samples is {training_samples} and num_samples {num_samples}, but at least {least} draws "
                f"were expected in training for the objective {objective}, and one in a prediction. Give more."
            )
        if decoder_layers < 2:
            raise ValueError(f"decoder_layers is {decoder_layers}, but at least 2 were expected.")
        self.sizes, self.hidden, self.latent = (num_inputs, num_outputs), hidden, latent
        self.objective, self.training_samples = objective, training_samples
        self.head = ValueHead(num_outputs, likelihood, floor)
        point = num_inputs + num_outputs, *[hidden] * encoder_layers
        self.encoder = perceptron(*point)  # h
        self.direct_encoder = perceptron(*point) if has_direct_path else None
        self.to_latent = perceptron(hidden, hidden, 2 * latent)
        # g; its first layer in two parts, that what is known is multiplied once a draw, and not for every query.
        self.read_known = nn.Linear(latent + (hidden if has_direct_path else 0), hidden)
        self.read_place = nn.Linear(num_inputs, hidden, bias=False)
        self.decoder = perceptron(*[hidden] * (decoder_layers - 1), self.head.num_inputs)
        fixed = torch.Generator().manual_seed(0)
        self.register_buffer("draws", torch.randn(num_samples, latent, generator=fixed))

    def prior(self, num_tasks: int) -> NeuralProcessState:
        """The state without points."""
        zeros_TR = self.draws.new_zeros(num_tasks, self.hidden)
        direct_TR = zeros_TR[:, :0] if self.direct_encoder is None else zeros_TR
        return NeuralProcessState(zeros_TR, direct_TR, self.draws.new_zeros(num_tasks))

    def extend(
        self, state: NeuralProcessState, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None
    ) -> NeuralProcessState:
        """Add points (T, S, D) with values (T, S, Y)."""
        support_x, support_y, mask = read_values(
            self, support_x, support_y, support_mask, sizes=self.sizes, state=state
        )
        points_TSP = torch.cat([support_x, support_y], dim=-1)
        total_TR = state.total + without_padding(self.encoder(points_TSP), mask).sum(dim=1)
        direct_TR = state.direct
        if self.direct_encoder is not None:
            direct_TR = direct_TR + without_padding(self.direct_encoder(points_TSP), mask).sum(dim=1)
        return NeuralProcessState(total_TR, direct_TR, state.num_examples + num_real(mask, support_x.shape[1]))

    def belief(self, state: NeuralProcessState) -> Normal:
        """q(z | points), a normal for each number of z, (T, Z). Its standard deviation is between 0.1 and 1.

        Args:
            state: State of T tasks.
        """
        return self._latent(_mean(state.total, state))

    def predict(self, state: NeuralProcessState, query_x: Tensor) -> MixtureSameFamily:
        """Values at the queries (T, Q, D): a mixture, with equal weights, of the predictions for each draw of z."""
        query_x = read_query(self, state, query_x, self.sizes[:1])
        said = self.head(self._decoded(state, _placed(self.belief(state), self.draws), query_x))
        alike_TQL = query_x.new_zeros(said.batch_shape)
        return mixture(categorical(alike_TQL), said)

    def sample_functions(
        self, state: NeuralProcessState, query_x: Tensor, generator: torch.Generator, num_functions: int = 1
    ) -> Tensor:
        """Means of sampled functions, (T, F, Q, Y). All places of a function share one draw of z.

        Args:
            state: State of T tasks.
            query_x: Places (T, Q, D).
            generator: Source of randomness.
            num_functions: Functions F for each task.
        """
        query_x = read_query(self, state, query_x, self.sizes[:1])
        shape = len(query_x), num_functions, self.latent
        normal_TFZ = torch.randn(shape, generator=generator, device=generator.device).to(state.total)
        said: Distribution = self.head(self._decoded(state, _placed(self.belief(state), normal_TFZ), query_x))
        return said.mean.transpose(1, 2)

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the bound, or minus the log-likelihood, of the queries' values, divided by their number; the mean over
        tasks.

        The posterior is q(z | queries), of the queries alone. In the papers, the queries of training tasks contain the
        support's points too; it is a bound whether or not they do. In eval mode, z comes from the fixed draws.
        """
        tasks = tasks.gathered()
        state = self.adapt(tasks.support_x, tasks.support_y)
        prior = posterior = self.belief(state)
        if self.objective == "elbo":
            query_x, query_y, _ = read_values(self, tasks.query_x, tasks.query_y, sizes=self.sizes, part="query")
            posterior = self._latent(self.encoder(torch.cat([query_x, query_y], dim=-1)).mean(dim=1))
        z_TLZ = _placed(posterior, self._standard_normal(len(tasks.query_x)))
        said = self.head(self._decoded(state, z_TLZ, tasks.query_x))
        each_TQLY = tasks.query_y[:, :, None].expand(-1, -1, z_TLZ.shape[1], -1)
        likelihood_TL = said.log_prob(each_TQLY).sum(dim=1)  # Of all of a task's values together.
        if self.objective == "elbo":
            raised_T = likelihood_TL.mean(dim=1) - kl_divergence(posterior, prior).sum(dim=1)
        else:
            raised_T = likelihood_TL.logsumexp(dim=1) - math.log(likelihood_TL.shape[1])
        return -raised_T.mean() / tasks.query_x.shape[1]

    def _latent(self, r_TR: Tensor) -> Normal:
        mean_TZ, spread_TZ = self.to_latent(r_TR).chunk(2, dim=-1)
        return Normal(mean_TZ, 0.1 + 0.9 * spread_TZ.sigmoid())

    def _standard_normal(self, num_tasks: int) -> Tensor:
        if not self.training:
            return self.draws
        shape = num_tasks, self.training_samples, self.latent
        return torch.randn(shape, device=self.draws.device, dtype=self.draws.dtype)

    def _decoded(self, state: NeuralProcessState, z_TLZ: Tensor, query_x: Tensor) -> Tensor:
        """The head's numbers (T, Q, L, ...), for every query and draw."""
        direct_TLR = _mean(state.direct, state)[:, None].expand(-1, z_TLZ.shape[1], -1)
        known_TLH = self.read_known(torch.cat([z_TLZ, direct_TLR], dim=-1))
        numbers: Tensor = self.decoder((known_TLH[:, None] + self.read_place(query_x)[:, :, None]).relu())
        return numbers


def _mean(total_TR: Tensor, state: NeuralProcessState) -> Tensor:
    return total_TR / state.num_examples.clamp(min=1)[:, None]


def _placed(belief: Normal, normal_LZ: Tensor) -> Tensor:
    """Draws of z (T, L, Z) from standard normal ones (L, Z), or (T, L, Z) of each task: z = μ + σ ε."""
    z_TLZ: Tensor = belief.mean[:, None] + belief.stddev[:, None] * normal_LZ
    return z_TLZ
