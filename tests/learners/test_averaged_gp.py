"""Gaussian processes over any number of columns, averaged over kernels."""

import math

import torch

from quickstudy.learners import AveragedGP


def points(num: int, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(num)
    x = torch.rand(1, num, 3, generator=generator) * 4
    y = x[..., :1].sin() + 0.5 * x[..., 1:2] + noise * torch.randn(1, num, 1, generator=generator)
    return x, y


def test_it_learns_a_surface_and_its_noise() -> None:
    learner = AveragedGP()
    prediction = learner.predict(learner.adapt(*points(80)), points(200)[0])
    true = points(200)[1]
    assert (prediction.mean - true).square().mean().sqrt() < 0.2
    inside = ((prediction.mean - true).abs() < 1.645 * prediction.stddev).float().mean()
    assert 0.8 < inside < 0.99


def test_one_kernel_is_the_textbook_process() -> None:
    learner = AveragedGP()
    learner.kernels = torch.tensor([[1.0, 0.1, 0.0]])
    x, y = (each.double() for each in points(12))
    state = learner.adapt(x, y)
    z = (x - x.mean(1)) / x.std(1, correction=0)
    k = (-torch.cdist(z, z).square() / 6).exp()[0]
    v = ((y - y.mean(1)) / y.std(1, correction=0))[0, :, 0]
    expected = (k @ torch.linalg.solve(k + 0.1 * torch.eye(12), v)) * y.std(1, correction=0)[0, 0] + y.mean()
    torch.testing.assert_close(learner.predict(state, x).mean[0, :, 0].double(), expected, rtol=1e-3, atol=1e-4)


def test_kernels_count_by_their_marginal_likelihood() -> None:
    learner = AveragedGP()
    smooth, noise = learner.adapt(*points(60, noise=0.01)), learner.adapt(points(60)[0], torch.randn(1, 60, 1))

    def expected_noise(state) -> float:
        return float((state.log_weights.exp() @ learner.kernels[:, 1].double()).item())

    assert expected_noise(smooth) < 0.05 < 0.3 < expected_noise(noise)


def test_without_points_it_predicts_a_standard_deviation_of_about_one() -> None:
    learner = AveragedGP()
    prediction = learner.predict(learner.adapt(torch.zeros(1, 0, 2), torch.zeros(1, 0, 1)), torch.zeros(1, 1, 2))
    assert prediction.mean.item() == 0
    assert math.isclose(prediction.stddev.item(), 1.2, abs_tol=0.3)
