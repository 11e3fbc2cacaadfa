"""A small learner of your own, tested against the laws that the learners of the package obey.

python examples/own_learner.py
"""

import argparse
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from quickstudy.core import Learner, categorical, count_ways, read_query, read_support
from quickstudy.datasets import glyphs
from quickstudy.tasks import Episodes, Layout
from quickstudy.testing import check_learner


class SoftNearestState(NamedTuple):
    """The examples of each task. Every tensor of a state leads with the tasks."""

    features: Tensor
    """(T, S, D)"""
    labels: Tensor
    """(T, S, N), one-hot; a padded example has a row of zeros."""


class SoftNearest(Learner):
    """A query takes the labels of all examples, weighted by a softmax over their distances."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def adapt(self, support_x: Tensor, support_y: Tensor, support_mask: Tensor | None = None) -> SoftNearestState:
        # The checks of every learner: types, shapes, ranges; a wrong input is refused with one message.
        support_x, support_y, mask_TS = read_support(self, support_x, support_y, support_mask)
        features_TSD = self.encoder(support_x)
        labels_TSN = nn.functional.one_hot(support_y, count_ways(support_y)).to(features_TSD)
        return SoftNearestState(features_TSD, labels_TSN if mask_TS is None else labels_TSN * mask_TS[..., None])

    def predict(self, state: SoftNearestState, query_x: Tensor) -> Categorical:
        features_TQD = self.encoder(read_query(self, state, query_x))
        closeness_TQS = (-torch.cdist(features_TQD, state.features)).exp()
        # The tiny number keeps the logarithm finite where a query is far from all examples.
        return categorical((closeness_TQS @ state.labels + 1e-30).log())


def main() -> None:
    parser = argparse.ArgumentParser(description="Check a learner of your own.")
    parser.add_argument("--training-steps", type=int, default=100, help="steps of the laws about training")
    options = parser.parse_args()
    torch.manual_seed(0)

    learner = SoftNearest(nn.Sequential(nn.Flatten(start_dim=2), nn.Linear(28 * 28, 32)))
    episodes = Episodes(glyphs.load(num_classes=9), Layout(ways=3, shots=2, queries=3))
    tasks = episodes.sample(num_tasks=3, generator=torch.Generator().manual_seed(0))
    for law in check_learner(learner, tasks, training_steps=options.training_steps):  # Raises at the first broken law.
        print(f"holds: {law}")


if __name__ == "__main__":
    main()
