from typing import Any

import pytest
import torch
from torch import Tensor, nn

from quickstudy.evaluation import embedded_once as module
from quickstudy.evaluation import evaluate
from quickstudy.evaluation.answering import asking
from quickstudy.evaluation.embedded_once import embedded_once
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4
from quickstudy.pretrained import available, open_weights
from quickstudy.tasks import Episodes, Jitter, Layout

THROUGH_ENCODER = [
    name
    for name in available()
    if (weights := open_weights(name)[1]).learner.reads_through_encoder and weights.validate_by == "queries"
]


class Counting(nn.Module):
    """Counts the images that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.encoder = Conv4()

    def forward(self, x: Tensor) -> Tensor:
        self.count += x.shape[:2].numel()
        embedded: Tensor = self.encoder(x)
        return embedded


@pytest.fixture(autouse=True)
def nothing_embedded_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_sets", {})


@pytest.fixture
def episodes(glyph_images: Tensor) -> Episodes:
    return Episodes(glyph_images, Layout(3, 1, 2))


@pytest.mark.parametrize("name", THROUGH_ENCODER)
def test_predictions_are_those_from_the_images(name: str, glyph_images: Tensor) -> None:
    learner = open_weights(name)[1].learner
    episodes = Episodes(glyph_images, Layout(3, 1, 2))
    with asking(learner):
        drawn = episodes.sample(4, torch.Generator().manual_seed(0))
        expected: Any = learner.predict(learner.adapt(drawn.support_x, drawn.support_y), drawn.query_x)
        with embedded_once(learner, episodes, 10_000) as embedded:
            assert embedded is not episodes
            same = embedded.sample(4, torch.Generator().manual_seed(0))
            found: Any = learner.predict(learner.adapt(same.support_x, same.support_y), same.query_x)
    torch.testing.assert_close(found.probs, expected.probs, atol=1e-5, rtol=1e-4)


def test_each_image_is_embedded_once_where_tasks_have_more(episodes: Episodes) -> None:
    for num_tasks, expected in ((200, 200), (2, 2 * episodes.inputs_of_task)):
        encoder = Counting()
        evaluate(ProtoNet(encoder), episodes, num_tasks)
        assert encoder.count == expected


def test_settings_with_the_same_classes_share_the_embeddings(glyph_images: Tensor) -> None:
    learner = ProtoNet(encoder := Counting())
    for shots in (1, 2, 3):
        evaluate(learner, Episodes(glyph_images, Layout(3, shots, 2)), 100)
    assert encoder.count == 200
    evaluate(learner, Episodes(glyph_images.flip(-1), Layout(3, 1, 2)), 100)
    assert encoder.count == 400


def test_other_weights_embed_again(episodes: Episodes) -> None:
    learner = ProtoNet(encoder := Counting())
    before = evaluate(learner, episodes, 100)
    torch.nn.init.normal_(next(encoder.parameters()))
    after = evaluate(learner, episodes, 100)
    assert encoder.count == 400
    assert not torch.equal(before.accuracies, after.accuracies)


def test_images_that_change_at_random_are_not_embedded_before(glyph_images: Tensor) -> None:
    encoder = Counting()
    evaluate(ProtoNet(encoder), Episodes(glyph_images, Layout(3, 1, 2, jitter=Jitter())), 100)
    assert encoder.count == 100 * 9


def test_the_learner_reads_images_again_afterwards(episodes: Episodes) -> None:
    learner = ProtoNet(encoder := Counting()).eval()
    learner.input_range = (0.0, 1.0)
    with pytest.raises(KeyError), torch.no_grad(), embedded_once(learner, episodes, 10_000):
        raise KeyError
    assert (learner.encoder, learner.input_range) == (encoder, (0.0, 1.0))
