import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from quickstudy.core import KnowsAnswers, UserError
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.gaussian_processes import noisy
from quickstudy.tasks.kernels import OneOf, Stationary, Sum, Switching

WIDE = Stationary("matern 5/2", length=(0.2, 1.0), scale=(0.5, 2.0))
PRIORS = {
    "squared exponential": Stationary(),
    "matern 3/2": Stationary("matern 3/2", length=(0.2, 0.6)),
    "matern 5/2": WIDE,
    "periodic": Stationary("periodic", length=0.7, period=(0.5, 1.5)),
    "sum": Sum([Stationary(), Stationary("periodic")]),
    "switching": Switching(Stationary(length=0.2), WIDE),
    "one of several": OneOf([Stationary(), WIDE, Stationary("periodic")]),
}
all_priors = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS.keys())
NOTEBOOK = PointLayout(support=(3, 9), queries=(2, 9))


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(num_tasks=6, count=9, inputs=1) -> torch.Tensor:
    return 4 * torch.rand(num_tasks, count, inputs, generator=seeded(1), dtype=torch.float64) - 2


def mean_loss(layout: PointLayout, floor: float = 0.0) -> float:
    """The oracle's, over many batches, its deviations no smaller than a floor."""
    generator, processes, losses = seeded(), GaussianProcesses(layout), []
    for _ in range(150):
        tasks, oracle = processes.sample_with_oracle(64, generator)
        known = Normal(oracle.posterior.mean, oracle.posterior.stddev.clamp(min=floor))
        losses.append(-known.log_prob(tasks.query_y).mean())
    return float(torch.stack(losses).mean())


# Kernels.


@all_priors
def test_a_kernel_is_symmetric_and_positive(prior):
    x = points()
    covariance = prior.draw(6, seeded())(x, x)
    assert torch.allclose(covariance, covariance.transpose(1, 2), atol=1e-12)
    assert (torch.linalg.eigvalsh(covariance) > -1e-9).all()


@all_priors
def test_every_task_has_a_kernel_of_its_own(prior):
    x, kernel = points(), prior.draw(6, seeded())
    index = torch.tensor([4, 1])
    assert torch.equal(kernel.select(index)(x[index], x[index]), kernel(x, x)[index])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("squared exponential", [1.0, 0.6065306597, 0.1353352832]),
        ("matern 3/2", [1.0, 0.4833577245, 0.1397313501]),
        ("matern 5/2", [1.0, 0.5239941088, 0.1386595054]),
    ],
)
def test_covariances_at_none_one_and_two_length_scales_are_the_books(shape, expected):
    kernel = Stationary(shape, length=0.5, scale=3.0).draw(1, seeded())
    x = torch.tensor([[[0.0], [0.5], [1.0]]], dtype=torch.float64)
    assert torch.allclose(kernel(x[:, :1], x)[0, 0], 9 * torch.tensor(expected, dtype=torch.float64), atol=1e-8)


def test_a_periodic_function_comes_back():
    kernel = Stationary("periodic", length=0.4, period=0.8).draw(1, seeded())
    x = torch.tensor([[[0.1], [0.9], [1.7], [0.5]]], dtype=torch.float64)
    covariance = kernel(x, x)[0]
    assert torch.allclose(covariance[0, :3], torch.ones(3, dtype=torch.float64), atol=1e-12)
    assert covariance[0, 3] < 1e-5


def test_a_sum_adds_covariances():
    x, parts = points(), (Stationary(), Stationary("periodic"))
    generator = seeded()
    first, second = (part.draw(6, generator)(x, x) for part in parts)
    assert torch.allclose(Sum(parts).draw(6, seeded())(x, x), first + second)


def test_across_a_switch_nothing_is_known():
    prior = Switching(Stationary(length=5.0), Stationary(scale=2.0), between=(0.0, 0.001))
    x = torch.tensor([[[-1.0], [-0.5], [0.5], [1.0]]], dtype=torch.float64)
    covariance = prior.draw(1, seeded())(x, x)[0]
    assert (covariance[:2, 2:] == 0).all()
    assert (covariance[2:, :2] == 0).all()
    assert covariance[0, 1] > 0.99
    assert torch.allclose(covariance.diagonal(), torch.tensor([1.0, 1.0, 4.0, 4.0], dtype=torch.float64))


def test_inputs_of_several_numbers_are_near_where_all_of_them_are():
    x = torch.tensor([[[0.0, 0.0], [0.3, 0.4]]], dtype=torch.float64)
    assert Stationary(length=0.5).draw(1, seeded())(x, x)[0, 0, 1] == pytest.approx(0.6065306597)


# Functions.


@all_priors
def test_values_have_the_covariances_of_their_kernel(prior):
    processes = GaussianProcesses(PointLayout(2, 2), prior, noise=0.3)
    tasks, kernel, noise = processes._sample(40_000, seeded())
    x, y = (torch.cat(pair, dim=1).double() for pair in zip(tasks[:2], tasks[2:], strict=True))
    expected = noisy(kernel(x, x), noise)
    excess = y @ y.transpose(1, 2) - expected
    error = excess.std(dim=0) / 200
    assert (excess.mean(dim=0).abs() < 4.5 * error).all()


@all_priors
def test_the_oracle_is_the_conditional_of_the_joint_normal(prior):
    tasks, kernel, noise = GaussianProcesses(PointLayout(4, 5), prior, noise=(0.05, 0.2))._sample(3, seeded())
    _, oracle = GaussianProcesses(PointLayout(4, 5), prior, noise=(0.05, 0.2)).sample_with_oracle(3, seeded())
    for query in range(5):
        x = torch.cat([tasks.support_x, tasks.query_x[:, [query]]], dim=1).double()
        y = torch.cat([tasks.support_y, tasks.query_y[:, [query]]], dim=1).double()[..., 0]
        covariance = noisy(kernel(x, x), noise)
        zero = torch.zeros_like(y)
        joint = MultivariateNormal(zero, covariance).log_prob(y)
        given = MultivariateNormal(zero[:, :4], covariance[:, :4, :4]).log_prob(y[:, :4])
        assert torch.allclose(oracle.posterior.log_prob(tasks.query_y)[:, query].double(), joint - given, atol=1e-4)


def test_with_the_oracle_come_the_same_tasks():
    processes = GaussianProcesses(NOTEBOOK, OneOf([Stationary(), WIDE]))
    tasks, _ = processes.sample_with_oracle(5, seeded())
    assert all(torch.equal(one, two) for one, two in zip(tasks, processes.sample(5, seeded()), strict=True))
    assert isinstance(processes, KnowsAnswers)


def test_of_the_notebooks_curves_as_much_is_to_be_known_as_was_measured_elsewhere():
    """Spread 1.0, length 0.4, noise 0.02: nats a point, without and with a floor of 0.1, of further points and all."""
    assert mean_loss(NOTEBOOK) == pytest.approx(0.09, abs=0.06)
    assert mean_loss(NOTEBOOK, 0.1) == pytest.approx(0.20, abs=0.06)
    assert mean_loss(NOTEBOOK._replace(predicts_support=True), 0.1) == pytest.approx(-0.61, abs=0.06)


def test_with_no_support_the_oracle_has_its_prior():
    tasks, oracle = GaussianProcesses(PointLayout(0, 30)).sample_with_oracle(200, seeded())
    assert tasks.support_x.shape == (200, 0, 1)
    for known in oracle:
        assert torch.equal(known.mean, torch.zeros(200, 30, 1))
        assert -float(known.log_prob(tasks.query_y).mean()) == pytest.approx(1.42, abs=0.03)


def test_ninety_of_a_hundred_values_lie_in_the_oracles_central_ninety():
    tasks, oracle = GaussianProcesses(NOTEBOOK, PRIORS["one of several"]).sample_with_oracle(3000, seeded())
    for known in oracle:
        inside = (known.base_dist.cdf(tasks.query_y) - 0.5).abs() < 0.45
        assert float(inside.double().mean()) == pytest.approx(0.9, abs=0.01)


def test_the_same_generator_state_draws_the_same_functions():
    first, again = (GaussianProcesses(NOTEBOOK, WIDE).sample(4, seeded(1)) for _ in range(2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert first.support_y.dtype == torch.float32


@pytest.mark.parametrize("given", [{"shape": "linear"}, {"length": 0.0}, {"scale": (2.0, 1.0)}])
def test_kernels_that_make_no_sense_are_refused(given):
    with pytest.raises(UserError, match=r"There are: squared|positive number"):
        Stationary(**given)


def test_noise_of_nothing_is_refused():
    with pytest.raises(UserError, match="above zero"):
        GaussianProcesses(noise=0.0)
