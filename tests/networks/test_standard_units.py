import torch

from quickstudy.networks.standard_units import units_of_places, units_of_values


def test_places_lie_from_minus_two_to_two() -> None:
    x = torch.tensor([[1871.0, 1900.0, 1971.0], [3.0, 4.0, 5.0]])
    units = units_of_places(x, torch.ones_like(x))
    measured = units.measured(x)
    assert torch.allclose(measured.amin(dim=1), torch.tensor([-2.0, -2.0]))
    assert torch.allclose(measured.amax(dim=1), torch.tensor([2.0, 2.0]))
    assert torch.allclose(measured * units.unit[:, None] + units.origin[:, None], x)


def test_values_have_mean_zero_and_variance_one(generator: torch.Generator) -> None:
    y = 288 + 5 * torch.randn(3, 50, generator=generator)
    measured = units_of_values(y, torch.ones_like(y)).measured(y)
    assert torch.allclose(measured.mean(dim=1), torch.zeros(3), atol=1e-5)
    assert torch.allclose(measured.square().mean(dim=1), torch.ones(3), atol=1e-4)


def test_padding_changes_no_units() -> None:
    x, is_real = torch.tensor([[1.0, 2.0, 4.0, 99.0]]), torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    for units_of in (units_of_places, units_of_values):
        alone, beside = units_of(x[:, :3], torch.ones(1, 3)), units_of(x, is_real)
        assert torch.allclose(torch.stack(alone), torch.stack(beside))


def test_what_does_not_vary_has_the_unit_one() -> None:
    one = torch.tensor([[5000.0]])
    alike = torch.full((1, 4), 0.1)
    for y in (one, alike):
        origin, unit = units_of_values(y, torch.ones_like(y))
        assert torch.allclose(origin, y[:, 0])
        assert float(unit) == 1.0
        assert float(units_of_places(y, torch.ones_like(y)).unit) == 1.0


def test_nothing_is_measured_as_it_is() -> None:
    nothing = torch.zeros(2, 0)
    for units in (units_of_places(nothing, nothing), units_of_values(nothing, nothing)):
        assert torch.equal(units.origin, torch.zeros(2))
        assert torch.equal(units.unit, torch.ones(2))
    padded = torch.zeros(1, 2)
    assert torch.equal(units_of_places(padded + 7, padded).origin, torch.zeros(1))
