"""Softmax regression that learns example by example, by SGD or Adam: what learners that read examples compare with.

Letters: T runs, L examples, D numbers of an input, N classes.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Of SGD; those of Adam are a tenth."""


def by_descent(runs: tuple[Tensor, Tensor], ways: int, rate: float, *, adam: bool) -> Tensor:
    """Whether softmax regression is right at each example (T, L), before a step on it.

    Args:
        runs: inputs (T, L, D) and labels (T, L).
        ways: N, classes.
        rate: learning rate.
        adam: descend by Adam instead of SGD.
    """
    x_TLD, y_TL = runs
    x_TLD = torch.cat([x_TLD, torch.ones_like(x_TLD[..., :1])], dim=-1)
    weight_TDN = x_TLD.new_zeros(len(x_TLD), x_TLD.shape[-1], ways)
    mean, square = torch.zeros_like(weight_TDN), torch.zeros_like(weight_TDN)
    right = []
    for step in range(y_TL.shape[1]):
        x_TD, y_T = x_TLD[:, step], y_TL[:, step]
        logits_TN = torch.einsum("td,tdn->tn", x_TD, weight_TDN)
        right.append(logits_TN.argmax(dim=-1) == y_T)
        error_TN = logits_TN.softmax(dim=-1) - one_hot(y_T, ways)
        gradient = torch.einsum("td,tn->tdn", x_TD, error_TN)
        if adam:
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            gradient = mean / (1 - 0.9 ** (step + 1)) / ((square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
        weight_TDN = weight_TDN - rate * gradient
    return torch.stack(right, dim=1).double()


def best_descent(runs: tuple[Tensor, Tensor], ways: int, *, adam: bool, first: int = 50) -> tuple[float, Tensor]:
    """The rate that is right most often over the first examples of these runs, and whether it was right (T, L).

    Args:
        runs: inputs (T, L, D) and labels (T, L).
        ways: N, classes.
        adam: descend by Adam instead of SGD.
        first: how many examples decide.
    """
    rates = [rate * (0.1 if adam else 1) for rate in RATES]
    found = {rate: by_descent(runs, ways, rate, adam=adam) for rate in rates}
    best = max(found, key=lambda rate: float(found[rate][:, :first].mean()))
    return best, found[best]
