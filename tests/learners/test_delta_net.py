"""DeltaNet and linear fast weights as few-shot learners."""

from itertools import pairwise

import pytest
import torch

from quickstudy.core import Tasks, leaves
from quickstudy.learners.delta_net import DeltaNet
from quickstudy.networks.delta_rule import DeltaRuleLayer


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def build(**options) -> DeltaNet:
    torch.manual_seed(0)
    sizes = {"max_ways": 3, "channels": 8, "num_heads": 2, "hidden": 16}
    return DeltaNet(5, **{**sizes, **options}).double().eval()


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (2, 2, 4, 4)), ({"rule": "sum"}, (2, 2, 4, 5)), ({"features": "dpfp", "degree": 2}, (2, 2, 16, 4))],
)
def test_the_state_is_a_matrix_of_each_head_and_layer_however_many_examples_were_read(options, shape, vectors):
    learner = build(**options)
    for size in (1, 6):
        state = learner.adapt(vectors.support_x[:, :size], vectors.support_y[:, :size])
        assert [tuple(leaf.shape) for leaf in state.carried] == [shape, shape]


def test_the_rule_is_that_of_every_layer():
    for rule in ("delta", "sum"):
        layers = [part.rule for part in build(rule=rule, num_blocks=3).modules() if isinstance(part, DeltaRuleLayer)]
        assert layers == [rule] * 3


def test_the_loss_of_training_is_that_of_the_queries_alone(vectors):
    learner = build()
    state = learner.adapt(vectors.support_x, vectors.support_y)
    expected = -learner.predict(state, vectors.query_x).log_prob(vectors.query_y).mean()
    assert torch.allclose(learner(vectors), expected, atol=1e-12)


def test_without_the_first_label_nothing_is_known_and_every_slot_is_possible(vectors):
    learner = build()
    prediction = learner.predict(learner.prior(2), vectors.query_x)
    assert (prediction.probs > 0).all()
    assert all(not leaf.any() for leaf in leaves(learner.prior(2)))


def test_an_example_that_is_read_twice_changes_less_the_second_time(vectors):
    learner = build()
    x, y = vectors.support_x[:, :1], vectors.support_y[:, :1]
    states = [learner.prior(2)]
    for _ in range(2):
        states.append(learner.extend(states[-1], x, y))
    first, second = ((after.carried[0] - before.carried[0]).norm() for before, after in pairwise(states))
    assert second < first


def test_it_compiles_as_a_whole(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, *given, **named: compiled.append(type(self)))
    build().compile()
    assert compiled == [DeltaNet]
