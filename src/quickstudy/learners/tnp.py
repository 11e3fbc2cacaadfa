"""Transformer Neural Process: points and queries are tokens, layer by layer.

Nguyen and Grover, "Transformer Neural Processes: Uncertainty-Aware Meta Learning Via Sequence Modeling" (ICML 2022).
TNP-D answers every query by itself; TNP-A answers them in turn, each knowing the values of those before.

What differs: all tokens also read a learnt token that stands for nothing, so that an empty support has a prediction.
TNP-A predicts in turn in `predict_in_turn`; its `predict` predicts each query as if it were the first.

Letters: T tasks, S support points, Q queries, D numbers of an input, Y of a value, C channels, P tokens.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from quickstudy.core import Learner, TrainingTasks, UserError, read_query, read_values
from quickstudy.networks.attention import KeysValues, TransformerBlock, joined
from quickstudy.networks.value_head import Likelihood, ValueHead, perceptron


class TNPState(NamedTuple):
    """The support as each layer reads it."""

    layers: tuple[KeysValues, ...]
    """Of each layer: keys and values (T, heads, 1 + S, C / heads), the token of nothing first."""


class TNP(Learner):
    """Points attend to each other, and queries to the points. Keys are cached, so a query reads S + 1 keys in each
    layer.

    Args:
        num_inputs: Numbers of a place.
        num_outputs: Numbers of a value.
        channels: Channels of a token.
        num_blocks: Layers.
        num_heads: Heads of each attention.
        hidden: Width between the two layers of a block's perceptron.
        is_autoregressive: Train to predict points one after another (TNP-A), with two tokens for each query.
        likelihood: Distribution of a value: normal, or the probability of ink.
        floor: Smallest standard deviation of a normal prediction; see `ValueHead`.
    """

    def __init__(
        self,
        num_inputs: int = 1,
        num_outputs: int = 1,
        *,
        channels: int = 128,
        num_blocks: int = 6,
        num_heads: int = 4,
        hidden: int = 256,
        is_autoregressive: bool = False,
        likelihood: Likelihood = "normal",
        floor: float = 0.0,
    ) -> None:
        super().__init__()
        self.sizes, self.is_autoregressive = (num_inputs, num_outputs), is_autoregressive
        self.head = ValueHead(num_outputs, likelihood, floor)
        self.token = perceptron(num_inputs + num_outputs + 1, channels, channels)
        self.nothing = nn.Parameter(0.1 * torch.randn(channels))
        self.blocks = nn.ModuleList(TransformerBlock(channels, num_heads, hidden) for _ in range(num_blocks))
        self.decoder = nn.Sequential(nn.LayerNorm(channels), perceptron(channels, channels, self.head.num_inputs))

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> TNPState:
        """Keys and values, in each layer, of the points (T, S, D) with values (T, S, Y)."""
        support_x, support_y, mask = read_values(self, support_x, support_y, support_mask, sizes=self.sizes)
        nothing_T1C = self.nothing.expand(support_x.shape[0], 1, -1)
        x_TPC = torch.cat([nothing_T1C, self._seen(support_x, support_y)], dim=1)
        is_real_TP = None if mask is None else F.pad(mask, (1, 0), value=True)
        layers = [self._blocks[0].remember(x_TPC, is_real_TP)]
        for block, following in pairwise(self._blocks):
            x_TPC = block(x_TPC, layers[-1])
            layers.append(following.remember(x_TPC, is_real_TP))
        return TNPState(tuple(layers))

    def predict(self, state: TNPState, query_x: Tensor) -> Distribution:
        """Values at the queries (T, Q, D), each without the others."""
        query_x = read_query(self, state, query_x, self.sizes[:1])
        x_TQC = self._asked(query_x)
        for block, seen in zip(self._blocks, state.layers, strict=True):
            x_TQC = block(x_TQC, seen)
        return self.head(self.decoder(x_TQC))

    def predict_in_turn(self, state: TNPState, query_x: Tensor, query_y: Tensor) -> Distribution:
        """Values at the queries, each predicted with the values of those before it: TNP-A of section 3.2.

        The sum of the log-likelihoods is the joint log-likelihood of all values in this order. Each query is two
        tokens: one with its value, which later queries read, and one without.

        Args:
            state: State of T tasks.
            query_x: Places (T, Q, D).
            query_y: Their values (T, Q, Y).
        """
        query_x, query_y, _ = read_values(self, query_x, query_y, sizes=self.sizes, part="query")
        read_query(self, state, query_x, self.sizes[:1])
        told_TQC, asked_TQC = self._seen(query_x, query_y), self._asked(query_x)
        not_later_QQ = torch.ones(query_x.shape[1], query_x.shape[1], dtype=torch.bool, device=query_x.device).tril()
        for block, support in zip(self._blocks, state.layers, strict=True):
            seen = joined(support, block.remember(told_TQC))
            # A query reads the values before it; its own value's token reads itself too.
            asked_TQC = block(asked_TQC, seen, _open(support, not_later_QQ.tril(-1)))
            told_TQC = block(told_TQC, seen, _open(support, not_later_QQ))
        return self.head(self.decoder(asked_TQC))

    def meta_loss(self, tasks: TrainingTasks) -> Tensor:
        """Minus the mean log-likelihood of the queries' values: each by itself (eq. 8), or in turn (eq. 5)."""
        tasks = tasks.gathered()
        state = self.adapt(tasks.support_x, tasks.support_y)
        if not self.is_autoregressive:
            return -self.predict(state, tasks.query_x).log_prob(tasks.query_y).mean()
        return -self.predict_in_turn(state, tasks.query_x, tasks.query_y).log_prob(tasks.query_y).mean()

    def sample_in_turn(self, state: TNPState, query_x: Tensor, generator: torch.Generator) -> Tensor:
        """A function sampled point by point: values (T, Q, Y) at the queries, each given those sampled before.

        Args:
            state: State of T tasks.
            query_x: Places (T, Q, D), in the order of sampling.
            generator: Source of randomness.

        Raises:
            UserError: if the likelihood is not normal.
        """
        if self.head.likelihood != "normal":
            raise UserError(f"Functions are drawn of normal values, but the likelihood is {self.head.likelihood}.")
        query_x = read_query(self, state, query_x, self.sizes[:1])
        drawn_TQY = query_x.new_zeros(*query_x.shape[:2], self.sizes[1])
        for query in range(query_x.shape[1]):
            upto = slice(query + 1)
            known = self.predict_in_turn(state, query_x[:, upto], drawn_TQY[:, upto])
            noise_TY = torch.randn(drawn_TQY[:, query].shape, generator=generator, device=generator.device)
            drawn_TQY[:, query] = known.mean[:, query] + known.stddev[:, query] * noise_TY.to(drawn_TQY)
        return drawn_TQY

    @property
    def _blocks(self) -> list[TransformerBlock]:
        return list(self.blocks)  # type: ignore[arg-type]

    def _seen(self, x: Tensor, y: Tensor) -> Tensor:
        tokens: Tensor = self.token(torch.cat([x, y, torch.ones_like(x[..., :1])], dim=-1))
        return tokens

    def _asked(self, x: Tensor) -> Tensor:
        nothing = x.new_zeros(*x.shape[:-1], self.sizes[1] + 1)
        tokens: Tensor = self.token(torch.cat([x, nothing], dim=-1))
        return tokens


def _open(support: KeysValues, among_QQ: Tensor) -> Tensor:
    """What may be read, (Q, 1 + S + Q) booleans: all of the support, and of the queries' values these."""
    num_queries, num_support = among_QQ.shape[0], support.keys.shape[2]
    return torch.cat([among_QQ.new_ones(num_queries, num_support), among_QQ], dim=1)
