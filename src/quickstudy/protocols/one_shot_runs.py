"""The error of one-shot classification in the official runs of Lake et al. (2015), where people have 4.5 %."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.datasets import official_runs
from quickstudy.evaluation import provenance
from quickstudy.evaluation.intervals import Interval
from quickstudy.protocols.weights import Weights, answering_one_by_one

PEOPLE = 4.5
"""Error of people in per cent, from the paper."""


@dataclass(frozen=True)
class OfficialResult:
    """What was measured."""

    weights: Weights
    """What was measured."""
    names: tuple[str, ...]
    """Names of the runs."""
    errors: Tensor
    """(runs,): share of wrong answers."""

    @property
    def interval(self) -> Interval:
        """Mean error over the runs."""
        return Interval.over(self.errors)

    def record(self) -> dict[str, Any]:
        """The figures and where they were made, for JSON."""
        return {
            "recipe": self.weights.recipe,
            "weights": self.weights.name,
            "error": self.interval.record(),
            "errors": dict(zip(self.names, self.errors.tolist(), strict=True)),
            "people": PEOPLE / 100,
            **provenance(),
        }


def measure_official_runs(
    weights: Weights, path: Path, *, inductive: bool = False, device: str = "cpu"
) -> OfficialResult:
    """The share of wrong answers in each run.

    Args:
        weights: What to measure. They must not have been trained on the evaluation alphabets of Lake et al.
        path: `all_runs.zip`, or the folder that it holds.
        inductive: Whether each query is answered by itself.
        device: Where to compute.

    Raises:
        UserError: if the weights were trained on these alphabets, or predict no classes of drawings.
        DataError: if the runs cannot be read.
    """
    if weights.experiment.validate_by != "queries":
        raise UserError(f"'{weights.name}' does not classify the queries of a task, which the official runs need.")
    weights.refuse_classes("lake", "test")
    runs = official_runs.load(path, weights.image_size)
    support_x, query_x = (
        torch.from_numpy(images).to(device)[:, :, None].float() / 255 for images in (runs.support, runs.queries)
    )
    answers = torch.from_numpy(runs.answers).to(device)
    support_y = torch.arange(support_x.shape[1], device=device).expand(support_x.shape[:2])
    with answering_one_by_one(weights, inductive) as learner, torch.no_grad():
        learner.to(device)
        state = learner.adapt(support_x, support_y)
        prediction: Any = learner.predict(state, query_x)
    wrong = prediction.logits.argmax(dim=-1) != answers
    return OfficialResult(weights, runs.names, wrong.double().mean(dim=1).cpu())
