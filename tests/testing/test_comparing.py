import copy

import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, Normal

from quickstudy.core import Tasks
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.testing.comparing import (
    TOLERANCE,
    LawBrokenError,
    adapt,
    answers,
    demand,
    demand_equal,
    inside,
    is_classification,
    num_ways,
    predict,
    same,
    summary,
)


def test_a_demand_that_holds_is_silent_and_another_says_why() -> None:
    demand(True, "never said")
    with pytest.raises(LawBrokenError, match="said so"):
        demand(False, "said so")


def test_equal_means_equal_up_to_rounding_and_of_one_shape() -> None:
    one = torch.ones(3, dtype=torch.float64)
    demand_equal(one, one + 0.5 * TOLERANCE, "never said")
    with pytest.raises(LawBrokenError, match=r"differs: by up to 2e-06\."):
        demand_equal(one, one + 2 * TOLERANCE, "differs")
    with pytest.raises(LawBrokenError, match="by up to inf"):
        demand_equal(one, torch.ones(1, 3, dtype=torch.float64), "differs")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (torch.ones(2), torch.ones(2), True),
        (torch.ones(2), torch.ones(2) + 1e-7, False),
        (torch.ones(2), torch.ones(1, 2), False),
        (torch.ones(2), [1.0, 1.0], False),
        ({"a": [torch.zeros(1)]}, {"a": [torch.zeros(1)]}, True),
        ({"a": [torch.zeros(1)]}, {"a": [torch.ones(1)]}, False),
        ({"a": 1}, {"b": 1}, False),
        ((1, 2), (1, 2, 3), False),
        (float("nan"), float("nan"), True),
        (None, None, True),
        (None, 0, False),
        (nn.ReLU(), nn.ReLU(), True),
        (nn.ReLU(), nn.GELU(), False),
    ],
)
def test_same_is_bit_for_bit_all_through(one: object, other: object, expected: bool) -> None:
    assert same(one, other) is expected


def test_what_is_inside_a_learner_shows_every_attribute_of_every_module() -> None:
    learner = ProtoNet(Conv4(channels=8))
    before = inside(learner)
    assert same(before, inside(copy.deepcopy(learner)))
    learner.encoder.blocks[1].running_mean += 1
    assert not same(before, inside(learner))
    learner.encoder.blocks[1].running_mean -= 1
    learner.note = 1
    assert not same(before, inside(learner))


def test_a_prediction_is_summarised_by_its_probabilities_or_by_its_mean_and_variance() -> None:
    probs = torch.tensor([[[0.2, 0.8]]])
    assert torch.allclose(summary(Categorical(probs=probs)), probs)
    values = summary(Independent(Normal(torch.tensor([[[3.0]]]), torch.tensor([[[2.0]]])), 1))
    assert values.flatten().tolist() == [3.0, 4.0]


def test_a_learner_is_asked_without_gradients(tasks: Tasks) -> None:
    learner = ProtoNet(Conv4(channels=8)).eval()
    state = adapt(learner, tasks)
    assert not state.prototypes.requires_grad
    assert not predict(learner, state, tasks).logits.requires_grad
    assert torch.equal(answers(learner, tasks), predict(learner, state, tasks).probs)


def test_classes_are_told_from_values_and_counted(tasks: Tasks) -> None:
    assert is_classification(tasks)
    assert num_ways(tasks) == 3
    assert not is_classification(tasks._replace(support_y=tasks.support_y.float()))
    assert answers(Nearest(), tasks).shape == (4, 9, 3)
