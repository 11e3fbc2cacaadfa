"""Fast weights that linear attention and the delta rule write: a matrix of each head, which grows with each item.

Schlag, Irie and Schmidhuber, "Linear Transformers Are Secretly Fast Weight Programmers" (ICML 2021); equation numbers
are the paper's. The sum rule is that of Schmidhuber, "Learning to Control Fast-Weight Memories" (1992), and of linear
attention (Katharopoulos et al., ICML 2020).

All items of a sequence are written at once. What the delta rule adds for an item depends on what it added for the items
before, so the additions are the solution of a triangular system.

Letters: T tasks, H heads, L items, K numbers of a key after the feature map, V numbers of a value, C channels.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quickstudy.networks.attention import full_precision

Rule = Literal["delta", "sum"]
Features = Literal["elu", "dpfp"]

_SMALLEST = 1e-6
"""Of a sum that is divided by."""


def elu_features(x: Tensor) -> Tensor:
    """Positive features of as many numbers: elu(x) + 1.

    Args:
        x: (..., D).
    """
    return F.elu(x) + 1


def dpfp_features(x: Tensor, degree: int = 1) -> Tensor:
    """Positive features (..., 2·D·degree) without parameters, products of neighbours (eq. 37 and 38).

    Keys that differ have few features in common, so that more of them are orthogonal.

    Args:
        x: (..., D).
        degree: The paper's ν.
    """
    r = torch.cat([x.relu(), (-x).relu()], dim=-1)
    return torch.cat([r * r.roll(shift, dims=-1) for shift in range(1, degree + 1)], dim=-1)


def with_sum_one(features: Tensor) -> Tensor:
    """Positive features (..., K) divided by their sum (eq. 27). Without this, the delta rule diverges.

    Args:
        features: (..., K).
    """
    return features / features.sum(dim=-1, keepdim=True).clamp(min=_SMALLEST)


def delta_additions(weights: Tensor, keys: Tensor, values: Tensor, rates: Tensor) -> Tensor:
    """What the delta rule adds in the direction of each key: u = β (v − W k), each W after the items before (eq. 24).

    Args:
        weights: (..., K, V), before the first item.
        keys: (..., L, K).
        values: (..., L, V).
        rates: (..., L), the share β of the difference that is written.

    Returns:
        The additions (..., L, V).
    """
    before = rates[..., None] * (values - keys @ weights)
    overlap = rates[..., None] * (keys @ keys.mT)  # β_i k_i·k_j: how much of an earlier addition j is read at k_i
    return torch.linalg.solve_triangular(_unit_lower(overlap), before, upper=False, unitriangular=True)


def write(weights: Tensor, keys: Tensor, additions: Tensor) -> Tensor:
    """The weights (..., K, V) after all items: W + Σ k uᵀ.

    Args:
        weights: (..., K, V), before the first item.
        keys: (..., L, K).
        additions: (..., L, V).
    """
    return weights + keys.mT @ additions


def read_along(weights: Tensor, keys: Tensor, additions: Tensor, queries: Tensor) -> Tensor:
    """What each item reads after its own writing: (..., L, V).

    Args:
        weights: (..., K, V), before the first item.
        keys: (..., L, K).
        additions: (..., L, V).
        queries: (..., L, K).
    """
    return queries @ weights + (queries @ keys.mT).tril() @ additions


def read_apart(weights: Tensor, keys: Tensor, additions: Tensor, queries: Tensor) -> Tensor:
    """What each item reads if it alone was written to the weights: (..., L, V).

    Args:
        weights: (..., K, V).
        keys: (..., L, K).
        additions: (..., L, V).
        queries: (..., L, K).
    """
    return queries @ weights + (queries * keys).sum(dim=-1, keepdim=True) * additions


class DeltaRuleLayer(nn.Module):
    """Heads that write items to their fast weights by the delta rule or the sum rule, and read them.

    Fast weights are (T, H, K, V); with the sum rule each value has one more number, a one, so that the last column of
    the weights is the sum of the keys by which a read is divided (eq. 15 and 16).

    Args:
        channels: Numbers of an item.
        num_heads: Heads, each with its own share of the channels.
        rule: Write the difference between a value and what is read at its key, or the value itself.
        features: Feature map of keys and queries.
        degree: Degree of the features "dpfp".

    Raises:
        ValueError: if there is no such rule or feature map.
    """

    def __init__(
        self, channels: int, num_heads: int, *, rule: Rule = "delta", features: Features = "elu", degree: int = 1
    ) -> None:
        super().__init__()
        for name, value, known in (("rule", rule, Rule), ("features", features, Features)):
            if value not in get_args(known):
                raise ValueError(f"{name} is {value!r}, but {' or '.join(get_args(known))} was expected.")
        self.rule, self.features, self.degree = rule, features, degree
        self.num_heads, self.width = num_heads, channels // num_heads
        inner = num_heads * self.width
        self.keys_values_queries = nn.Linear(channels, 3 * inner, bias=False)
        self.rates = nn.Linear(channels, num_heads) if rule == "delta" else None
        self.out = nn.Linear(inner, channels, bias=False)

    def prior(self, num_tasks: int) -> Tensor:
        """Fast weights (T, H, K, V) of zeros."""
        num_keys = self.width if self.features == "elu" else 2 * self.width * self.degree
        num_values = self.width + (self.rule == "sum")
        return self.out.weight.new_zeros(num_tasks, self.num_heads, num_keys, num_values)

    def read(self, x_TLC: Tensor, weights: Tensor, mask_TL: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Go through a sequence: what each item gives (T, L, C), and the weights after it.

        Args:
            x_TLC: Items.
            weights: Fast weights before the first item.
            mask_TL: True where an item is real; others write nothing. None if all are real.
        """
        with full_precision(x_TLC):
            keys, additions, queries = self._written(x_TLC, weights, mask_TL)
            read = self._divided(read_along(weights, keys, additions, queries))
            weights = write(weights, keys, additions)
        return self._joined(read), weights

    def aside(self, x_TQC: Tensor, weights: Tensor) -> Tensor:
        """What each item gives (T, Q, C) if it alone came next; nothing of it is kept.

        Args:
            x_TQC: Items.
            weights: Fast weights.
        """
        with full_precision(x_TQC):
            keys, values, queries, rates = self._projected(x_TQC)
            additions = values if rates is None else rates[..., None] * (values - keys @ weights)
            read = self._divided(read_apart(weights, keys, additions, queries))
        return self._joined(read)

    def _written(self, x_TLC: Tensor, weights: Tensor, mask_TL: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        keys, values, queries, rates = self._projected(x_TLC)
        if mask_TL is not None:
            keys = keys * mask_TL[:, None, :, None]  # A key of zeros writes nothing, by either rule.
        additions = values if rates is None else delta_additions(weights, keys, values, rates)
        return keys, additions, queries

    def _projected(self, x_TLC: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        x_TLC = x_TLC.to(self.out.weight.dtype)
        heads = self.keys_values_queries(x_TLC).unflatten(-1, (3, self.num_heads, self.width))
        keys, values, queries = heads.permute(2, 0, 3, 1, 4)
        keys, queries = self._mapped(keys), self._mapped(queries)
        if self.rates is None:
            return keys, F.pad(values, (0, 1), value=1.0), queries, None
        return with_sum_one(keys), values, with_sum_one(queries), self.rates(x_TLC).sigmoid().transpose(1, 2)

    def _mapped(self, x: Tensor) -> Tensor:
        return elu_features(x) if self.features == "elu" else dpfp_features(x, self.degree)

    def _divided(self, read: Tensor) -> Tensor:
        if self.rule == "delta":
            return read
        return read[..., :-1] / (read[..., -1:] + _SMALLEST)

    def _joined(self, read_THLV: Tensor) -> Tensor:
        joined: Tensor = self.out(read_THLV.transpose(1, 2).flatten(2))
        return joined


def _unit_lower(overlap: Tensor) -> Tensor:
    """The part below the diagonal, with ones on it."""
    return overlap.tril(-1) + torch.eye(overlap.shape[-1], dtype=overlap.dtype, device=overlap.device)
