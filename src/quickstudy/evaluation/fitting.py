"""What is fitted on validation tasks, so that a classifier's probabilities can be used: see `core.calibrated`.

Letters: B queries of any task, N ways.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from quickstudy.core import UserError

_STEPS = 60


def fitted_temperature(log_probabilities_BN: Tensor, labels_B: Tensor) -> float:
    """The temperature with the highest likelihood of the labels (Guo et al., 2017, section 4.2).

    Args:
        log_probabilities_BN: Logits, or log-probabilities, of each query (B, N). Minus infinity excludes a class.
        labels_B: The true class of each query (B,).
    """
    logits_BN = log_probabilities_BN.double()
    finite_BN = logits_BN.masked_fill(logits_BN.isinf(), 0)
    true_B = logits_BN.gather(1, labels_B[:, None]).squeeze(1)
    lowest, highest = -8.0, 8.0  # Of the logarithm of the inverse temperature.
    for _ in range(_STEPS):  # The likelihood has one maximum, where its derivative changes its sign.
        middle = (lowest + highest) / 2
        probabilities_BN = (logits_BN * torch.tensor(middle).exp()).softmax(dim=1)
        is_too_high = float(((probabilities_BN * finite_BN).sum(dim=1) - true_B).mean()) > 0
        lowest, highest = (lowest, middle) if is_too_high else (middle, highest)
    return float(torch.tensor(-middle, dtype=torch.float64).exp())


def equal_error_threshold(known: Tensor, unknown: Tensor) -> float:
    """The score below which a query is called unknown, such that both kinds of queries are wrong equally often.

    Args:
        known: Scores (B,) of queries of known classes, which should be higher.
        unknown: Scores of other queries.
    """
    known, unknown = known.double().sort().values, unknown.double().sort().values
    candidates = torch.cat([known, unknown]).unique()
    refused = torch.searchsorted(known, candidates) / len(known)
    accepted = 1 - torch.searchsorted(unknown, candidates) / len(unknown)
    return float(candidates[(refused - accepted).abs().argmin()])


def area_under_roc(known: Tensor, unknown: Tensor) -> float:
    """The probability that a known query has a higher score than an unknown one (AUROC). Equal scores count a half.

    Args:
        known: Scores (B,) of queries of known classes.
        unknown: Scores of other queries.
    """
    known, unknown = known.double(), unknown.double().sort().values
    lower = torch.searchsorted(unknown, known)
    not_higher = torch.searchsorted(unknown, known, right=True)
    return float((lower + not_higher).double().mean() / (2 * len(unknown)))


def lowest_for_coverage(scores: Tensor, coverage: float) -> float:
    """The lowest score that a set of this coverage accepts: split conformal prediction.

    If further scores come from the same source, they reach it with at least this probability.

    Args:
        scores: Scores (B,) of the true classes.
        coverage: The share of scores that must reach it, between 0 and 1.

    Raises:
        UserError: if there are too few scores for this coverage.
    """
    rank = int((len(scores) + 1) * (1 - coverage) + 1e-9)
    if not (0 < coverage < 1 and rank > 0):
        raise UserError(
            f"{len(scores)} scores and coverage {coverage} were given, but a coverage between 0 and 1, and at least "
            "1 / (1 - coverage) - 1 scores, were expected. Take more tasks."
        )
    return float(scores.double().kthvalue(rank).values)


def resampled(figure: Callable[..., float], *values: Tensor, draws: int = 200) -> dict[str, float | None]:
    """A figure over all tasks, with the half-width of its 95 % interval by the bootstrap over tasks.

    For figures that are no means over tasks, such as a calibration error.

    Args:
        figure: Computes it from as many tensors as `values`.
        values: One row for each task, (T, …).
        draws: How often tasks are drawn with replacement.
    """
    num_tasks = len(values[0])
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws if num_tasks > 1 else 0):
        drawn_T = torch.randint(num_tasks, (num_tasks,), generator=generator)
        found.append(figure(*(each[drawn_T] for each in values)))
    half_width = 1.96 * float(torch.tensor(found, dtype=torch.float64).std()) if found else None
    return {"mean": figure(*values), "interval95": half_width}
