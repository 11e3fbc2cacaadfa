import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, Normal

from quickstudy.core import Learner, Tasks, UserError
from quickstudy.evaluation import LEVELS, evaluate_functions
from quickstudy.tasks import GaussianProcesses, PointLayout, Sinusoids
from quickstudy.tasks.gaussian_processes import posterior

LAYOUT = PointLayout(5, 20)


class Seen(NamedTuple):
    support_x: Tensor
    support_y: Tensor


class Guess(Learner):
    """Says the same of every query, as sure as it is told."""

    def __init__(self, mean=0.0, deviation=1.0):
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def adapt(self, support_x, support_y):
        return Seen(support_x, support_y)

    def predict(self, state, query_x):
        mean = torch.full_like(query_x[..., :1], self.mean)
        return Independent(Normal(mean, torch.full_like(mean, self.deviation)), 1)


class Knower(Guess):
    """The exact posterior, as long as all tasks have the kernel it knows."""

    def __init__(self, processes):
        super().__init__()
        self.processes = processes

    def predict(self, state, query_x):
        generator = torch.Generator().manual_seed(0)
        kernel = self.processes.kernels.draw(len(query_x), generator)
        noise = torch.full((len(query_x),), self.processes.noise, dtype=torch.float64)
        return posterior(kernel, noise, Tasks(*state, query_x, query_x))


def test_one_who_knows_the_posterior_closes_the_whole_gap():
    processes = GaussianProcesses(LAYOUT)
    found = evaluate_functions(Knower(processes), processes, 200)
    assert found.closed == pytest.approx(1.0, abs=1e-4)
    assert found.log_likelihood.mean == pytest.approx(found.oracle.mean, abs=1e-4)
    assert found.coverage90.mean == pytest.approx(0.9, abs=0.03)


def test_one_who_knows_the_prior_has_come_nowhere():
    found = evaluate_functions(Guess(0.0, (1 + 0.02**2) ** 0.5), GaussianProcesses(LAYOUT), 200)
    assert found.closed == pytest.approx(0.0, abs=1e-4)
    assert found.prior.mean == pytest.approx(-1.42, abs=0.06)


def test_the_figures_are_those_of_the_formulas():
    found = evaluate_functions(Guess(0.5, 2.0), GaussianProcesses(LAYOUT), 30, seed=3)
    generator = torch.Generator().manual_seed(3)
    answers = torch.cat([GaussianProcesses(LAYOUT).sample(10, generator).query_y for _ in range(3)])
    assert found.squared_error.mean == pytest.approx(float((answers - 0.5).square().mean()), rel=1e-5)
    likelihood = Normal(0.5, 2.0).log_prob(answers).mean(dim=(1, 2)).double()
    assert torch.allclose(found.log_likelihoods, likelihood, atol=1e-6)
    for level, covered in zip(LEVELS, found.coverage, strict=True):
        low, high = Normal(0.5, 2.0).icdf(torch.tensor([0.5 - level / 2, 0.5 + level / 2]))
        inside = (answers > low) & (answers < high)
        assert covered.mean == pytest.approx(float(inside.double().mean()), abs=1e-6)


def test_the_unsure_cover_too_much_and_the_sure_too_little():
    unsure, sure = (evaluate_functions(Guess(0.0, spread), GaussianProcesses(LAYOUT), 50) for spread in (3.0, 0.3))
    assert unsure.coverage90.mean > 0.99
    assert sure.coverage90.mean < 0.5


def test_the_seed_alone_decides_the_tasks():
    first, again, other = (evaluate_functions(Guess(), GaussianProcesses(LAYOUT), 25, seed) for seed in (1, 1, 2))
    assert torch.equal(first.log_likelihoods, again.log_likelihoods)
    assert not torch.equal(first.log_likelihoods, other.log_likelihoods)
    assert len(first.log_likelihoods) == first.tasks == 25


def test_where_nobody_knows_the_answers_there_is_no_oracle():
    found = evaluate_functions(Guess(), Sinusoids(), 20)
    assert found.oracle is found.prior is found.closed is None


def test_where_there_is_nothing_to_be_known_no_share_of_it_is_told():
    found = evaluate_functions(Guess(), GaussianProcesses(PointLayout(0, 20)), 20)
    assert found.oracle.mean == found.prior.mean
    assert found.closed is None


class Coins:
    """Values are 0 or 1, and nothing is to be known of them."""

    device = torch.device("cpu")

    def __init__(self, chance=0.5):
        self.chance = chance

    def sample(self, num_tasks, generator):
        x = torch.zeros(num_tasks, 20, 1)
        y = (torch.rand(num_tasks, 20, 1, generator=generator) < self.chance).float()
        return Tasks(x[:, :5], y[:, :5], x[:, 5:], y[:, 5:])


def test_predictions_without_quantiles_have_no_coverage_but_an_error():
    class Ink(Guess):
        def predict(self, state, query_x):
            return Independent(Bernoulli(probs=torch.full_like(query_x[..., :1], 0.2)), 1)

    found = evaluate_functions(Ink(), Coins(0.2), 400)
    assert found.coverage is found.coverage90 is None
    assert found.squared_error.mean == pytest.approx(0.16, abs=0.01)
    assert found.log_likelihood.mean == pytest.approx(0.2 * math.log(0.2) + 0.8 * math.log(0.8), abs=0.02)


def test_of_mixtures_the_intervals_are_counted_as_of_normals():
    class TwoWays(Guess):
        """Values near 0 or near 1, as coins fall; or one broad normal of the same mean and spread."""

        def __init__(self, knows_both):
            super().__init__()
            self.knows_both = knows_both

        def predict(self, state, query_x):
            if not self.knows_both:
                return super().predict(state, query_x)
            mean = torch.tensor([0.0, 1.0])[:, None].expand(*query_x.shape[:2], 2, 1)
            return MixtureSameFamily(
                Categorical(logits=torch.zeros(mean.shape[:-1])),
                Independent(Normal(mean, torch.full_like(mean, 0.1)), 1),
            )

    class Noisy(Coins):
        def sample(self, num_tasks, generator):
            tasks = super().sample(num_tasks, generator)
            noise = 0.1 * torch.randn(tasks.query_y.shape, generator=generator)
            return tasks._replace(query_y=tasks.query_y + noise)

    found = evaluate_functions(TwoWays(knows_both=True), Noisy(), 300)
    assert [interval.mean for interval in found.coverage] == pytest.approx(LEVELS, abs=0.03)
    assert found.squared_error.mean == pytest.approx(0.26, abs=0.01)
    assert evaluate_functions(TwoWays(knows_both=False), Noisy(), 300).coverage90.mean > 0.99


def test_the_learners_mode_is_left_as_it_was():
    learner = Guess().train()
    evaluate_functions(learner, Sinusoids(), 10)
    assert learner.training


def test_no_tasks_are_refused():
    with pytest.raises(UserError, match="at least one"):
        evaluate_functions(Guess(), Sinusoids(), 0)
