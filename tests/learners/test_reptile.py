import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quickstudy.core import Tasks, UserError
from quickstudy.learners import Reptile
from quickstudy.networks.functional import HEAD, FunctionalConv4, FunctionalNetwork


class Line(FunctionalNetwork):
    """y = t x, of one weight t: its squared error is a quadratic in t."""

    def __init__(self, start: float) -> None:
        super().__init__(1, 1, 1.0)
        self.first = nn.ParameterDict({"head": nn.Parameter(torch.tensor([[start]], dtype=torch.float64))})

    def features(self, weights, x, normalise):
        return x

    def head(self, weights, z_TED):
        return z_TED @ weights["head"]


def quadratic(curvature, centres) -> Tasks:
    """Tasks whose loss is a/2 (t − c)², in support and query alike."""
    c_T11 = torch.tensor(centres, dtype=torch.float64)[:, None, None]
    x_T11 = torch.full_like(c_T11, math.sqrt(curvature / 2))
    return Tasks(x_T11, x_T11 * c_T11, x_T11, x_T11 * c_T11)


def line_learner(start, **options) -> Reptile:
    return Reptile(Line(start), answers="values", inner_optimiser="sgd", **options).double()


def conv_learner(**options) -> Reptile:
    options = {"test_steps": 5, **options}
    network = FunctionalConv4(3, channels=6, pooling="none", scales=True, head_deviation=0.3)
    return Reptile(network, **options).double()


def gradients(learner, tasks) -> dict[str, torch.Tensor]:
    learner.zero_grad()
    learner(tasks).backward()
    return {name: parameter.grad.clone() for name, parameter in learner.network.first.named_parameters()}


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


@pytest.fixture
def exact(tasks) -> Tasks:
    return tasks.to("cpu", torch.float64)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_on_a_quadratic_the_way_gone_is_known(steps):
    start, curvature, rate, centres = 0.7, 1.5, 0.3, [2.0, -1.0]
    learner = line_learner(start, inner_rate=rate, inner_steps=steps)
    found = gradients(learner, quadratic(curvature, centres))["head"]
    way = [(1 - (1 - rate * curvature) ** steps) * (start - centre) for centre in centres]
    assert float(found) == pytest.approx(sum(way) / 2, rel=1e-12)


def test_after_one_plain_step_the_gradient_is_that_of_the_loss(exact):
    learner = conv_learner(inner_optimiser="sgd", inner_rate=0.01, inner_steps=1, batch_size=15).eval()
    found = gradients(learner, exact)
    x, y = torch.cat([exact.support_x, exact.query_x], dim=1), torch.cat([exact.support_y, exact.query_y], dim=1)
    logits = learner.network(learner.network.weights(4), x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    learner.zero_grad()
    loss.backward()
    for name, parameter in learner.network.first.named_parameters():
        torch.testing.assert_close(found[name], 0.01 * parameter.grad, rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(learner(exact), loss, rtol=1e-10, atol=0)


def test_a_whole_outer_step_with_one_task_goes_where_its_training_led(exact):
    one = Tasks(*(field[:1] for field in exact))
    learner = conv_learner(inner_steps=3, test_steps=3, batch_size=4, test_batch_size=4).eval()
    x, y = torch.cat([one.support_x, one.query_x], dim=1), torch.cat([one.support_y, one.query_y], dim=1)
    there = dict(zip(learner.adapted_names, learner.adapt(x, y).weights, strict=True))
    learner(one).backward()
    torch.optim.SGD(learner.parameters(), lr=1.0).step()
    for name, weight in learner.network.first.items():
        assert torch.allclose(weight, there[name][0], atol=1e-12)


def test_an_outer_step_of_no_length_changes_no_weight(exact):
    learner = conv_learner()
    before = [parameter.clone() for parameter in learner.parameters()]
    learner(exact).backward()
    torch.optim.SGD(learner.parameters(), lr=0.0).step()
    assert all(torch.equal(*pair) for pair in zip(before, learner.parameters(), strict=True))


def test_many_tasks_move_the_weights_to_the_mean_of_where_they_led(exact):
    learner = conv_learner(inner_steps=2).eval()
    together = gradients(learner, exact)
    alone = [gradients(learner, Tasks(*(field[task : task + 1] for field in exact))) for task in range(4)]
    for name, gradient in together.items():
        assert torch.allclose(gradient, torch.stack([each[name] for each in alone]).mean(dim=0), atol=1e-10)


def test_the_inner_optimiser_is_adam_without_momentum(exact):
    learner = conv_learner(test_steps=4, test_batch_size=6, inner_rate=0.01).eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    for task in range(4):
        weights = {name: each.detach().clone() for name, each in learner.network.first.items()}
        optimiser = torch.optim.Adam([weight.requires_grad_() for weight in weights.values()], 0.01, betas=(0.0, 0.999))
        for _ in range(4):
            optimiser.zero_grad()
            batched = {name: weight[None] for name, weight in weights.items()}
            logits = learner.network(batched, exact.support_x[[task]])[0]
            F.cross_entropy(logits, exact.support_y[task]).backward()
            optimiser.step()
        for name, found in zip(learner.adapted_names, state.weights, strict=True):
            assert torch.allclose(found[task], weights[name], atol=1e-7)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_last_layer_may_have_a_rate_of_its_own(optimiser, exact):
    def step(**rates):
        learner = conv_learner(inner_optimiser=optimiser, test_steps=1, **rates).eval()
        learner.load_state_dict(first)
        return dict(zip(learner.adapted_names, learner.adapt(exact.support_x, exact.support_y).weights, strict=True))

    first = conv_learner(inner_optimiser=optimiser).state_dict()
    slow, fast, both = step(inner_rate=0.01), step(inner_rate=0.1), step(inner_rate=0.01, head_rate=0.1)
    assert all(torch.equal(weight, (fast if name in HEAD else slow)[name]) for name, weight in both.items())
    assert not torch.equal(fast["head"], slow["head"])
    assert not torch.equal(fast["conv0"], slow["conv0"])


def test_adams_second_moments_go_on_in_training_and_stay_at_test(exact):
    learner = conv_learner(inner_steps=3)
    learner.train()(exact)
    assert float(learner.num_updates) == 3
    assert (learner.square_head > 0).any()
    kept = learner.square_head.clone()
    learner.eval()(exact)
    predicted(learner, exact)
    assert torch.equal(learner.square_head, kept)
    learner.train()(exact)
    assert float(learner.num_updates) == 6
    assert not torch.equal(learner.square_head, kept)


def test_mini_batches_go_round_all_examples_before_any_comes_again():
    learner = conv_learner()
    for is_training in (True, False):
        learner.train(is_training)
        batches = learner._mini_batches(torch.zeros(3, 10, 1), steps=8, size=4)
        assert [tuple(batch.shape) for batch in batches] == [(3, 4)] * 8
        drawn = torch.cat(batches, dim=1)
        for start in (0, 10, 20):
            assert (drawn[:, start : start + 10].sort(dim=1).values == torch.arange(10)).all()
        assert not torch.equal(drawn[:, :10], drawn[:, 10:20])
        assert torch.equal(drawn[0], drawn[1]) != is_training


def test_a_mini_batch_of_more_examples_than_there_are_holds_all():
    batches = conv_learner()._mini_batches(torch.zeros(2, 5, 1), steps=3, size=10)
    assert [sorted(batch[0].tolist()) for batch in batches] == [[0, 1, 2, 3, 4]] * 3


def test_the_support_and_the_queries_are_trained_on_alike(exact):
    learner = conv_learner(inner_steps=1, batch_size=15).eval()
    swapped = Tasks(exact.query_x, exact.query_y, exact.support_x, exact.support_y)
    one, other = gradients(learner, exact), gradients(learner, swapped)
    assert all(torch.allclose(one[name], other[name], atol=1e-9) for name in one)


def test_the_meta_loss_is_the_mean_of_the_inner_losses(exact):
    learner = conv_learner(inner_steps=6, inner_rate=0.01).eval()
    at_first = learner(exact)
    learner.inner_steps = 60
    assert learner(exact) < at_first


def test_at_test_the_answers_are_always_the_same_and_training_is_not(exact):
    learner = conv_learner(test_batch_size=2).eval()
    assert torch.equal(predicted(learner, exact).probs, predicted(learner, exact).probs)
    learner.train()
    assert not torch.equal(learner(exact), learner(exact))


def test_adapting_leaves_the_first_weights_alone(exact):
    learner = conv_learner().eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    learner.adapt(exact.support_x, exact.support_y)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())


def test_after_adapting_it_knows_the_support(exact):
    learner = conv_learner(test_steps=50, inner_rate=0.01, test_batch_size=6).eval()
    on_support = exact._replace(query_x=exact.support_x)
    assert (predicted(learner, on_support).probs.argmax(-1) == exact.support_y).double().mean() > 0.95


def test_a_transductive_query_sees_the_others_and_an_inductive_one_does_not(exact):
    learner = conv_learner().eval()
    for is_transductive in (True, False):
        learner.is_transductive = is_transductive
        state = learner.adapt(exact.support_x, exact.support_y)
        together = learner.predict(state, exact.query_x).probs
        alone = learner.predict(state, exact.query_x[:, :1]).probs
        assert torch.allclose(alone, together[:, :1], atol=1e-9) == (not is_transductive)


def test_all_that_normalises_is_trained_on_the_task_too():
    names = conv_learner().adapted_names
    assert {"head", "head_bias", "conv0", "scale0", "shift0"} <= set(names)
    assert len(names) == 2 + 4 * 3


def test_values_are_learnt_with_a_deviation():
    learner = line_learner(0.7, inner_rate=0.3)
    tasks = quadratic(1.5, [2.0, -1.0])
    learner(tasks).backward()
    assert learner.log_deviation.grad.abs() > 0
    assert predicted(learner.eval(), tasks).batch_shape == (2, 1)


def test_what_cannot_be_read_is_refused(exact):
    learner = conv_learner()
    with pytest.raises(UserError, match="label 4"):
        learner.adapt(exact.support_x, exact.support_y + 2)
    with pytest.raises(UserError, match="label 4"):
        learner(exact._replace(support_y=exact.support_y + 2))
    with pytest.raises(UserError, match="support is empty"):
        learner.adapt(exact.support_x[:, :0], exact.support_y[:, :0])
    with pytest.raises(ValueError, match="inner_optimiser is 'rmsprop'"):
        conv_learner(inner_optimiser="rmsprop")
    with pytest.raises(ValueError, match="one at least"):
        conv_learner(test_steps=0)
