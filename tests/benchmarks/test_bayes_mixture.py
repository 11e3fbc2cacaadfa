"""The Bayes mixture is the best that can be said by who knows the prior, and the learner is set beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import bayes_mixture
from quickstudy.core import Tasks, save_checkpoint
from quickstudy.recipes import build
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.kernels import OneOf, Stationary

LAYOUT = PointLayout(6, 50)  # It asks for fifty points.
KINDS = [Stationary(length=0.3), Stationary("matern 1/2", length=1.0, scale=3.0)]
NOISE = 0.1


def drawn(processes: GaussianProcesses) -> tuple[Tasks, Any]:
    return processes.sample_with_oracle(1, torch.Generator().manual_seed(3))


def mixture(task: Tasks, processes: GaussianProcesses, draws: int) -> tuple[Tensor, Tensor]:
    return bayes_mixture.mixture_likelihood(task, processes, draws, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("draws", [1, 7, 1003])
def test_where_the_prior_knows_the_kernel_the_mixture_is_the_exact_posterior(draws: int) -> None:
    processes = GaussianProcesses(LAYOUT, KINDS[0], noise=NOISE)
    task, oracle = drawn(processes)
    likelihood_Q, weight_D = mixture(task, processes, draws)
    assert weight_D.tolist() == pytest.approx([1 / draws] * draws)
    exact_Q = oracle.posterior.log_prob(task.query_y)[0].double()
    assert torch.allclose(likelihood_Q, exact_Q, atol=1e-4)


def test_draws_are_weighed_by_how_likely_they_find_the_points_given() -> None:
    processes = GaussianProcesses(LAYOUT, OneOf(KINDS), noise=NOISE)
    task, _ = drawn(processes)
    likelihood_Q, weight_D = mixture(task, processes, 400)
    evidence, answers = (torch.stack(each) for each in zip(*(by_hand(task, kind) for kind in KINDS), strict=True))
    kinds = torch.randint(2, (400,), generator=torch.Generator().manual_seed(0))
    of_each_draw = evidence[kinds].softmax(dim=0)
    assert torch.allclose(weight_D, of_each_draw, atol=1e-6)
    expected_Q = (of_each_draw.log()[:, None] + answers[kinds]).logsumexp(dim=0)
    assert torch.allclose(likelihood_Q, expected_Q, atol=1e-5)
    assert float(weight_D.max()) > 1.5 * float(weight_D.min()), "the kinds must differ for this to say anything"


def by_hand(task: Tasks, kind: Stationary) -> tuple[Tensor, Tensor]:
    """The evidence of the support, and log-likelihoods (Q,), each query from the joint normal of support and query."""
    support_x, support_y, query_x, query_y = (field[0].double() for field in task)
    kernel = kind.draw(1, torch.Generator())

    def log_density(x: Tensor, y: Tensor) -> Tensor:
        covariance = kernel(x[None], x[None])[0] + (NOISE**2 + 1e-8) * torch.eye(len(x))
        return MultivariateNormal(torch.zeros(len(x)).double(), covariance).log_prob(y.squeeze(-1))

    evidence = log_density(support_x, support_y)
    joint = [
        log_density(torch.cat([support_x, x[None]]), torch.cat([support_y, y[None]]))
        for x, y in zip(query_x, query_y, strict=True)
    ]
    return evidence, torch.stack(joint) - evidence


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run, out = tmp_path_factory.mktemp("runs") / "mine", tmp_path_factory.mktemp("results") / "bayes_mixture.json"
    arguments = {"hidden": 16}
    header = {"format": 2, "recipe": "gp-general", "arguments": arguments, "step": 0}
    save_checkpoint(run / "best.safetensors", build("gp-general", arguments).learner.state_dict(), header)
    options = bayes_mixture.Options(sizes=(5, 12), tasks=4, draws=200, out=out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bayes_mixture, "keep_freed_memory", lambda: None)
        assert bayes_mixture.main(str(run), options) == 0
    stored: dict[str, Any] = json.loads(out.read_text(), parse_constant=pytest.fail)
    return stored


def test_the_record_says_what_was_measured(record: dict[str, Any]) -> None:
    assert (record["benchmark"], record["learner"]) == ("bayes_mixture", "mine")
    assert (record["protocol"]["draws"], record["protocol"]["queries"]) == (200, 50)
    assert "gp-general" in record["protocol"]["tasks"]
    assert [(size["support"], size["tasks"]) for size in record["sizes"]] == [(5, 4), (12, 4)]


def test_the_gap_is_paired_and_its_share_is_from_the_prior_to_the_mixture(record: dict[str, Any]) -> None:
    for size in record["sizes"]:
        learner, mixed, prior, exact = (
            size[name]["mean"] for name in ("learner", "mixture", "prior", "exact posterior")
        )
        assert size["learner minus mixture"]["mean"] == pytest.approx(learner - mixed, abs=1e-6)
        assert size["share_closed"] == pytest.approx((learner - prior) / (mixed - prior))
        assert mixed > prior
        assert exact > prior
        assert 1 <= size["median_effective_draws"] <= 200
        assert size["mixture of half the draws"]["mean"] > prior


def test_weights_that_predict_no_functions_end_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bayes_mixture, "keep_freed_memory", lambda: None)
    out = tmp_path / "bayes_mixture.json"
    assert bayes_mixture.main("glyphs-nearest", bayes_mixture.Options(out=out)) == 2
    assert "not on curves of Gaussian processes" in capsys.readouterr().err
    assert not out.exists()
