import math

import pytest
import torch

from quickstudy.networks.set_convolutions import (
    GridReading,
    NormalisedConvolution,
    SetConvolution,
    cells,
    padded_grid,
    scatter,
)

GRID = padded_grid(-1.0, 1.0, 8.0, 0.5)


@pytest.fixture
def points(generator):
    """Two tasks of five points between −1 and 1 with values of two numbers, in float64."""
    x = 2 * torch.rand(2, 5, 1, generator=generator, dtype=torch.float64) - 1
    return x, torch.randn(2, 5, 2, generator=generator, dtype=torch.float64)


@pytest.fixture
def onto_grid() -> SetConvolution:
    return SetConvolution(GRID).double()


@pytest.fixture
def reading() -> GridReading:
    return GridReading(GRID).double()


@pytest.fixture
def spread() -> NormalisedConvolution:
    """Three kernels of five by five."""
    return NormalisedConvolution(3, 5).double()


# Points on a line


def test_the_grid_goes_in_whole_steps_from_one_margin_to_the_other():
    places = GRID.places(torch.zeros((), dtype=torch.float64))
    assert torch.equal(places, torch.linspace(-1.5, 1.5, 25, dtype=torch.float64))
    assert (GRID.low, GRID.high) == (-1.5, 1.5)


def test_a_grid_of_uneven_steps_holds_both_ends_and_the_margin():
    grid = padded_grid(0.0, 1.0, 3.3, 0.25)
    assert grid.low <= -0.25
    assert grid.high >= 1.25
    assert (0.0 - grid.low) / grid.spacing == pytest.approx(round((0.0 - grid.low) / grid.spacing))


@pytest.mark.parametrize("wrong", [(1.0, 1.0, 8.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 1.0, 8.0, -0.1)])
def test_what_no_grid_can_be_is_refused(wrong):
    with pytest.raises(ValueError, match="ends in order"):
        padded_grid(*wrong)


def test_length_scales_start_at_two_steps_of_the_grid(onto_grid, reading):
    for block in (onto_grid, reading):
        assert block.nearness.log_length.exp().item() == pytest.approx(2 * GRID.spacing)


def test_densities_are_sums_of_bumps_and_values_means_weighed_by_them(onto_grid, points):
    x, y = points
    found = onto_grid(x, y)
    for task in range(2):
        for place in range(GRID.size):
            at = GRID.low + place * GRID.spacing
            weights = [math.exp(-((at - each.item()) ** 2) / (2 * 0.25**2)) for each in x[task]]
            assert found[task, place, 0].item() == pytest.approx(sum(weights))
            mean = sum(w * value for w, value in zip(weights, y[task], strict=True)) / (sum(weights) + 1e-8)
            assert torch.allclose(found[task, place, 1:], mean)


def test_around_a_lone_point_the_value_is_its_own(onto_grid):
    x, y = torch.tensor([[[0.2]]]).double(), torch.tensor([[[3.0, -2.0]]]).double()
    density, values = onto_grid(x, y)[0].split([1, 2], dim=1)
    near = density[:, 0] > 0.01
    assert near.sum() > 8
    assert torch.allclose(values[near], y[0].expand(int(near.sum()), -1), rtol=1e-5)


def test_far_from_all_points_there_is_neither_density_nor_value():
    wide = SetConvolution(padded_grid(-10.0, 10.0, 8.0, 0.0)).double()
    seen = wide(torch.zeros(1, 1, 1).double(), torch.ones(1, 1, 1).double())
    assert seen[0, [0, -1]].abs().max() < 1e-12


def test_without_points_there_is_neither_density_nor_value(onto_grid, points):
    x, y = points
    assert not onto_grid(x[:, :0], y[:, :0]).any()


def test_points_given_twice_double_the_density_and_leave_the_values(onto_grid, points):
    x, y = points
    once, twice = onto_grid(x, y), onto_grid(x.repeat(1, 2, 1), y.repeat(1, 2, 1))
    assert torch.allclose(twice[..., 0], 2 * once[..., 0])
    near = once[..., 0] > 0.01
    assert torch.allclose(twice[near][:, 1:], once[near][:, 1:], atol=1e-5)


def test_the_order_of_the_points_does_not_matter(onto_grid, points):
    x, y = points
    assert torch.allclose(onto_grid(x.flip(1), y.flip(1)), onto_grid(x, y))


def test_moving_points_by_steps_of_the_grid_moves_what_is_there(onto_grid, points):
    x, y = points
    moved = onto_grid(x + 3 * GRID.spacing, y)
    assert torch.allclose(moved[:, 3:], onto_grid(x, y)[:, :-3])


def test_a_constant_is_read_as_itself(reading, points):
    x, _ = points
    assert torch.allclose(reading(torch.full((2, GRID.size, 3), 7.0).double(), x), torch.tensor(7.0).double())


def test_a_narrow_reading_at_a_place_of_the_grid_is_what_is_there(reading, generator):
    function = torch.randn(2, GRID.size, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        reading.nearness.log_length.fill_(math.log(GRID.spacing / 20))
    places = GRID.places(function).expand(2, -1)[..., None]
    assert torch.allclose(reading(function, places), function)


def test_a_reading_is_a_mean_weighed_by_nearness(reading, points, generator):
    x, _ = points
    function = torch.randn(2, GRID.size, 3, generator=generator, dtype=torch.float64)
    bumps = (-((x - GRID.places(x)) ** 2) / (2 * 0.25**2)).exp()
    assert torch.allclose(reading(function, x), bumps @ function / bumps.sum(dim=2, keepdim=True))


def test_a_reading_is_smooth_between_the_places_of_the_grid(reading, generator):
    function = torch.randn(1, GRID.size, 1, generator=generator, dtype=torch.float64)
    x = torch.linspace(-1.5, 1.5, 3001, dtype=torch.float64)[None, :, None]
    steps = reading(function, x).diff(dim=1).abs()
    assert steps.max() < 0.01 * (function.max() - function.min())


# Pixels


def test_pixels_middles_are_in_their_cells_row_by_row():
    rows, columns = (torch.arange(size).add(0.5).div(size).double() for size in (3, 4))
    places = torch.cartesian_prod(rows, columns)[None]
    assert torch.equal(cells(places, (3, 4)), torch.arange(12)[None])


def test_the_edges_of_the_square_belong_to_the_outer_cells():
    corners = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]])
    assert cells(corners, (3, 4)).tolist() == [[0, 3, 8, 11]]


def test_values_land_in_their_cells_and_those_of_one_cell_are_averaged():
    cell, values = torch.tensor([[5, 0, 5], [1, 2, 3]]), torch.tensor([[[1.0], [2.0], [4.0]], [[5.0], [6.0], [7.0]]])
    seen = scatter(cell, values, (2, 3))
    assert seen[0, ..., 0].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert seen[0, ..., 1].tolist() == [[2, 0, 0], [0, 0, 2.5]]
    assert seen[1, ..., 1].tolist() == [[0, 5, 6], [7, 0, 0]]


def test_without_pixels_nothing_lands():
    assert not scatter(torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, 0, 1), (2, 3)).any()


def test_densities_are_sums_of_kernels_and_values_the_means_they_weigh(spread, generator):
    with torch.no_grad():
        spread.kernels.normal_()
    cell, y = torch.tensor([[0, 13, 27]]), torch.randn(1, 3, 1, generator=generator, dtype=torch.float64)
    found = spread(scatter(cell, y, (4, 7)))
    kernels = spread.kernels.abs()
    for row in range(4):
        for column in range(7):
            near = [  # Of each point the kernels' weight at this pixel, zero out of their reach.
                kernels[:, 0, c // 7 - row + 2, c % 7 - column + 2]
                if max(abs(c // 7 - row), abs(c % 7 - column)) <= 2
                else torch.zeros(3).double()
                for c in cell[0].tolist()
            ]
            density, total = sum(near), sum(w * value for w, value in zip(near, y[0], strict=True))
            assert torch.allclose(found[0, row, column, :3], density)
            assert torch.allclose(found[0, row, column, 3:], total / (density + 1e-8))


def test_the_signs_of_the_kernels_do_not_matter(spread, generator):
    seen = scatter(torch.tensor([[3, 9]]), torch.randn(1, 2, 1, generator=generator).double(), (4, 4))
    expected = spread(seen)
    with torch.no_grad():
        spread.kernels.neg_()
    assert torch.equal(spread(seen), expected)


def test_a_lone_pixel_has_its_value_all_around(spread):
    found = spread(scatter(torch.tensor([[24]]), torch.full((1, 1, 1), -3.0).double(), (7, 7)))
    density, values = found.split(3, dim=3)
    assert (density > 1e-3).sum() > 40
    assert torch.allclose(values[density > 1e-3], torch.tensor(-3.0).double(), rtol=1e-4)


def test_every_kernel_starts_wider_than_the_one_before(spread):
    masses = spread.kernels.sum(dim=(1, 2, 3))
    assert (masses.diff() > 0.5).all()


def test_kernels_without_a_middle_are_refused():
    with pytest.raises(ValueError, match="size 4"):
        NormalisedConvolution(3, 4)


def test_points_that_a_mask_leaves_out_are_not_put_onto_a_grid(points, onto_grid):
    x, y = points
    mask = torch.tensor([[True, False, True, True, False], [False] * 5])
    found = onto_grid(x, y, mask)
    assert torch.allclose(found[:1], onto_grid(x[:1, mask[0]], y[:1, mask[0]]), atol=1e-12)
    assert not found[1].any()
    cell = torch.tensor([[3, 3, 3, 0, 1], [0, 1, 2, 3, 4]])
    pixels = scatter(cell, y, (2, 3), mask)
    assert torch.allclose(pixels[:1], scatter(cell[:1, mask[0]], y[:1, mask[0]], (2, 3)), atol=1e-12)
    assert not pixels[1].any()
