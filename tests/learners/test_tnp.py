import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.learners import TNP
from quickstudy.tasks import GaussianProcesses, PointLayout


def build(num_inputs=1, num_outputs=1, **options) -> TNP:
    """In float64, of two layers and two heads."""
    torch.manual_seed(0)
    sizes = {"channels": 16, "num_blocks": 2, "num_heads": 2, "hidden": 32, "floor": 0.1}
    return TNP(num_inputs, num_outputs, **{**sizes, **options}).double().eval()


@pytest.fixture
def functions(generator) -> Tasks:
    """Three functions, five points given and four asked for, in float64."""
    return GaussianProcesses(PointLayout(5, 4)).sample(3, generator).to("cpu", torch.float64)


def adapted(learner, tasks):
    return learner.adapt(tasks.support_x, tasks.support_y)


def test_every_layer_reads_what_the_layer_before_made_of_the_points(functions):
    learner = build()
    ones, zeros = (torch.full((3, count, 1), value).double() for count, value in ((5, 1), (4, 0)))
    points = learner.token(torch.cat([functions.support_x, functions.support_y, ones], dim=-1))
    points = torch.cat([learner.nothing.expand(3, 1, -1), points], dim=1)
    asked = learner.token(torch.cat([functions.query_x, zeros, zeros], dim=-1))
    for block in learner.blocks:
        asked = block(asked, block.remember(points))
        points = block(points, block.remember(points))
    expected = learner.head(learner.decoder(asked))
    found = learner.predict(adapted(learner, functions), functions.query_x)
    assert torch.allclose(found.mean, expected.mean)


def test_in_turn_the_first_query_knows_the_support_alone(functions):
    learner = build()
    state = adapted(learner, functions)
    alone = learner.predict(state, functions.query_x[:, :1])
    in_turn = learner.predict_in_turn(state, functions.query_x, functions.query_y)
    assert torch.allclose(in_turn.mean[:, :1], alone.mean)


def test_in_turn_a_query_knows_the_values_before_it_and_neither_its_own_nor_later_ones(functions):
    learner = build()
    y = functions.query_y.clone().requires_grad_()
    mean = learner.predict_in_turn(adapted(learner, functions), functions.query_x, y).mean
    for query in range(4):
        gradient = torch.autograd.grad(mean[:, query].sum(), y, retain_graph=True)[0]
        assert not gradient[:, query:].any()
        assert (gradient[:, :query] != 0).all()


def test_in_turn_queries_do_not_read_each_others_places(functions):
    learner = build()
    x = functions.query_x.clone().requires_grad_()
    mean = learner.predict_in_turn(adapted(learner, functions), x, functions.query_y).mean
    gradient = torch.autograd.grad(mean[:, 1].sum(), x)[0]
    assert gradient[:, :2].all()
    assert not gradient[:, 2:].any()


def test_training_in_turn_lowers_the_likelihood_of_all_values_together(functions):
    learner = build(is_autoregressive=True)
    expected = learner.predict_in_turn(adapted(learner, functions), functions.query_x, functions.query_y)
    assert torch.allclose(learner(functions), -expected.log_prob(functions.query_y).mean())
    by_itself = build()
    assert not torch.allclose(by_itself(functions), learner(functions))


def test_a_function_is_drawn_point_by_point_and_the_same_for_the_same_generator(functions):
    learner = build(is_autoregressive=True)
    state = adapted(learner, functions)
    with torch.no_grad():
        one, same, other = (
            learner.sample_in_turn(state, functions.query_x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
        )
        before_last = learner.predict_in_turn(state, functions.query_x, one)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (3, 4, 1)
    assert ((one - before_last.mean).abs() < 6 * before_last.stddev).all()


def test_functions_of_ink_are_not_drawn(functions):
    learner = build(likelihood="bernoulli", is_autoregressive=True)
    ink = functions._replace(support_y=functions.support_y.sigmoid())
    with pytest.raises(UserError, match="bernoulli"):
        learner.sample_in_turn(adapted(learner, ink), functions.query_x, torch.Generator())


def test_without_points_there_is_an_answer(functions):
    learner = build()
    state = learner.adapt(functions.support_x[:, :0], functions.support_y[:, :0])
    prediction = learner.predict(state, functions.query_x)
    assert torch.isfinite(prediction.log_prob(functions.query_y)).all()


def test_inputs_and_values_may_have_several_numbers(generator):
    x, y = (torch.randn(2, 6, size, generator=generator, dtype=torch.float64) for size in (2, 3))
    learner = build(2, 3)
    assert learner.predict(learner.adapt(x, y), x).event_shape == (3,)
