"""Images that were seen before are not encoded again, and the answers stay the same."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from quickstudy.core import Tasks
from quickstudy.evaluation import encoding_once as module
from quickstudy.evaluation import evaluate
from quickstudy.evaluation.encoding_once import encoding_once
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.tasks import Episodes, Layout


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
@pytest.mark.parametrize("precision", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_each_image_is_encoded_once_in_any_precision(tasks: Tasks, precision: torch.dtype) -> None:
    encoder, images = Counting().to(precision), tasks.query_x.to(precision)
    with encoding_once(learner_with(encoder)):
        for _ in range(3):
            encoder(images)
    assert encoder.seen == len(images.float().flatten(0, 1).flatten(1).unique(dim=0))


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
def test_what_exceeds_the_memory_is_forgotten_and_encoded_again(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    monkeypatch.setattr(module, "_MOST_KEPT", 3 * 40)
    plain = [encoder(x) for x in (tasks.query_x, tasks.support_x)]
    with encoding_once(learner_with(encoder)):
        for _ in range(2):
            for x, expected in zip((tasks.query_x, tasks.support_x), plain, strict=True):
                torch.testing.assert_close(encoder(x), expected)


@torch.no_grad()
def test_an_inner_use_shares_what_the_outer_one_keeps(tasks: Tasks) -> None:
    learner = learner_with(encoder := Counting())
    with encoding_once(learner):
        encoder(tasks.query_x)
        before = encoder.seen
        with encoding_once(learner):
            encoder(tasks.query_x)
        encoder(tasks.query_x)
    assert encoder.seen == before


def test_an_evaluation_encodes_each_image_of_its_classes_at_most_once(glyph_images: Tensor) -> None:
    learner = learner_with(encoder := Counting())
    evaluate(learner, Episodes(glyph_images, Layout(3, 1, 2)), 200)
    assert encoder.seen <= glyph_images.shape[:2].numel()


def test_learners_without_an_encoder_are_left_alone() -> None:
    with encoding_once(Nearest()):
        pass


@torch.no_grad()
def test_what_the_encoder_gives_in_training_and_in_eval_mode_is_kept_apart(tasks: Tasks) -> None:
    learner = learner_with(nn.Sequential(nn.Flatten(2), nn.Linear(28 * 28, 3), nn.Dropout(1.0)))
    with encoding_once(learner):
        found = [learner.train(mode).encoder(tasks.query_x) for mode in (True, False)]
    assert not found[0].any()
    assert found[1].all()
