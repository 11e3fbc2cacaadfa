"""Images that were seen before are not encoded again, and the answers stay the same."""

from typing import Any

import torch
from torch import Tensor, nn

from quickstudy.core import Tasks
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.protocols.encoding_once import encoding_once


class Counting(nn.Module):
    """Counts the images that it encodes."""

    def __init__(self, numbers: int = 3) -> None:
        super().__init__()
        self.linear, self.seen = nn.Linear(28 * 28, numbers), 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += x.shape[0] * x.shape[1]
        return self.linear(x.flatten(2))


def learner_with(encoder: nn.Module) -> Any:
    return ProtoNet(encoder).eval()


@torch.no_grad()
def test_each_image_is_encoded_once(tasks: Tasks) -> None:
    encoder = Counting()
    with encoding_once(learner_with(encoder)):
        for _ in range(3):
            encoder(tasks.query_x)
    assert encoder.seen == len(tasks.query_x.flatten(0, 1).flatten(1).unique(dim=0))


@torch.no_grad()
def test_predictions_stay_and_the_encoder_is_restored(tasks: Tasks) -> None:
    learner = learner_with(Conv4())
    plain = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    with encoding_once(learner):
        for _ in range(2):
            found = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert torch.allclose(found.logits, plain.logits, atol=1e-4)
    assert "forward" not in vars(learner.encoder)


@torch.no_grad()
def test_large_features_are_computed_again(tasks: Tasks) -> None:
    encoder = Counting(5000)
    plain = encoder(tasks.query_x)
    with encoding_once(learner_with(encoder)):
        assert torch.equal(encoder(tasks.query_x), plain)


def test_learners_without_an_encoder_are_left_alone() -> None:
    with encoding_once(Nearest()):
        pass
