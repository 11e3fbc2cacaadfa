from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from quickstudy.core import Learner, Tasks, UserError
from quickstudy.evaluation import answering, evaluate, evaluate_functions, evaluate_instances
from quickstudy.evaluation.answering import answered, asking, bytes_each, drawn
from quickstudy.learners import CNP, LSTM, MAML, TNP, Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.networks.functional import FunctionalConv4
from quickstudy.tasks import Episodes, GaussianProcesses, InstanceSequences, Layout, PointLayout, SequenceLayout


class Sees(Learner):
    """Notes how much it is asked at once, and predicts the query itself."""

    def __init__(self, *, is_transductive: bool = False) -> None:
        super().__init__()
        self.is_transductive = is_transductive
        self.adapted: list[tuple[int, int]] = []
        self.asked: list[tuple[int, int]] = []

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Any:
        self.adapted.append((support_x.shape[0], support_x.shape[1]))
        return support_x

    def predict(self, state: Any, query_x: Tensor) -> Distribution:
        assert len(state) == len(query_x)
        self.asked.append((query_x.shape[0], query_x.shape[1]))
        return Independent(Normal(query_x, 1.0), 1)


def _tasks(num_tasks: int, num_support: int, num_queries: int) -> Tasks:
    query_x = torch.arange(float(num_tasks * num_queries)).view(num_tasks, num_queries, 1)
    support_x = torch.zeros(num_tasks, num_support, 1)
    return Tasks(support_x, support_x, query_x, query_x)


def _means(prediction: Distribution, tasks: Tasks) -> dict[str, Tensor]:
    return {"mean": prediction.mean, "truth": tasks.query_y}


def _room(monkeypatch: pytest.MonkeyPatch, tasks: Tasks, *, support: float = 0, queries: float = 0) -> None:
    """Room for so many support examples, or so many queries, at once."""
    of_support, of_query = bytes_each(tasks)
    monkeypatch.setattr(answering, "BYTES_AT_ONCE", int(support * of_support + queries * of_query))


def test_what_fits_is_asked_at_once():
    learner, tasks = Sees(), _tasks(10, 5, 20)
    answered(learner, tasks, _means)
    assert (learner.adapted, learner.asked) == ([(10, 5)], [(10, 20)])


def test_tasks_are_adapted_to_as_many_at_once_as_fit(monkeypatch: pytest.MonkeyPatch):
    learner, tasks = Sees(), _tasks(10, 100, 3)
    _room(monkeypatch, tasks, support=450)
    found = answered(learner, tasks, _means)
    assert learner.adapted == [(4, 100), (4, 100), (2, 100)]
    assert torch.equal(found["mean"], tasks.query_x)


def test_queries_are_asked_as_many_at_once_as_fit(monkeypatch: pytest.MonkeyPatch):
    learner, tasks = Sees(), _tasks(3, 2, 50)
    _room(monkeypatch, tasks, queries=70)
    found = answered(learner, tasks, _means)
    assert learner.adapted == [(3, 2)]
    assert learner.asked == [(3, 23), (3, 23), (3, 4)]
    assert torch.equal(found["mean"], tasks.query_x)
    assert torch.equal(found["truth"], tasks.query_y)


def test_queries_that_see_each_other_stay_together(monkeypatch: pytest.MonkeyPatch):
    learner, tasks = Sees(is_transductive=True), _tasks(5, 2, 50)
    _room(monkeypatch, tasks, queries=120)
    answered(learner, tasks, _means)
    assert learner.adapted == [(2, 2), (2, 2), (1, 2)]
    assert learner.asked == [(2, 50), (2, 50), (1, 50)]


def test_however_little_room_there_is_one_query_is_asked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answering, "BYTES_AT_ONCE", 1)
    learner, tasks = Sees(), _tasks(2, 5, 3)
    assert torch.equal(answered(learner, tasks, _means)["mean"], tasks.query_x)
    assert learner.asked == [(1, 1)] * 6


def test_an_empty_support_is_no_hindrance():
    assert answered(Sees(), _tasks(2, 0, 3), _means)["mean"].shape == (2, 3, 1)


def test_a_task_as_large_as_200_ways_of_5_shots_is_never_asked_whole():
    support_x, support_y = torch.empty(10, 1000, 1, 28, 28, device="meta"), torch.arange(1000).remainder(200)[None]
    query_x = torch.empty(10, 3000, 1, 28, 28, device="meta")
    of_support, of_query = bytes_each(Tasks(support_x, support_y, query_x, support_y))
    comparisons = 1000 * 200 * 4  # Bytes of a number for each support example and class.
    assert of_query > comparisons
    assert 10 * 3000 * of_query > 5 * answering.BYTES_AT_ONCE
    assert 1000 * of_support < answering.BYTES_AT_ONCE


def test_the_fields_usual_settings_are_asked_at_once():
    for num_support, num_queries, ways in ((5, 75, 5), (25, 75, 5)):
        x, y = torch.empty(10, num_support, 1, 28, 28, device="meta"), torch.arange(num_support).remainder(ways)[None]
        of_support, of_query = bytes_each(Tasks(x, y, x, y))
        assert 10 * max(num_support * of_support, num_queries * of_query) < answering.BYTES_AT_ONCE


def test_tasks_without_queries_are_refused():
    with pytest.raises(UserError, match="no queries"):
        answered(Sees(), _tasks(2, 5, 0), _means)


def test_answers_of_another_shape_are_refused_by_both_shapes():
    tasks = _tasks(2, 5, 3)
    with pytest.raises(UserError, match=r"query_y has shape \(2, 3\).*answers \(2, 3, 1\)"):
        answered(Sees(), tasks._replace(query_y=tasks.query_y.squeeze(-1)), _means)


def test_a_failure_leaves_every_module_in_its_mode():
    learner = ProtoNet(Conv4(channels=2)).train()
    learner.encoder.eval()
    with pytest.raises(KeyError), asking(learner):
        raise KeyError
    assert learner.training
    assert not learner.encoder.training


# In parts the figures are those of the whole.


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch):
    def shrink() -> None:
        monkeypatch.setattr(answering, "BYTES_AT_ONCE", 3_000_000)

    return shrink


def _conv4() -> Conv4:
    return Conv4(channels=4)


CLASSIFIERS = {
    "protonet": lambda: ProtoNet(_conv4()),
    "nearest": Nearest,
    "maml": lambda: MAML(FunctionalConv4(3, channels=4), test_steps=2),
    "maml without transduction": lambda: MAML(FunctionalConv4(3, channels=4), test_steps=2, is_transductive=False),
    "lstm": lambda: LSTM(784, max_ways=3, hidden=8, labels_come="at once"),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_in_parts_a_classifier_has_the_same_figures(name: str, glyph_images: Tensor, little_room):
    learner, tasks = CLASSIFIERS[name](), Episodes(glyph_images, Layout(3, 2, 4))
    whole = evaluate(learner, tasks, 13)
    little_room()
    parts = evaluate(learner, tasks, 13)
    assert torch.equal(whole.accuracies, parts.accuracies)
    assert parts.negative_log_likelihood == pytest.approx(whole.negative_log_likelihood, rel=1e-5)
    assert parts.calibration_error == pytest.approx(whole.calibration_error, rel=1e-3)


@pytest.mark.parametrize("make", [lambda: CNP(hidden=16), lambda: TNP(channels=16, num_blocks=1, hidden=16)])
def test_in_parts_a_learner_of_functions_has_the_same_figures(make, little_room):
    learner, tasks = make(), GaussianProcesses(PointLayout(15, 30))
    whole = evaluate_functions(learner, tasks, 13)
    little_room()
    parts = evaluate_functions(learner, tasks, 13)
    assert torch.allclose(whole.log_likelihoods, parts.log_likelihoods, atol=1e-5)
    assert parts.squared_error.mean == pytest.approx(whole.squared_error.mean, rel=1e-5)
    assert parts.oracle == whole.oracle
    assert [each.mean for each in parts.coverage] == pytest.approx([each.mean for each in whole.coverage], abs=0.01)


def test_in_parts_sequences_have_the_same_figures(glyph_images: Tensor, little_room):
    learner = LSTM(784, max_ways=3, hidden=8)
    tasks = InstanceSequences(glyph_images, SequenceLayout(classes=3, instances=4))
    whole = evaluate_instances(learner, tasks, 60, num_instances=4)
    little_room()
    parts = evaluate_instances(learner, tasks, 60, num_instances=4)
    assert torch.equal(whole.by_sequence, parts.by_sequence)


def test_tasks_that_are_drawn_in_parts_have_the_same_figures(glyph_images: Tensor, monkeypatch: pytest.MonkeyPatch):
    tasks = Episodes(glyph_images, Layout(3, 2, 4))
    whole = evaluate(Nearest(), tasks, 23)
    monkeypatch.setattr(answering, "BYTES_AT_ONCE", 4 * 3 * (18 * 784 * 4))
    parts = [len(part.query_x) for part in drawn(tasks, 8, torch.Generator().manual_seed(0))]
    assert parts == [3, 3, 2]
    assert torch.equal(evaluate(Nearest(), tasks, 23).accuracies, whole.accuracies)
