"""Differentiable plasticity as a few-shot learner."""

import pytest
import torch
from torch import nn
from torch.nn.functional import layer_norm

from quickstudy.core import Tasks, UserError
from quickstudy.learners.plastic import Plastic


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def build(**options) -> Plastic:
    torch.manual_seed(0)
    return Plastic(nn.Identity(), 5, **{"max_ways": 3, **options}).double().eval()


@pytest.mark.parametrize("rule", ["hebb", "oja"])
def test_the_trace_is_that_of_the_rule_with_the_label_as_activity(rule, vectors):
    learner = build(rule=rule)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    trace, connections = learner.prior(2).trace, learner.connections
    for step in range(6):
        before = layer_norm(vectors.support_x[:, step], (5,))
        trace = connections.step(trace, before, nn.functional.one_hot(vectors.support_y[:, step], 3).double())
    assert torch.allclose(state.trace, trace, atol=1e-12)


def test_before_training_it_compares_with_the_mean_of_a_class(vectors):
    learner = build(rule="oja", first_rate=0.3)
    with torch.no_grad():
        learner.connections.fixed.zero_()
    state = learner.adapt(vectors.support_x[:, :3], vectors.support_y[:, :3])
    logits = learner.predict(state, vectors.query_x).logits
    support, query = layer_norm(vectors.support_x[0, :3], (5,)), layer_norm(vectors.query_x[0], (5,))
    expected = (0.3 * 0.5 * query @ support.T).log_softmax(dim=-1)
    assert torch.allclose(logits[0], expected, atol=1e-6)


def test_with_hebbs_rule_every_example_fades_all_traces_and_with_ojas_those_of_its_label(vectors):
    for rule, faded in (("hebb", [True] * 3), ("oja", [True, False, False])):
        learner = build(rule=rule)
        before = learner.adapt(vectors.support_x[:1, :3], vectors.support_y[:1, :3])
        nothing = torch.zeros(1, 1, 5, dtype=torch.float64)
        after = learner.extend(before, nothing, torch.zeros(1, 1, dtype=torch.long))
        assert [not torch.allclose(after.trace[0, :, n], before.trace[0, :, n]) for n in range(3)] == faded


def test_features_may_be_projected(vectors):
    learner = build(width=8)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    assert state.trace.shape == (2, 8, 3)
    assert learner.predict(state, vectors.query_x).probs.shape == (2, 4, 3)


def test_before_any_example_every_slot_is_possible(vectors):
    learner = build()
    assert (learner.predict(learner.prior(2), vectors.query_x).probs > 0).all()


def test_labels_beyond_the_slots_are_refused(vectors):
    with pytest.raises(UserError, match="built for 2 ways"):
        build(max_ways=2).adapt(vectors.support_x, vectors.support_y)
