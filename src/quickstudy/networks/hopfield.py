"""Modern Hopfield networks: a memory whose update is attention.

Ramsauer et al., "Hopfield Networks is All You Need" (ICLR 2021).

Letters: L stored patterns, Q states, D numbers of a pattern, V numbers of a value. Leading dimensions are free.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def energy(states: Tensor, patterns: Tensor, beta: float) -> Tensor:
    """The energy (…, Q) of each state; equation 2 of the paper. It is never negative, and `update` never raises it.

    Args:
        states: (…, Q, D).
        patterns: the stored patterns (…, L, D).
        beta: inverse temperature, above 0. A small one averages all patterns, a large one picks the nearest.
    """
    scores_QL = beta * states @ patterns.transpose(-1, -2)
    largest = patterns.norm(dim=-1).amax(dim=-1, keepdim=True)
    constant = math.log(patterns.shape[-2]) / beta + largest.square() / 2
    return states.square().sum(dim=-1) / 2 - scores_QL.logsumexp(dim=-1) / beta + constant


def update(states: Tensor, patterns: Tensor, beta: float) -> Tensor:
    """The states (…, Q, D) after one update, ξ_new = X softmax(β Xᵀ ξ): attention of the states to the patterns.

    Args:
        states: (…, Q, D).
        patterns: the stored patterns (…, L, D).
        beta: inverse temperature.
    """
    return recall(states, patterns, patterns, beta)


def recall(queries: Tensor, keys: Tensor, values: Tensor, beta: float) -> Tensor:
    """What each query finds (…, Q, V): the values in proportion to softmax(β key·query).

    With one-hot labels as values this is a classifier: β near 0 answers with the shares of the classes, a very large β
    with the class of the example whose product with the query is largest.

    Args:
        queries: (…, Q, D).
        keys: (…, L, D).
        values: (…, L, V).
        beta: inverse temperature.
    """
    return F.scaled_dot_product_attention(queries, keys, values, scale=beta)


def retrieve(
    states: Tensor, patterns: Tensor, beta: float, *, tolerance: float = 1e-4, most_updates: int = 100
) -> Tensor:
    """Update the states (…, Q, D) until none moves farther than the tolerance.

    Args:
        states: (…, Q, D).
        patterns: the stored patterns (…, L, D).
        beta: inverse temperature.
        tolerance: the distance of a move that counts as none.
        most_updates: updates after which to stop in any case.
    """
    for _ in range(most_updates):
        before, states = states, update(states, patterns, beta)
        if not states.numel() or float((states - before).norm(dim=-1).max()) <= tolerance:
            break
    return states


def separation(patterns: Tensor) -> Tensor:
    """How far each pattern (…, L) is from the others: its product with itself minus its largest with another.

    Args:
        patterns: at least two stored patterns (…, L, D).
    """
    products_LL = patterns @ patterns.transpose(-1, -2)
    own_L = products_LL.diagonal(dim1=-2, dim2=-1)
    is_own_LL = torch.eye(patterns.shape[-2], dtype=torch.bool, device=patterns.device)
    return own_L - products_LL.masked_fill(is_own_LL, -math.inf).amax(dim=-1)
