import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import linear

from quickstudy.core import Tasks, UserError
from quickstudy.learners import NeuralProcess
from quickstudy.tasks import GaussianProcesses, PointLayout


def build(num_inputs=1, num_outputs=1, **options) -> NeuralProcess:
    """In float64, of a latent variable of six numbers, and with a decoder that listens to it."""
    torch.manual_seed(0)
    sizes = {"hidden": 16, "latent": 6, "num_samples": 8}
    learner = NeuralProcess(num_inputs, num_outputs, **{**sizes, **options}).double().eval()
    with torch.no_grad():
        learner.read_known.weight *= 3
        learner.encoder[-1].weight *= 30  # And points that tell something.
        learner.to_latent[-1].weight *= 3
    return learner


@pytest.fixture
def functions(generator) -> Tasks:
    """Three functions, five points given and four asked for, in float64."""
    return GaussianProcesses(PointLayout(5, 4)).sample(3, generator).to("cpu", torch.float64)


@pytest.fixture
def all_points(generator) -> Tasks:
    """The same, where the queries hold the support's points too."""
    return GaussianProcesses(PointLayout(5, 4, predicts_support=True)).sample(3, generator).to("cpu", torch.float64)


def adapted(learner, tasks):
    return learner.adapt(tasks.support_x, tasks.support_y)


def beliefs(learner, tasks) -> tuple[Normal, Normal]:
    """Prior and posterior of a training: q(z | support) and q(z | queries)."""
    of_queries = learner.adapt(tasks.query_x, tasks.query_y)
    return learner.belief(adapted(learner, tasks)), learner.belief(of_queries)


def said_of(learner, z_TLZ, x):
    """What each draw says of each query, (T, L, Q), by a decoder that reads z and x side by side."""
    read = torch.cat(
        [z_TLZ[:, :, None].expand(-1, -1, x.shape[1], -1), x[:, None].expand(-1, z_TLZ.shape[1], -1, -1)], -1
    )
    weight = torch.cat([learner.read_known.weight, learner.read_place.weight], dim=1)
    return learner.head(learner.decoder(linear(read, weight, learner.read_known.bias).relu()))


def together(learner, z_TLZ, tasks):
    """log p(all of a task's values | z), (T, L)."""
    said = said_of(learner, z_TLZ, tasks.query_x)
    return said.log_prob(tasks.query_y[:, None].expand_as(said.mean)).sum(dim=-1)


# The objectives


def with_even_draws(learner, count=4001) -> NeuralProcess:
    """With quantiles for draws, so that means over them are integrals; for a latent variable of one number."""
    learner.draws = Normal(0.0, 1.0).icdf((torch.arange(count).double()[:, None] + 0.5) / count)
    return learner


def integrated(learner, tasks):
    """log p(values | support), (T,), by a sum over a grid of z, and how far the posterior is from the true one."""
    prior, posterior = beliefs(learner, tasks)
    z_G = torch.linspace(-12, 12, 24_001).double()
    step = float(z_G[1] - z_G[0])
    joint_TG = together(learner, z_G.expand(3, -1)[..., None], tasks) + prior.log_prob(z_G)
    marginal_T = joint_TG.logsumexp(dim=1) + math.log(step)
    log_q_TG = posterior.log_prob(z_G)
    distance_T = (log_q_TG.exp() * (log_q_TG - (joint_TG - marginal_T[:, None]))).sum(dim=1) * step
    return marginal_T, distance_T


def test_the_bound_is_the_likelihood_less_the_distance_of_posterior_and_truth(all_points):
    learner = with_even_draws(build(latent=1, floor=0.5))
    marginal_T, distance_T = integrated(learner, all_points)
    assert (distance_T > 0.01).all()
    assert torch.allclose(-9 * learner(all_points), (marginal_T - distance_T).mean(), rtol=1e-3)


def test_the_bound_is_one_where_the_queries_lack_the_support_too(functions):
    learner = with_even_draws(build(latent=1, floor=0.5))
    marginal_T, distance_T = integrated(learner, functions)
    assert torch.allclose(-4 * learner(functions), (marginal_T - distance_T).mean(), rtol=1e-3)
    assert -4 * learner(functions) < marginal_T.mean()


def test_the_likelihood_is_that_of_all_values_of_a_task_together(functions):
    learner = with_even_draws(build(latent=1, floor=0.5, objective="likelihood", training_samples=2))
    marginal_T, _ = integrated(learner, functions)
    assert torch.allclose(-4 * learner(functions), marginal_T.mean(), rtol=1e-4)
    prediction = learner.predict(adapted(learner, functions), functions.query_x)
    one_by_one = prediction.log_prob(functions.query_y).sum(dim=1).mean()
    assert not torch.allclose(one_by_one, marginal_T.mean(), rtol=1e-3)


def test_the_bound_is_the_drawn_likelihood_less_the_divergence_a_target(all_points):
    learner = build()
    prior, posterior = beliefs(learner, all_points)
    z_TLZ = posterior.mean[:, None] + posterior.stddev[:, None] * learner.draws
    ratio = posterior.stddev / prior.stddev
    divergence = (ratio**2 - 1) / 2 - ratio.log() + ((posterior.mean - prior.mean) / prior.stddev) ** 2 / 2
    assert torch.allclose(divergence, kl_divergence(posterior, prior))
    expected = (together(learner, z_TLZ, all_points).mean(dim=1) - divergence.sum(dim=1)).mean() / 9
    assert torch.allclose(learner(all_points), -expected)


def test_where_the_queries_are_the_support_nothing_is_taken_from_the_likelihood(functions):
    learner = build()
    tasks = functions._replace(query_x=functions.support_x, query_y=functions.support_y)
    prior, _ = beliefs(learner, tasks)
    z_TLZ = prior.mean[:, None] + prior.stddev[:, None] * learner.draws
    assert torch.allclose(learner(tasks), -together(learner, z_TLZ, tasks).mean() / 5)


def test_in_training_every_task_has_draws_of_its_own_and_as_many_as_asked_for(all_points):
    learner, rows = build(training_samples=3).train(), []
    learner.read_known.register_forward_hook(lambda _, given, __: rows.append(given[0]))
    twice = Tasks(*(field[:1].repeat(2, 1, 1) for field in all_points))
    torch.manual_seed(1)
    first = learner(twice)
    second = learner(twice)
    torch.manual_seed(1)
    assert torch.equal(learner(twice), first)
    assert not torch.equal(second, first)
    assert rows[0].shape == (2, 3, 6)  # For all queries of a task the same.
    assert (rows[0][0] != rows[0][1]).all()


@pytest.mark.parametrize("objective", ["elbo", "likelihood"])
def test_the_loss_moves_mean_and_deviation_of_the_latent_variable(objective, all_points):
    learner = build(objective=objective, training_samples=4).train()
    learner(all_points).backward()
    mean, spread = learner.to_latent[-1].bias.grad.chunk(2)
    assert mean.all()
    assert spread.all()


def test_in_training_for_the_likelihood_z_knows_the_support_alone(all_points):
    learner, seen = build(objective="likelihood", training_samples=2).train(), []
    learner.encoder.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[:2]))
    learner(all_points)
    assert seen == [(3, 5)]


# What it believes


def test_no_order_and_no_doubling_of_the_points_changes_the_belief(functions):
    learner, order = build(), torch.tensor([3, 0, 4, 1, 2])
    x, y = functions.support_x, functions.support_y
    belief = learner.belief(learner.adapt(x, y))
    for other in ((x[:, order], y[:, order]), (x.repeat(1, 2, 1), y.repeat(1, 2, 1))):
        found = learner.belief(learner.adapt(*other))
        assert torch.allclose(found.mean, belief.mean)
        assert torch.allclose(found.stddev, belief.stddev)


def test_the_deviation_lies_between_a_tenth_and_one(functions):
    learner = build()
    for bias, expected in ((-100.0, 0.1), (0.0, 0.55), (100.0, 1.0)):
        with torch.no_grad():
            learner.to_latent[-1].weight.zero_()
            learner.to_latent[-1].bias.fill_(bias)
        deviation = learner.belief(adapted(learner, functions)).stddev
        assert torch.allclose(deviation, torch.full_like(deviation, expected))


def test_without_points_the_belief_is_that_of_a_summary_of_zero(functions):
    learner = build()
    state = learner.adapt(functions.support_x[:, :0], functions.support_y[:, :0])
    mean, spread = learner.to_latent(torch.zeros(16).double()).chunk(2)
    assert torch.allclose(learner.belief(state).mean, mean.expand(3, -1))
    assert torch.allclose(learner.belief(state).stddev, 0.1 + 0.9 * spread.sigmoid())
    prediction = learner.predict(state, functions.query_x)
    assert torch.isfinite(prediction.log_prob(functions.query_y)).all()


# What it says


def test_a_prediction_mixes_what_the_fixed_draws_say(functions):
    learner = build()
    state = adapted(learner, functions)
    belief = learner.belief(state)
    said = said_of(learner, belief.mean[:, None] + belief.stddev[:, None] * learner.draws, functions.query_x)
    found = learner.predict(state, functions.query_x)
    assert torch.allclose(found.mean, said.mean.mean(dim=1))
    within, between = said.variance.mean(dim=1), said.mean.var(dim=1, correction=0)
    assert torch.allclose(found.variance, within + between)
    assert torch.allclose(found.stddev, found.variance.sqrt())
    log_TLQ = said.log_prob(functions.query_y[:, None].expand_as(said.mean))
    assert torch.allclose(found.log_prob(functions.query_y), log_TLQ.logsumexp(dim=1) - math.log(8))


def test_the_draws_are_the_same_in_every_learner_and_are_kept_and_not_trained():
    one = NeuralProcess(latent=4, num_samples=5)
    torch.manual_seed(1)
    other = NeuralProcess(latent=4, num_samples=5)
    assert torch.equal(one.draws, other.draws)
    assert torch.equal(one.state_dict()["draws"], one.draws)
    assert "draws" not in dict(one.named_parameters())


def test_training_does_not_change_how_a_prediction_is_drawn(functions):
    learner = build()
    state = adapted(learner, functions)
    quiet = learner.predict(state, functions.query_x).mean
    assert torch.equal(learner.train().predict(state, functions.query_x).mean, quiet)


def test_each_point_is_encoded_once_and_each_query_decoded_once_a_draw(functions):
    learner, rows = build(), []
    for part in (learner.encoder, learner.read_known, learner.read_place, learner.decoder):
        part.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[:-1].numel()))
    state = adapted(learner, functions)
    learner.predict(state, functions.query_x)
    assert rows == [3 * 5, 3 * 8, 3 * 4, 3 * 4 * 8]


def test_a_function_drawn_is_one_function_whichever_places_are_asked_for(functions):
    learner = build()
    state = adapted(learner, functions)
    asked = functions.query_x
    again = asked[:, [2, 0, 2]]
    whole, part = (
        learner.sample_functions(state, x, torch.Generator().manual_seed(0), num_functions=5) for x in (asked, again)
    )
    assert whole.shape == (3, 5, 4, 1)
    assert torch.allclose(part, whole[:, :, [2, 0, 2]])


def test_functions_drawn_differ_and_are_the_same_for_the_same_generator(functions):
    learner = build()
    state = adapted(learner, functions)
    one, same, other = (
        learner.sample_functions(state, functions.query_x, torch.Generator().manual_seed(seed), num_functions=2)
        for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.isclose(one, other).any()
    assert not torch.isclose(one[:, 0], one[:, 1]).any()


def test_functions_drawn_spread_as_the_prediction_does_beyond_its_noise(functions):
    learner = build(num_samples=20_000)
    state = adapted(learner, functions)
    prediction = learner.predict(state, functions.query_x)
    drawn = learner.sample_functions(state, functions.query_x, torch.Generator().manual_seed(0), num_functions=20_000)
    assert torch.allclose(drawn.mean(dim=1), prediction.mean, atol=0.02)
    noise = prediction.component_distribution.variance.mean(dim=2)
    assert torch.allclose(drawn.var(dim=1), prediction.variance - noise, rtol=0.05)


def test_the_direct_path_gives_the_decoder_a_mean_of_the_points(functions):
    learner = build(has_direct_path=True)
    state = adapted(learner, functions)
    direct = learner.direct_encoder(torch.cat([functions.support_x, functions.support_y], dim=-1)).mean(dim=1)
    seen = []
    learner.read_known.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    learner.predict(state, functions.query_x)
    assert torch.allclose(seen[0][..., 6:], direct[:, None].expand(-1, 8, -1))


def test_the_direct_path_of_a_training_does_not_see_the_queries_values(all_points):
    learner = build(has_direct_path=True).train()
    counted = []
    learner.direct_encoder.register_forward_hook(lambda _, given, __: counted.append(given[0].shape[1]))
    learner(all_points)
    assert counted == [5]


def test_inputs_and_values_may_have_several_numbers(generator):
    learner = build(2, 3)
    x, y = (torch.randn(2, 6, size, generator=generator, dtype=torch.float64) for size in (2, 3))
    state = learner.adapt(x, y)
    prediction = learner.predict(state, x)
    assert (prediction.batch_shape, prediction.event_shape) == ((2, 6), (3,))
    assert learner.sample_functions(state, x, generator, num_functions=4).shape == (2, 4, 6, 3)


def test_ink_is_a_chance():
    learner = build(2, 1, likelihood="bernoulli")
    x, y = torch.zeros(1, 3, 2, dtype=torch.float64), torch.ones(1, 3, 1, dtype=torch.float64)
    prediction = learner.predict(learner.adapt(x, y), x)
    assert ((prediction.mean > 0) & (prediction.mean < 1)).all()
    either = prediction.log_prob(y).exp() + prediction.log_prob(1 - y).exp()
    assert torch.allclose(either, torch.ones_like(either))
    assert torch.isfinite(learner(Tasks(x, y, x, y)))


# What is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"objective": "vae"}, "vae"),
        ({"num_samples": 0}, "num_samples 0"),
        ({"training_samples": 0}, "at least 1 draws"),
        ({"objective": "likelihood"}, "at least 2 draws"),
        ({"decoder_layers": 1}, "decoder_layers is 1"),
    ],
)
def test_what_no_learner_can_be_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        NeuralProcess(**options)


def test_values_of_another_size_are_refused(functions):
    with pytest.raises(UserError, match=r"\(3, 5, 2\)"):
        build().adapt(functions.support_x, functions.support_y.expand(-1, -1, 2))


def test_queries_of_another_number_of_tasks_are_refused(functions):
    learner = build()
    state = adapted(learner, functions)
    for ask in (learner.predict, lambda *asked: learner.sample_functions(*asked, torch.Generator())):
        with pytest.raises(UserError, match="state holds 3 tasks"):
            ask(state, functions.query_x[:1])
