from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from quickstudy.core import Learner, OnlineLearner, Tasks, categorical


class Counts(NamedTuple):
    counts_TN: torch.Tensor


class Frequencies(OnlineLearner):
    """Predicts a label as often as it was in the support, plus one."""

    def prior(self, num_tasks):
        return Counts(torch.ones(num_tasks, 3))

    def extend(self, state, support_x, support_y):
        return Counts(state.counts_TN + nn.functional.one_hot(support_y, 3).sum(dim=1))

    def predict(self, state, query_x):
        return categorical(state.counts_TN.log()[:, None].expand(-1, query_x.shape[1], -1))


class Mean(Learner):
    """Predicts the mean of the support's values, with spread one."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def adapt(self, support_x, support_y):
        return support_y.mean(dim=1)

    def predict(self, state, query_x):
        mean = (state + self.bias)[:, None].expand(-1, query_x.shape[1], -1)
        return Independent(Normal(mean, torch.ones_like(mean)), 1)


@pytest.fixture
def counted() -> Tasks:
    x = torch.zeros(2, 4, 1)
    return Tasks(x, torch.tensor([[0, 0, 0, 1], [2, 2, 2, 2]]), x[:, :2], torch.tensor([[0, 1], [2, 0]]))


def test_the_meta_loss_is_the_mean_negative_log_likelihood_of_the_queries(counted):
    probabilities = torch.tensor([4 / 7, 2 / 7, 5 / 7, 1 / 7])
    assert Frequencies()(counted) == pytest.approx(-probabilities.log().mean().item(), abs=1e-6)


def test_the_meta_loss_of_values_is_theirs_under_the_predicted_density():
    values = Tasks(torch.zeros(1, 2, 1), torch.tensor([[[1.0], [3.0]]]), torch.zeros(1, 1, 1), torch.tensor([[[5.0]]]))
    expected = 0.5 * (5 - 2) ** 2 + 0.5 * torch.tensor(2 * torch.pi).log()
    assert Mean()(values).item() == pytest.approx(expected.item(), abs=1e-6)


def test_adapting_is_extending_the_prior(counted):
    learner = Frequencies()
    adapted = learner.adapt(counted.support_x, counted.support_y)
    assert adapted.counts_TN.tolist() == [[4.0, 2.0, 1.0], [1.0, 1.0, 5.0]]


def test_extending_twice_equals_adapting_once(counted):
    learner, x, y = Frequencies(), counted.support_x, counted.support_y
    in_parts = learner.extend(learner.extend(learner.prior(2), x[:, :1], y[:, :1]), x[:, 1:], y[:, 1:])
    assert torch.equal(in_parts.counts_TN, learner.adapt(x, y).counts_TN)


def test_calling_a_learner_gives_its_own_meta_loss(counted):
    class Constant(Frequencies):
        def meta_loss(self, tasks):
            return torch.tensor(42.0)

    assert Constant()(counted).item() == 42.0


def test_training_goes_through_the_hooks_of_forward(counted):
    learner, seen = Frequencies(), []
    learner.register_forward_hook(lambda module, arguments, loss: seen.append(loss.ndim))
    learner(counted)
    assert seen == [0]


def test_gradients_reach_the_parameters_through_the_call():
    learner = Mean()
    y = torch.ones(2, 3, 1)
    learner(Tasks(y, y, y, y + 1)).backward()
    assert learner.bias.grad.item() == pytest.approx(-1.0)


def test_a_learner_claims_nothing_unless_it_says_so():
    assert (Learner.order_matters, Learner.is_transductive, Learner.labels_are_slots) == (False, False, False)


def test_a_learner_without_adapt_and_predict_cannot_be_made():
    class OnlyPredicts(Learner):
        def predict(self, state, query_x):
            return categorical(query_x)

    with pytest.raises(TypeError, match="adapt"):
        OnlyPredicts()


def test_an_online_learner_needs_prior_and_extend():
    class OnlyExtends(OnlineLearner):
        def extend(self, state, support_x, support_y):
            return state

        def predict(self, state, query_x):
            return categorical(query_x)

    with pytest.raises(TypeError, match="prior"):
        OnlyExtends()


def test_gradients_switched_off_come_back_with_training_and_others_do_not():
    learner = Mean()
    learner.fixed = nn.Parameter(torch.zeros(1), requires_grad=False)
    assert learner.eval().switch_gradients_off() is learner
    assert not learner.bias.requires_grad
    learner.eval()
    assert not learner.bias.requires_grad
    learner.switch_gradients_off()  # A second time changes nothing.
    assert learner.train() is learner
    assert learner.bias.requires_grad
    assert not learner.fixed.requires_grad


def test_a_learner_knows_the_shape_of_its_inputs_by_what_reads_them_first():
    class Images(nn.Identity):
        image_shape = (1, 4, 4)

    learner = Mean()
    assert learner.example_shape is None
    learner.network = Images()
    assert learner.example_shape == (1, 4, 4)
    learner.encoder = nn.Sequential(nn.Sequential(Images(), nn.Flatten()), nn.Linear(16, 2))
    learner.network = None
    assert learner.example_shape == (1, 4, 4)
    learner.encoder = nn.Sequential(nn.Flatten(), Images())
    assert learner.example_shape is None


def test_without_a_mask_an_online_learner_need_not_know_of_masks(counted):
    with pytest.raises(TypeError, match="extend"):
        Frequencies().adapt(counted.support_x, counted.support_y, torch.ones(2, 4, dtype=torch.bool))
