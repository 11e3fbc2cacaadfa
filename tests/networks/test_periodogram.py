import math

import pytest
import torch

from quickstudy.networks.periodogram import Periodogram, evidence_for_waves, highest_told


def wave(frequency: float, num_points: int = 40, noise: float = 0.05) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = 4 * torch.rand(1, num_points, generator=generator) - 2
    y = (2 * math.pi * frequency * x + 0.3).sin() + noise * torch.randn(1, num_points, generator=generator)
    return x, (y - y.mean()) / y.std()


@pytest.mark.parametrize("frequency", [0.4, 1.37, 5.21, 15.25])
def test_the_highest_peak_is_at_the_frequency_of_the_wave(frequency: float) -> None:
    x, y = wave(frequency)
    periodogram = Periodogram()
    found, evidence = periodogram.refined_peaks(periodogram(x, y, torch.ones_like(x)), 4, x, y, torch.ones_like(x))
    # Half the frequency explains the wave too, by its second harmonic, but less likely so.
    assert float(found[0, 0]) == pytest.approx(frequency, abs=0.005)
    assert evidence[0, 0] > evidence[0, 1] + 1
    assert evidence[0, 0] > evidence[0, 2] + 30


def test_a_trend_is_no_wave() -> None:
    x = torch.linspace(-2, 2, 40)[None]
    y = x / x.std()
    evidence = Periodogram()(x, y, torch.ones_like(x))
    assert evidence.max() < 2  # Waves explain nothing that the trend has not explained.


def test_evidence_is_that_of_the_normal_distribution_it_stands_for(generator: torch.Generator) -> None:
    x, y = 4 * torch.rand(1, 7, generator=generator) - 2, torch.randn(1, 7, generator=generator)
    frequency = 0.8
    angle = 2 * math.pi * frequency * x[0].double()
    unit = x[0].double() / 2
    trend = torch.stack([torch.ones(7), unit, 1.5 * unit**2 - 0.5, unit * (2.5 * unit**2 - 1.5)])
    trend = trend * torch.tensor([1.0, 0.5, 0.2, 0.1]).double().sqrt()[:, None]
    waves = torch.stack([angle.cos(), angle.sin()]) * math.sqrt(0.6)

    def log_evidence(basis: torch.Tensor) -> float:
        levels = [
            torch.distributions.MultivariateNormal(
                torch.zeros(7).double(), basis.T @ basis + noise * torch.eye(7).double()
            ).log_prob(y[0].double())
            for noise in (0.01, 0.1)
        ]
        return float(torch.stack(levels).logsumexp(dim=0))

    expected = log_evidence(torch.cat([trend, waves])) - log_evidence(trend)
    found = evidence_for_waves(torch.tensor([[frequency]]), 1, x, y, torch.ones_like(x))
    assert float(found) == pytest.approx(expected, abs=1e-2)


def test_padding_explains_nothing(generator: torch.Generator) -> None:
    x, y = wave(1.1, 12)
    padded_x, padded_y = (torch.cat([each, torch.full((1, 3), 9.0)], dim=1) for each in (x, y))
    is_real = torch.tensor([[1.0] * 12 + [0.0] * 3])
    periodogram = Periodogram()
    alone, beside = periodogram(x, y, torch.ones_like(x)), periodogram(padded_x, padded_y * is_real, is_real)
    assert torch.allclose(alone, beside, atol=1e-2)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_points_have_finite_peaks(count: int) -> None:
    x = torch.linspace(-1, 1, count)[None]
    periodogram, none = Periodogram(), torch.zeros(1, count)
    evidence = periodogram(x, none, torch.ones_like(x))
    frequency, height = periodogram.refined_peaks(evidence, 3, x, none, torch.ones_like(x))
    assert (frequency > 0).all()
    assert frequency.isfinite().all()
    assert height.isfinite().all()


def test_evenly_spaced_points_tell_no_frequency_above_nyquists(generator: torch.Generator) -> None:
    x = torch.linspace(-2, 2, 30)[None]
    y = (2 * math.pi * 0.8 * x).sin()
    y = y / y.std()
    periodogram = Periodogram()
    found, _ = periodogram.refined_peaks(periodogram(x, y, torch.ones_like(x)), 3, x, y, torch.ones_like(x))
    assert float(found[0, 0]) == pytest.approx(0.8, abs=0.01)
    highest = float(highest_told(x, torch.ones_like(x)))
    assert highest == pytest.approx(29 / 8, rel=1e-3)
    assert (found < highest + 0.1).all()
    among = torch.cat([x, x[:, :2] + 0.001], dim=1)  # Two close pairs change nothing.
    assert float(highest_told(among, torch.ones_like(among))) == pytest.approx(highest, rel=0.02)
    anywhere = 4 * torch.rand(1, 50, generator=generator) - 2
    assert float(highest_told(anywhere, torch.ones_like(anywhere))) > 20
