"""Exact properties of the amortised Gaussian process, and what the shipped one promises."""

import pytest
import torch
from torch.distributions import Normal

import quickstudy
from quickstudy.core import UserError, select_tasks
from quickstudy.evaluation.quantiles import central_interval
from quickstudy.learners import AmortisedGP
from quickstudy.networks.kernel_proposals import NUM_PROPOSALS, covariances
from quickstudy.tasks import GaussianProcesses, PointLayout


@pytest.fixture
def learner() -> AmortisedGP:
    return AmortisedGP(hidden=16).eval()


def test_each_proposal_predicts_as_its_gaussian_process(learner: AmortisedGP, generator: torch.Generator) -> None:
    tasks = GaussianProcesses(PointLayout(7, 5)).sample(2, generator)
    with torch.no_grad():
        state = learner.adapt(tasks.support_x, tasks.support_y)
        said = learner.predict(state, tasks.query_x).component_distribution.base_dist
    x, asked = state.support_x, state.places.measured(tasks.query_x[..., 0]).float()
    y = state.values.measured(tasks.support_y[..., 0]).double()
    noisy = covariances(state.proposals, x, x).double() + torch.diag_embed(
        state.proposals.noises[..., None].expand(-1, -1, 7).double()
    )
    across = covariances(state.proposals, x, asked).double()
    solved = torch.linalg.solve(noisy, across)
    mean = (solved * y[:, None, :, None]).sum(dim=2)
    own = (state.proposals.totals + state.proposals.noises)[..., None].double()
    # The scale is integrated out: 8 points' worth of the kernel's own, and of the values' the rest.
    misfit = (
        torch.linalg.solve(noisy, y[:, None, :, None].expand(-1, NUM_PROPOSALS, -1, -1))[..., 0] * y[:, None]
    ).sum(2)
    variance = (own - (solved * across).sum(dim=2)) * ((8 + misfit) / (8 + 7 - 2))[..., None]
    unit, origin = state.values.unit[:, None, None], state.values.origin[:, None, None]
    assert torch.allclose(said.mean[..., 0].transpose(1, 2), (mean * unit + origin).float(), atol=1e-4)
    assert torch.allclose(said.stddev[..., 0].transpose(1, 2), (variance.sqrt() * unit).float(), atol=1e-4)


def test_proposals_count_by_their_marginal_likelihood(learner: AmortisedGP, generator: torch.Generator) -> None:
    tasks = GaussianProcesses(PointLayout(6, 2)).sample(1, generator)
    with torch.no_grad():
        state = learner.adapt(tasks.support_x, tasks.support_y)
    x, y = state.support_x, state.values.measured(tasks.support_y[..., 0]).double()
    noisy = covariances(state.proposals, x, x).double() + torch.diag_embed(
        state.proposals.noises[..., None].expand(-1, -1, 6).double()
    )
    # Student's t of 8 degrees of freedom: the marginal likelihood where the scale is unknown.
    misfit = (
        torch.linalg.solve(noisy, y[:, None, :, None].expand(-1, NUM_PROPOSALS, -1, -1))[..., 0] * y[:, None]
    ).sum(2)
    evidence = -(8 + 6) / 2 * (1 + misfit / 8).log() - torch.logdet(noisy) / 2
    expected = (evidence + state.proposals.log_priors).log_softmax(dim=1)
    assert expected.shape == (1, NUM_PROPOSALS)
    assert torch.allclose(state.log_weights, expected, atol=1e-5)


def test_the_deviations_follow_how_far_values_are_from_what_a_kernel_expects(learner: AmortisedGP) -> None:
    x = torch.linspace(-2, 2, 30)[None, :, None]
    rough, smooth = (torch.randn(30, generator=torch.Generator().manual_seed(0)), (x[0, :, 0] / 2).sin())
    with torch.no_grad():
        surprised, content = (learner.adapt(x, y[None, :, None]).scales[0, 0] for y in (rough, smooth))
    assert surprised > 1.5 * content  # The first proposal is of smooth curves.


@pytest.mark.parametrize(("shift", "scale"), [(288.0, 5.0), (5000.0, 0.1), (0.0, 1e-3), (-1e4, 300.0)])
def test_predictions_move_and_stretch_with_the_data(
    learner: AmortisedGP, generator: torch.Generator, shift: float, scale: float
) -> None:
    tasks = GaussianProcesses(PointLayout(8, 5)).sample(2, generator).to("cpu", torch.float64)
    learner.double()
    with torch.no_grad():
        plain = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
        moved_state = learner.adapt(1900 + 25 * tasks.support_x, shift + scale * tasks.support_y)
        moved = learner.predict(moved_state, 1900 + 25 * tasks.query_x)
    assert torch.allclose(moved.mean, shift + scale * plain.mean, rtol=1e-3, atol=1e-2 * scale)
    assert torch.allclose(moved.stddev, scale * plain.stddev, rtol=1e-2)


def test_no_points_one_point_and_equal_points_have_an_answer(learner: AmortisedGP) -> None:
    query_x = torch.linspace(-3, 3, 5)[None, :, None]
    for x, y in ((torch.zeros(1, 0, 1), torch.zeros(1, 0, 1)), (torch.zeros(1, 1, 1), torch.full((1, 1, 1), 288.0))):
        prediction = learner.predict(learner.adapt(x, y), query_x)
        assert prediction.mean.isfinite().all()
        assert (prediction.stddev > 0).all()
        assert (prediction.mean - (288.0 if x.shape[1] else 0.0)).abs().max() < 3
    twice = torch.tensor([[[0.5], [0.5], [0.5]]])
    assert learner.predict(learner.adapt(twice, twice), query_x).mean.isfinite().all()


def test_a_state_of_one_task_of_a_ragged_batch_predicts_as_alone(
    learner: AmortisedGP, generator: torch.Generator
) -> None:
    x, y = torch.randn(2, 6, 1, generator=generator), torch.randn(2, 6, 1, generator=generator)
    mask = torch.tensor([[True] * 6, [True, False, True, True, False, True]])
    with torch.no_grad():
        beside = learner.predict(select_tasks(learner.adapt(x, y, mask), slice(1, 2)), x[1:])
        alone = learner.predict(learner.adapt(x[1:, mask[1]], y[1:, mask[1]]), x[1:])
    assert torch.allclose(beside.mean, alone.mean, atol=1e-4)
    assert torch.allclose(beside.stddev, alone.stddev, atol=1e-4)


def test_dates_in_seconds_are_told_apart(learner: AmortisedGP) -> None:
    x, y = torch.linspace(0, 10, 12, dtype=torch.float64)[None, :, None], torch.randn(1, 12, 1)
    with torch.no_grad():
        plain = learner.predict(learner.adapt(x, y), x + 0.1)
        dates = learner.predict(learner.adapt(1.7e9 + 60 * x, y), 1.7e9 + 60 * (x + 0.1))
    assert torch.allclose(plain.mean, dates.mean, atol=1e-3)
    assert plain.mean.dtype == torch.float32


@pytest.mark.parametrize(("shift", "scale"), [(1e6, 1e-2), (0.0, 1e38)])
def test_values_that_predictions_could_not_hold_are_refused(learner: AmortisedGP, shift: float, scale: float) -> None:
    x = torch.linspace(0, 1, 9, dtype=torch.float64)[None, :, None]
    with pytest.raises(UserError, match="Subtract a number from all values"):
        learner.adapt(x, shift + scale * x)
    assert learner.predict(learner.adapt(x, torch.full_like(x, 1e6)), x).mean.isfinite().all()


def test_the_shipped_regressor_reads_evenly_spaced_points_between_which_it_is_asked() -> None:
    x = torch.linspace(0, 10, 60)[None, :, None]
    y = (2 * x).sin()
    regressor = quickstudy.load("gp-general")
    said = regressor.predict(regressor.adapt(x[:, ::2], y[:, ::2]), x[:, 1:-1:2]).mean
    assert float((said - y[:, 1:-1:2]).abs().max()) < 0.1


def test_points_of_two_numbers_are_refused(learner: AmortisedGP) -> None:
    with pytest.raises(UserError, match=r"\(T, S, 1\)"):
        learner.adapt(torch.zeros(1, 3, 2), torch.zeros(1, 3, 1))


def test_learning_lowers_the_loss(generator: torch.Generator) -> None:
    learner = AmortisedGP(hidden=32)
    curves = GaussianProcesses(PointLayout(10, 20))
    optimiser = torch.optim.Adam(learner.parameters(), lr=2e-3)
    tasks = curves.sample(8, generator)
    first = learner(tasks).detach()
    for _ in range(30):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    assert learner(tasks) < first - 0.1


def _wave_with_trend(num_points: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = 61 * torch.rand(1, num_points + 100, 1, generator=generator)
    y = 288 + 0.02 * x + 3 * (2 * torch.pi * x).sin() + 0.5 * torch.randn(x.shape, generator=generator)
    return x, y


@pytest.mark.parametrize("num_points", [200, 1000])
def test_the_shipped_regressor_finds_a_quick_wave_in_raw_numbers(num_points: int) -> None:
    regressor = quickstudy.load("gp-general")
    x, y = _wave_with_trend(num_points)
    prediction = regressor.predict(regressor.adapt(x[:, :num_points], y[:, :num_points]), x[:, num_points:])
    truth = y[:, num_points:]
    assert float((prediction.mean - truth).square().mean()) < 0.5  # 0.25 is the noise alone, 4.8 the spread of all.
    low, high = central_interval(prediction, 0.9)
    assert 0.8 < float(((low <= truth) & (truth <= high)).double().mean()) < 0.97


def test_the_shipped_regressor_beats_a_standard_normal_on_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    y = 5000 + 40 * torch.randn(1, 150, 1, generator=generator)
    x = torch.rand(1, 150, 1, generator=generator)
    regressor = quickstudy.load("gp-general")
    prediction = regressor.predict(regressor.adapt(x[:, :50], y[:, :50]), x[:, 50:])
    ideal = Normal(5000.0, 40.0).log_prob(y[:, 50:]).mean()
    assert float(prediction.log_prob(y[:, 50:]).mean()) > float(ideal) - 0.1
