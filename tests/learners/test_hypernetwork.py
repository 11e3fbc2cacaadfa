"""The hypernetwork generates a classifier that is the same function, whoever evaluates it."""

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm, linear

from quickstudy.core import Tasks
from quickstudy.learners.hypernetwork import Hypernetwork


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def build(**options) -> Hypernetwork:
    torch.manual_seed(0)
    sizes = {"hidden": 16, "embedding": 8, "width": 32}
    return Hypernetwork(nn.Identity(), 5, **{**sizes, **options}).double().eval()


def test_the_prediction_is_that_of_a_perceptron_with_the_generated_weights(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    found = learner.predict(state, vectors.query_x).logits
    for task in range(2):
        weights, shifts, rows, row_shifts = (leaf[task] for leaf in state[:4])
        hidden = linear(layer_norm(vectors.query_x[task], (5,)), weights, shifts).relu()
        expected = linear(hidden, rows, row_shifts).log_softmax(dim=-1)
        assert torch.allclose(found[task], expected, atol=1e-12)


def test_the_first_layer_depends_on_the_whole_task_and_a_row_on_its_own_class(vectors):
    learner, other = build(), vectors.support_x.clone()
    other[0, [0, 3]] += torch.randn(5, dtype=torch.float64)  # Class 0 of the first task.
    one, two = (learner.adapt(x, vectors.support_y) for x in (vectors.support_x, other))
    assert not torch.allclose(one.hidden_weights[0], two.hidden_weights[0])
    assert not torch.allclose(one.class_weights[0, 0], two.class_weights[0, 0])
    assert torch.allclose(one.class_weights[0, 1:], two.class_weights[0, 1:], atol=1e-12)


def test_at_first_logits_have_variance_one_with_hyperfan_and_not_with_the_usual_initialisation():
    x, y = torch.randn(100, 10, 64, generator=torch.Generator().manual_seed(0)), torch.arange(5).repeat(100, 2)
    spreads = {}
    for initialisation in ("hyperfan", "usual"):
        torch.manual_seed(0)
        learner = Hypernetwork(nn.Identity(), 64, initialisation=initialisation).eval()
        with torch.no_grad():
            state = learner.adapt(x, y)
            hidden = learner._scaled(x) @ state.hidden_weights.mT + state.hidden_shifts[:, None]
            logits = hidden.relu() @ state.class_weights.mT + state.class_shifts[:, None]
        spreads[initialisation] = float(hidden.var()), float(logits.var())
    assert spreads["hyperfan"] == pytest.approx((1, 1), rel=0.25)
    assert spreads["usual"][1] > 50


def test_classes_that_a_task_does_not_have_change_nothing(vectors):
    learner = build()
    y = torch.stack([vectors.support_y[0], vectors.support_y[1].clamp(max=1)])  # The second task has two classes.
    both = learner.predict(learner.adapt(vectors.support_x, y), vectors.query_x).probs
    alone = learner.predict(learner.adapt(vectors.support_x[1:], y[1:]), vectors.query_x[1:]).probs
    assert torch.allclose(both[1, :, :2], alone[0], atol=1e-12)
    assert not both[1, :, 2].any()


def test_any_ways_and_shots_are_read(vectors):
    learner = build()
    for ways, shots in ((2, 1), (7, 3)):
        y = torch.arange(ways).repeat(1, shots)
        x = torch.randn(1, ways * shots, 5, dtype=torch.float64)
        assert learner.predict(learner.adapt(x, y), x).probs.shape == (1, ways * shots, ways)


def test_the_meta_loss_is_the_mean_nll_of_the_queries(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    expected = -learner.predict(state, vectors.query_x).log_prob(vectors.query_y).mean()
    assert torch.allclose(learner(vectors), expected, atol=1e-12)
