"""The self-referential weight matrix as a few-shot learner."""

import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.learners.srwm import SRWM


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def build(**options) -> SRWM:
    torch.manual_seed(0)
    sizes = {"max_ways": 3, "channels": 8, "num_heads": 2, "hidden": 16}
    return SRWM(5, **{**sizes, **options}).double().eval()


def test_the_prior_is_the_trained_weights_of_each_layer(vectors):
    learner = build()
    for leaf, block in zip(learner.prior(2).carried, learner.network.cell.blocks, strict=True):
        assert torch.equal(leaf, block.layer.first.expand(2, 2, 4, 16))


def test_every_weight_of_every_layer_changes_with_the_first_example_and_none_with_a_query(vectors):
    learner = build()
    state = learner.extend(learner.prior(2), vectors.support_x[:, :1], vectors.support_y[:, :1])
    for before, after in zip(learner.prior(2).carried, state.carried, strict=True):
        assert ((after - before) != 0).all()
    kept = [leaf.clone() for leaf in state.carried]
    learner.predict(state, vectors.query_x)
    assert all(torch.equal(one, other) for one, other in zip(kept, state.carried, strict=True))


def test_a_query_is_answered_as_the_next_item_of_the_sequence(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    found = learner.predict(state, vectors.query_x).probs
    x = torch.cat([vectors.support_x, vectors.query_x[:, :1]], dim=1)
    y = torch.cat([vectors.support_y, vectors.query_y[:, :1]], dim=1)
    assert torch.allclose(found[:, 0], learner.predict_sequence(x, y).probs[:, -1], atol=1e-10)


def test_the_loss_of_training_is_that_of_the_queries_alone(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    expected = -learner.predict(state, vectors.query_x).log_prob(vectors.query_y).mean()
    assert torch.allclose(learner(vectors), expected, atol=1e-12)


def test_the_order_of_the_support_matters(vectors):
    learner = build()
    assert learner.order_matters
    found = [
        learner.predict(learner.adapt(x, y), vectors.query_x).probs
        for x, y in ((vectors.support_x, vectors.support_y), (vectors.support_x.flip(1), vectors.support_y.flip(1)))
    ]
    assert not torch.allclose(*found, atol=1e-6)


def test_labels_beyond_the_slots_are_refused(vectors):
    with pytest.raises(UserError, match="built for 2 ways"):
        build(max_ways=2).adapt(vectors.support_x, vectors.support_y)
