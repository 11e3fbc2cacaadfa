import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError
from quickstudy.learners import LSTM
from quickstudy.learners._label_sequences import LabelSequenceLearner


def _learner(**options) -> LSTM:
    torch.manual_seed(0)
    settings = {"max_ways": 3, "hidden": 8, **options}
    return LSTM(4, **settings).eval()


X, Y = torch.rand(2, 6, 4), torch.tensor([[0, 1, 2, 0, 1, 2], [2, 1, 0, 2, 1, 0]])


def test_labels_and_their_time_are_named_when_mistaken() -> None:
    settings = {"encoder": None, "max_ways": 3}
    with pytest.raises(ValueError, match="one-hot or strings"):
        LabelSequenceLearner(4, nn.Linear, labels="words", labels_come="late", **settings)
    with pytest.raises(ValueError, match="late or at once"):
        LabelSequenceLearner(4, nn.Linear, labels="one-hot", labels_come="never", **settings)


def test_a_late_label_is_told_with_the_next_example() -> None:
    learner = _learner()
    with torch.no_grad():
        said = learner.predict_sequence(X, Y).logits
        other = Y.clone()
        other[:, 2] = 1 - other[:, 2].clamp(max=1)
        changed = learner.predict_sequence(X, other).logits
    assert torch.equal(said[:, :3], changed[:, :3])
    assert not torch.equal(said[:, 3:], changed[:, 3:])


def test_the_last_label_of_the_support_reaches_the_queries() -> None:
    for time in ("late", "at once"):
        learner = _learner(labels_come=time)
        other = Y.clone()
        other[:, -1] = 1
        with torch.no_grad():
            answers = [learner.predict(learner.adapt(X, y), X).logits for y in (Y, other)]
        assert not torch.allclose(*answers)


def test_a_sequence_ends_with_what_a_query_after_it_is_told() -> None:
    learner = _learner()
    with torch.no_grad():
        along = learner.predict_sequence(X, Y).probs[:, -1]
        asked = learner.predict(learner.adapt(X[:, :5], Y[:, :5]), X[:, 5:]).probs[:, 0]
    assert torch.allclose(along, asked, atol=1e-6)


def test_labels_not_yet_told_are_ruled_out_for_queries_alone() -> None:
    learner = _learner()
    with torch.no_grad():
        asked = learner.predict(learner.adapt(X[:, :2], Y[:, :2]), X[:, 2:3]).probs
        along = learner.predict_sequence(X, Y).probs
    assert asked[0, 0, 2] == 0
    assert asked[1, 0, 0] == 0
    assert (along > 0).all()


def test_the_loss_is_over_all_answers_where_labels_come_late_and_else_over_the_queries() -> None:
    tasks = Tasks(X[:, :5], Y[:, :5], X[:, 5:], Y[:, 5:])
    late, at_once = _learner(), _learner(labels_come="at once")
    with torch.no_grad():
        whole = -late.predict_sequence(X, Y).log_prob(Y).mean()
        assert torch.allclose(late(tasks), whole, atol=1e-6)
        asked = -at_once.predict(at_once.adapt(*tasks[:2]), tasks.query_x).log_prob(tasks.query_y).mean()
        assert torch.allclose(at_once(tasks), asked, atol=1e-6)


def test_in_training_labels_are_thrown_into_other_slots_each_time() -> None:
    tasks = Tasks(X[:, :5], Y[:, :5], X[:, 5:], Y[:, 5:])
    learner = _learner(max_ways=5)
    with torch.no_grad():
        assert learner(tasks) == learner(tasks)
        learner.train()
        assert len({float(learner(tasks)) for _ in range(4)}) > 1


def test_inputs_of_another_length_are_refused() -> None:
    with pytest.raises(UserError):
        _learner().adapt(torch.rand(2, 6, 5), Y)
