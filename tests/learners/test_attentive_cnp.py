import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.learners import AttentiveCNP
from quickstudy.networks.attention import split_heads
from quickstudy.tasks import GaussianProcesses, PointLayout


def build(num_inputs=1, num_outputs=1, **options) -> AttentiveCNP:
    """In float64, of two heads."""
    torch.manual_seed(0)
    sizes = {"channels": 16, "num_heads": 2, "self_attention": 1}
    return AttentiveCNP(num_inputs, num_outputs, **{**sizes, **options}).double().eval()


@pytest.fixture
def functions(generator) -> Tasks:
    """Three functions, five points given and four asked for, in float64."""
    return GaussianProcesses(PointLayout(5, 4)).sample(3, generator).to("cpu", torch.float64)


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def test_a_query_reads_a_mean_of_the_points_weighted_by_how_alike_their_places_are(functions):
    learner = build()
    state = learner.adapt(functions.support_x, functions.support_y)
    query_THQC = split_heads(learner.place(functions.query_x), 2)
    keys, values = state.seen.keys, state.seen.values
    weights_THQP = (query_THQC @ keys.transpose(2, 3) / 8**0.5).softmax(dim=-1)
    r_TQC = learner.mix((weights_THQP @ values).transpose(1, 2).flatten(2))
    expected = learner.head(learner.decoder(torch.cat([r_TQC, functions.query_x], dim=-1)))
    found = learner.predict(state, functions.query_x)
    assert torch.allclose(found.mean, expected.mean)
    assert torch.allclose(found.stddev, expected.stddev)


def test_keys_are_of_places_alone(functions):
    learner = build()
    other = torch.randn_like(functions.support_y)
    keys = learner.adapt(functions.support_x, functions.support_y).seen.keys
    assert torch.equal(keys, learner.adapt(functions.support_x, other).seen.keys)


def test_points_see_each_other_before_they_are_read(functions):
    for blocks, sees in ((1, True), (0, False)):
        learner = build(self_attention=blocks)
        y = functions.support_y.clone().requires_grad_()
        values = learner.adapt(functions.support_x, y).seen.values
        gradient = torch.autograd.grad(values[:, :, 1].sum(), y)[0]  # Of the first point, after that of nothing.
        assert bool(gradient[:, 1:].any()) is sees


def test_without_points_it_predicts_the_same_for_every_task_and_something_for_every_place(functions):
    nothing = functions._replace(support_x=functions.support_x[:, :0], support_y=functions.support_y[:, :0])
    same_place = nothing._replace(query_x=torch.zeros_like(nothing.query_x))
    mean = predicted(build(), same_place).mean
    assert torch.equal(mean, mean[:1, :1].expand(3, 4, 1))
    assert torch.isfinite(predicted(build(), nothing).mean).all()


def test_inputs_and_values_may_have_several_numbers(generator):
    learner = build(2, 3)
    x, y = (torch.randn(2, 6, size, generator=generator, dtype=torch.float64) for size in (2, 3))
    prediction = learner.predict(learner.adapt(x, y), x)
    assert prediction.batch_shape == (2, 6)
    assert prediction.event_shape == (3,)


def test_values_of_another_size_are_refused(functions):
    with pytest.raises(UserError, match=r"\(3, 5, 2\)"):
        build().adapt(functions.support_x, functions.support_y.expand(-1, -1, 2))
