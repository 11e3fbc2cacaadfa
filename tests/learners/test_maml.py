import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from quickstudy.core import Tasks, UserError, select_tasks, unchecked_distributions
from quickstudy.learners import MAML
from quickstudy.networks.functional import FunctionalConv4, FunctionalNetwork, FunctionalPerceptron
from quickstudy.tasks import PointLayout, Sinusoids

INNER, OUTER = 1.5, 2.5  # The curvatures a and b of the quadratic's losses.


class Line(FunctionalNetwork):
    """y = t x, of one weight t: its squared error is a quadratic in t."""

    def __init__(self, start: float) -> None:
        super().__init__(1, 1, 1.0)
        self.first = nn.ParameterDict({"head": nn.Parameter(torch.tensor([[start]], dtype=torch.float64))})

    def features(self, weights, x, normalise):
        return x

    def head(self, weights, z_TED):
        return z_TED @ weights["head"]


def quadratic(start, c, d) -> Tasks:
    """Tasks whose inner loss is a/2 (t − c)², and whose outer one b/2 (t − d)²."""
    c, d = (torch.as_tensor(each, dtype=torch.float64)[:, None, None] for each in (c, d))
    inner, outer = math.sqrt(INNER / 2), math.sqrt(OUTER / 2)
    one = torch.ones_like(c)
    return Tasks(inner * one, inner * c, outer * one, outer * d)


def quadratic_learner(start=0.7, **options) -> MAML:
    learner = MAML(Line(start), answers="values", **options).double()
    # At this deviation minus the log-likelihood is the squared error, up to a constant.
    nn.init.constant_(learner.log_deviation, -0.5 * math.log(2))
    return learner


def conv_learner(num_ways=3, **options) -> MAML:
    return MAML(FunctionalConv4(num_ways, channels=6, head_deviation=0.5), **options).double()


def gradients(learner, tasks) -> dict[str, torch.Tensor]:
    learner.zero_grad()
    learner(tasks).backward()
    return {name: parameter.grad.clone() for name, parameter in learner.named_parameters()}


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


@pytest.fixture
def exact(tasks) -> Tasks:
    return tasks.to("cpu", torch.float64)


def test_on_a_quadratic_the_meta_gradient_is_known():
    start, rate, c, d = 0.7, 0.3, [2.0, -1.0], [1.0, 0.5]
    tasks = quadratic(start, c, d)
    adapted = [start - rate * INNER * (start - each) for each in c]
    first = [OUTER * (there - each) for there, each in zip(adapted, d, strict=True)]
    found = gradients(quadratic_learner(start, inner_rate=rate), tasks)["network.first.head"]
    assert float(found) == pytest.approx((1 - rate * INNER) * sum(first) / 2, rel=1e-12)
    found = gradients(quadratic_learner(start, inner_rate=rate, first_order=True), tasks)["network.first.head"]
    assert float(found) == pytest.approx(sum(first) / 2, rel=1e-12)


def test_on_a_quadratic_many_inner_steps_go_where_gradient_descent_goes():
    learner = quadratic_learner(0.7, inner_rate=0.3, inner_steps=4)
    tasks = quadratic(0.7, [2.0], [1.0])
    state = learner.adapt(tasks.support_x, tasks.support_y)
    assert float(state.weights[0].detach()) == pytest.approx(2.0 + (1 - 0.3 * INNER) ** 4 * (0.7 - 2.0), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(
    "options", [{}, {"adapts": "head"}, {"learns_rates": True}, {"is_transductive": False}], ids=str
)
def test_the_meta_gradient_of_second_order_is_that_of_finite_differences(exact, generator, steps, options):
    # In eval mode, where labels stay in their slots. Softplus for ReLU, whose kinks finite differences may step over.
    learner = conv_learner(inner_steps=steps, **options).eval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "relu", lambda x: F.softplus(x, beta=3))
        found = gradients(learner, exact)
        for parameter, gradient in zip(learner.parameters(), found.values(), strict=True):
            direction = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            losses = []
            for sign in (1e-5, -1e-5):
                with torch.no_grad():
                    parameter.add_(sign * direction)
                    losses.append(learner(exact))
                    parameter.sub_(sign * direction)
            expected = (losses[0] - losses[1]) / 2e-5
            assert float((gradient * direction).sum()) == pytest.approx(float(expected), rel=1e-4, abs=1e-8)


def per_task_loop(learner, tasks):
    """The mean of the queries' losses, a task at a time, as the paper's Algorithm 2 has it."""

    def forward(weights, x):
        for block in range(4):
            x = F.conv2d(x, weights[f"conv{block}"], stride=2, padding=1)
            x = F.batch_norm(x, None, None, None, weights[f"shift{block}"], training=True, eps=1e-3).relu()
        return x.mean((2, 3)) @ weights["head"] + weights["head_bias"]

    total = 0.0
    for support_x, support_y, query_x, query_y in zip(*tasks, strict=True):
        weights = dict(learner.network.first.items())
        for _ in range(learner.inner_steps):
            loss = 3 * F.cross_entropy(forward(weights, support_x), support_y)
            names = [name for name in weights if not name.startswith("shift")]
            found = torch.autograd.grad(loss, [weights[name] for name in names], create_graph=not learner.first_order)
            weights |= {name: weights[name] - 0.4 * each for name, each in zip(names, found, strict=True)}
        total = total + F.cross_entropy(forward(weights, query_x), query_y)
    return total / len(tasks.support_x)


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_all_tasks_at_once_learn_what_a_loop_over_them_learns(exact, steps, first_order):
    learner = conv_learner(inner_steps=steps, first_order=first_order).eval()
    expected = per_task_loop(learner, exact)
    found = gradients(learner, exact)
    torch.testing.assert_close(learner(exact), expected, rtol=1e-9, atol=0)
    learner.zero_grad()
    expected.backward()
    for name, parameter in learner.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-5, atol=1e-9)


def dense_learner(**options) -> MAML:
    return MAML(FunctionalPerceptron(784, (40, 30), 3, head_deviation=0.5), **options).double().eval()


@pytest.mark.parametrize(
    "options", [{}, {"inner_steps": 3}, {"inner_steps": 3, "first_order": True}, {"is_transductive": False}], ids=str
)
def test_large_matrices_learn_the_same_whether_steps_are_multiplied_out_or_not(exact, options, monkeypatch):
    learner = dense_learner(**options)
    assert learner._stepped_names(6) == ["linear0", "linear1"]
    loss, found = learner(exact), gradients(learner, exact)
    monkeypatch.setattr(MAML, "_stepped_names", lambda self, num_examples: [])
    torch.testing.assert_close(loss, learner(exact), rtol=1e-10, atol=0)
    for name, expected in gradients(learner, exact).items():
        torch.testing.assert_close(found[name], expected, rtol=1e-7, atol=1e-10)


def test_the_state_of_a_large_matrix_is_its_steps_and_is_sliced_like_any_other(exact):
    learner = dense_learner(test_steps=3)
    assert learner._stepped_names(18) == ["linear0"]
    state = learner.adapt(exact.support_x, exact.support_y)
    read_TRD, change_TRN = state.weights[learner.adapted_names.index("linear0")]
    assert (read_TRD.shape, change_TRN.shape) == ((4, 18, 784), (4, 18, 40))
    assert state.weights[learner.adapted_names.index("linear1")].shape == (4, 40, 30)
    part = learner.predict(select_tasks(state, [2]), exact.query_x[[2]]).probs
    assert torch.allclose(part, learner.predict(state, exact.query_x).probs[[2]], atol=1e-12)


def test_with_more_examples_than_a_matrix_is_large_or_rates_of_its_own_it_is_multiplied_out(exact):
    assert dense_learner(inner_steps=5)._stepped_names(45) == []
    assert dense_learner(learns_rates=True)._stepped_names(1) == []
    assert conv_learner()._stepped_names(1) == []


def test_without_inner_steps_it_is_plain_training_on_all_tasks(exact):
    learner = conv_learner(inner_steps=0).eval()
    weights = learner.network.weights(4)
    logits_TQN = learner.network(weights, exact.query_x)
    expected = F.cross_entropy(logits_TQN.flatten(0, 1), exact.query_y.flatten())
    torch.testing.assert_close(learner(exact), expected, rtol=1e-12, atol=0)
    state = learner.adapt(exact.support_x, exact.support_y)
    assert torch.equal(state.weights[0], weights[learner.adapted_names[0]])


def test_at_a_vanishing_inner_rate_first_and_second_order_are_the_same(exact):
    def apart(rate):
        one, other = (conv_learner(inner_rate=rate, first_order=first_order).eval() for first_order in (False, True))
        other.load_state_dict(one.state_dict())
        pairs = zip(gradients(one, exact).values(), gradients(other, exact).values(), strict=True)
        return max(float((a - b).abs().max()) for a, b in pairs)

    assert apart(0.4) > 1e-3
    assert apart(1e-6) < 1e-5


@pytest.mark.parametrize("options", [{}, {"first_order": True}, {"adapts": "head"}, {"learns_rates": True}], ids=str)
def test_adapting_leaves_the_first_weights_alone(exact, options):
    learner = conv_learner(**options).eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    learner.adapt(exact.support_x, exact.support_y)
    assert all(torch.equal(before[name], value) for name, value in learner.state_dict().items())
    assert all(parameter.grad is None for parameter in learner.parameters())


@pytest.mark.parametrize("options", [{}, {"first_order": True}, {"adapts": "head"}, {"learns_rates": True}], ids=str)
def test_with_and_without_gradients_it_adapts_alike(exact, options):
    learner = conv_learner(inner_steps=3, **options).eval()
    expected = learner.adapt(exact.support_x, exact.support_y)
    with torch.no_grad():
        found = learner.adapt(exact.support_x, exact.support_y)
    for one, other in zip(expected.weights, found.weights, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
        assert not other.requires_grad


def test_before_adapting_it_guesses_and_after_it_knows_the_support(exact):
    learner = conv_learner(test_steps=40).eval()
    on_support = exact._replace(query_x=exact.support_x, query_y=exact.support_y)
    assert (predicted(learner, on_support).probs.argmax(-1) == exact.support_y).double().mean() > 0.95
    learner.test_steps = 0
    assert (predicted(learner, on_support).probs.argmax(-1) == exact.support_y).double().mean() < 0.6


def test_training_and_test_have_their_own_numbers_of_steps(exact):
    learner = conv_learner(inner_steps=1, test_steps=4)
    here = learner.train().adapt(exact.support_x, exact.support_y).weights
    there = learner.eval().adapt(exact.support_x, exact.support_y).weights
    learner.test_steps = 1
    again = learner.adapt(exact.support_x, exact.support_y).weights
    assert torch.equal(here[0], again[0])
    assert not torch.allclose(here[0], there[0])


def test_shifts_and_scales_of_the_normalisation_are_not_adapted():
    learner = MAML(FunctionalConv4(5, channels=4, scales=True))
    assert learner.adapted_names == ("head", "head_bias", "conv0", "conv1", "conv2", "conv3")


def test_anil_adapts_the_head_alone(exact):
    learner = conv_learner(adapts="head", inner_steps=2).eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    assert [tuple(weight.shape) for weight in state.weights] == [(4, 6, 3), (4, 3)]
    assert not torch.allclose(state.weights[0][0], state.weights[0][1])


def test_learned_rates_start_at_the_inner_rate_and_are_learnt(exact):
    fixed, learned = conv_learner(), conv_learner(learns_rates=True)
    learned.load_state_dict({**learned.state_dict(), **fixed.state_dict()})
    one, other = gradients(fixed.eval(), exact), gradients(learned.eval(), exact)
    for name, gradient in one.items():
        assert torch.allclose(gradient, other[name], atol=1e-12)
    assert all(other[f"rates.{name}"].abs().sum() > 0 for name in fixed.adapted_names)


def test_the_rate_at_test_is_that_of_eval_mode_alone(exact):
    slow, fast = conv_learner(inner_rate=0.1), conv_learner(inner_rate=0.3)
    both = conv_learner(inner_rate=0.3, test_rate=0.1)
    for each in (fast, both):
        each.load_state_dict(slow.state_dict())

    def found(learner):
        return learner.adapt(exact.support_x, exact.support_y).weights[-1]

    assert torch.equal(found(both.eval()), found(slow.eval()))
    assert torch.equal(found(both.train()), found(fast.train()))
    assert not torch.equal(found(both.train()), found(both.eval()))


def test_learned_rates_stay_at_test(exact):
    learner = conv_learner(inner_rate=0.3, learns_rates=True, test_rate=0.1).eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    learner.test_rate = 0.2
    assert torch.equal(learner.adapt(exact.support_x, exact.support_y).weights[-1], state.weights[-1])


def test_a_transductive_query_sees_the_others_and_an_inductive_one_does_not(exact):
    learner = conv_learner(inner_steps=2).eval()
    assert learner.is_transductive
    for is_transductive in (True, False):
        learner.is_transductive = is_transductive
        state = learner.adapt(exact.support_x, exact.support_y)
        together = learner.predict(state, exact.query_x).probs
        alone = learner.predict(state, exact.query_x[:, :1]).probs
        assert torch.allclose(alone, together[:, :1], atol=1e-9) == (not is_transductive)


def test_an_inductive_query_is_normalised_beside_the_support(exact):
    # In the first layer: deeper ones see the support as it was by itself.
    learner = MAML(FunctionalConv4(3, channels=6, blocks=1), is_transductive=False).double().eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    weights = learner.network.weights(4) | dict(zip(learner.adapted_names, state.weights, strict=True))
    found = learner.predict(state, exact.query_x).logits
    for query in range(9):
        together = torch.cat([exact.support_x, exact.query_x[:, [query]]], dim=1)
        expected = learner.network(weights, together)[:, -1].log_softmax(-1)
        assert torch.allclose(found[:, query], expected, atol=1e-9)


def test_a_sliced_state_without_transduction_still_knows_its_statistics(exact):
    learner = conv_learner(is_transductive=False).eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    whole = learner.predict(state, exact.query_x).probs
    part = learner.predict(select_tasks(state, [2]), exact.query_x[[2]]).probs
    assert torch.allclose(part, whole[[2]], atol=1e-12)


def test_classes_that_a_task_lacks_are_ruled_out_and_leave_its_loss_alone(exact):
    wide, narrow = conv_learner(5).eval(), conv_learner(3).eval()
    values = {name: value[..., :3] if "head" in name else value for name, value in wide.state_dict().items()}
    narrow.load_state_dict(values)
    probabilities = predicted(wide, exact).probs
    assert (probabilities[..., 3:] == 0).all()
    assert torch.allclose(probabilities[..., :3], predicted(narrow, exact).probs, atol=1e-9)


def test_in_training_classes_are_thrown_into_slots(exact):
    learner = conv_learner(5).train()
    torch.manual_seed(1)
    first = learner(exact)
    torch.manual_seed(2)
    assert not torch.equal(first, learner(exact))


def test_a_frozen_part_of_the_network_can_be_adapted_all_the_same(exact):
    learner = conv_learner().eval()
    expected = learner.adapt(exact.support_x, exact.support_y)
    learner.network.requires_grad_(False)
    found = learner.adapt(exact.support_x, exact.support_y)
    assert torch.allclose(found.weights[2], expected.weights[2], atol=1e-12)


@pytest.mark.filterwarnings("ignore")  # Of PyTorch's compiler, about itself.
def test_compiled_it_has_the_same_gradients(exact):
    # Two blocks and half the pixels: what takes the time is the compiler, by the number of operations.
    exact = exact._replace(support_x=exact.support_x[..., ::2, ::2], query_x=exact.query_x[..., ::2, ::2])
    network = FunctionalConv4(3, channels=6, blocks=2, image_size=14, head_deviation=0.5)
    learner = MAML(network, inner_steps=2).double().eval()
    expected = gradients(learner, exact)
    learner.zero_grad()
    with unchecked_distributions():  # torch.compile switches the checks off; here they come back.
        torch.compile(learner, backend="aot_eager")(exact).backward()
    for name, parameter in learner.named_parameters():
        assert torch.allclose(parameter.grad, expected[name], atol=1e-12)


def test_it_learns_to_find_the_height_of_a_wave(generator):
    network = FunctionalPerceptron(1, (40, 40), 1, normalises=False, head_deviation=0.1)
    learner = MAML(network, answers="values", inner_rate=0.01, test_steps=10)
    waves, optimiser = Sinusoids(PointLayout(10, 10), phases=(0, 0)), torch.optim.Adam(learner.parameters(), lr=1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        learner(waves.sample(16, generator)).backward()
        optimiser.step()
    held_out, errors = waves.sample(200, generator), []
    for learner.eval().test_steps in (0, 1, 10):
        prediction = predicted(learner, held_out)
        assert prediction.batch_shape == (200, 10)
        errors.append(float((prediction.mean - held_out.query_y).square().mean().detach()))
    assert errors[2] < 0.5 * errors[1] < 0.2 * errors[0]


def test_what_cannot_be_read_is_refused(exact):
    learner = conv_learner().eval()
    with pytest.raises(UserError, match="label 4"):
        learner.adapt(exact.support_x, exact.support_y + 2)
    with pytest.raises(UserError, match="support is empty"):
        learner.adapt(exact.support_x[:, :0], exact.support_y[:, :0])
    with pytest.raises(UserError, match="label 4"):
        learner.train()(exact._replace(support_y=exact.support_y + 2))
    state = learner.adapt(exact.support_x, exact.support_y)
    with pytest.raises(UserError, match="state holds 4 tasks"):
        learner.predict(state, exact.query_x[:2])
    values = quadratic_learner()
    with pytest.raises(UserError, match=r"\(T, S, 1\) were expected"):
        values.adapt(exact.support_x, exact.support_x)


def test_a_state_made_in_one_mode_is_refused_in_the_other(exact):
    learner = conv_learner().eval()
    state = learner.adapt(exact.support_x, exact.support_y)
    learner.is_transductive = False
    with pytest.raises(UserError, match="while the learner was transductive"):
        learner.predict(state, exact.query_x)


def test_settings_that_mean_nothing_are_refused():
    network = FunctionalPerceptron(4, (), 2)
    with pytest.raises(ValueError, match="adapts is 'body'"):
        MAML(network, adapts="body")
    with pytest.raises(ValueError, match="-1 inner steps"):
        MAML(network, inner_steps=-1)
    with pytest.raises(ValueError, match="answers is 'pixels'"):
        MAML(network, answers="pixels")


def test_steps_that_diverge_are_refused_with_their_number_of_tasks(generator: torch.Generator) -> None:
    learner = MAML(
        FunctionalPerceptron(1, (8,), 1, normalises=False, head_deviation=0.1),
        answers="values",
        inner_rate=1.0,
        inner_steps=30,
    ).eval()
    x, y = torch.rand(2, 5, 1, generator=generator), torch.rand(2, 5, 1, generator=generator)
    x[1] *= 1e4
    with pytest.raises(UserError, match=r"diverged in 1 of 2 tasks.*lower rate"):
        learner.adapt(x, y)
