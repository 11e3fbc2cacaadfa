import pytest
import torch
import torch.nn.functional as F

from quickstudy.core import UserError
from quickstudy.learners._inner_loops import InnerLoopLearner
from quickstudy.networks.functional import FunctionalPerceptron


class ShiftsTheHead(InnerLoopLearner):
    """Trains by no gradient: the last layer's bias becomes how often each class, or what value, the support has."""

    @property
    def adapted_names(self):
        return ("head_bias",)

    def adapted(self, support_x, support_y, is_present, most_examples):
        if self.answers == "classes":
            share = F.one_hot(support_y.long(), self.network.num_outputs).double().mean(dim=1)
            shift = share * torch.arange(1, self.network.num_outputs + 1)  # Of each class something else.
        else:
            shift = support_y.double().mean(dim=1)
        weights = self.network.weights(len(support_x))
        return {**weights, "head_bias": shift.to(weights["head"].dtype)}


def _learner(answers="classes", is_transductive=False, **options) -> ShiftsTheHead:
    outputs = 4 if answers == "classes" else 1
    network = FunctionalPerceptron(3, (5,), outputs, head_deviation=0.0, **options)
    return ShiftsTheHead(network, answers, is_transductive)


X, Y = torch.rand(2, 6, 3), torch.tensor([[0, 0, 0, 0, 1, 2], [2, 2, 1, 1, 0, 0]])
QUERIES = torch.rand(2, 3, 3)


def test_what_was_trained_answers_with_the_untrained_rest_of_the_network() -> None:
    learner = _learner()
    prediction = learner.predict(learner.adapt(X, Y), QUERIES)
    # Every class is a third of what is read, however many examples it has.
    shifts = torch.tensor([1.0, 2.0, 3.0]) / 3
    expected = shifts.softmax(dim=0).expand(2, 3, 3)
    assert torch.allclose(prediction.probs[..., :3], expected, atol=1e-6)


def test_a_class_that_the_support_has_no_example_of_is_ruled_out() -> None:
    learner = _learner()
    assert (learner.predict(learner.adapt(X, Y), QUERIES).probs[..., 3] == 0).all()


def test_only_trained_weights_are_in_the_state() -> None:
    state = _learner().adapt(X, Y)
    assert [tuple(weight.shape) for weight in state.weights] == [(2, 4)]
    assert state.num_support.tolist() == [12, 6], "examples of small classes are read again"


def test_values_are_normal_with_a_deviation_that_is_learnt() -> None:
    learner = _learner("values")
    with torch.no_grad():
        learner.log_deviation.fill_(0.5)
    y = torch.rand(2, 6, 1)
    prediction = learner.predict(learner.adapt(X, y), QUERIES)
    assert torch.allclose(prediction.mean, y.mean(dim=1, keepdim=True).expand(2, 3, 1), atol=1e-6)
    assert torch.allclose(prediction.stddev, torch.tensor(0.5).exp().expand(2, 3, 1))


def test_the_loss_of_a_task_is_its_own_cross_entropy_or_squared_error() -> None:
    learner, logits = _learner(), torch.randn(2, 6, 4)
    present = torch.ones(2, 4, dtype=torch.bool)
    expected = torch.stack([F.cross_entropy(logits[task], Y[task]) for task in range(2)])
    assert torch.allclose(learner.losses(logits, Y, present), expected)
    values, truth = torch.randn(2, 6, 1), torch.randn(2, 6, 1)
    expected = (values - truth).square().mean(dim=(1, 2))
    assert torch.allclose(_learner("values").losses(values, truth, present), expected)


def test_one_by_one_a_query_is_normalised_beside_the_support_and_together_among_the_queries() -> None:
    alone, together = _learner(), _learner(is_transductive=True)
    together.load_state_dict(alone.state_dict())
    with torch.no_grad():
        for learner in (alone, together):
            torch.manual_seed(0)
            learner.network.first["head"].normal_()
    first = [learner.predict(learner.adapt(X, Y), QUERIES[:, :1]).logits for learner in (alone, together)]
    among = [learner.predict(learner.adapt(X, Y), QUERIES).logits[:, :1] for learner in (alone, together)]
    assert torch.allclose(first[0], among[0], atol=1e-5)
    assert not torch.allclose(first[1], among[1], atol=1e-2)


def test_a_state_of_a_transductive_learner_cannot_answer_one_by_one() -> None:
    learner = _learner(is_transductive=True)
    state = learner.adapt(X, Y)
    learner.is_transductive = False
    with pytest.raises(UserError, match="made while the learner was transductive"):
        learner.predict(state, QUERIES)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="answers is 'words'"):
        _learner("words")
    with pytest.raises(UserError, match="label 4"):
        _learner().adapt(X, Y + 2)
    with pytest.raises(UserError, match="support is empty"):
        _learner("values").adapt(X[:, :0], torch.rand(2, 0, 1))
