import pytest
import torch

from quickstudy.networks.conv_trunk import ConvTrunk, ResidualBlock, folded, unfolded


def build(kernel=(3, 5), dilations=((1, 1), (2, 3))) -> ConvTrunk:
    """From two numbers to eight channels, in float64."""
    torch.manual_seed(0)
    return ConvTrunk(2, 8, kernel, dilations).double()


@pytest.fixture
def maps(generator):
    """Two maps of 11 × 25 cells of two numbers, in float64."""
    return torch.randn(2, 11, 25, 2, generator=generator, dtype=torch.float64)


def test_a_map_keeps_its_height_and_width(maps):
    assert build()(maps).shape == (2, 11, 25, 8)


def test_a_block_adds_to_what_it_reads(generator):
    block, x = ResidualBlock(4, (3, 3)), torch.randn(1, 5, 5, 4, generator=generator)
    with torch.no_grad():
        block.pointwise[-1].weight.zero_()
        block.pointwise[-1].bias.fill_(2.0)
    assert torch.equal(block(x), x + 2)


def test_an_output_sees_as_far_as_it_says_and_no_farther(maps):
    trunk = build()
    assert trunk.reach == (3, 8)
    maps.requires_grad_()
    trunk(maps)[0, 5, 12].sum().backward()
    sees = maps.grad[0].abs().sum(dim=-1) > 0
    assert sees.any(dim=1).nonzero().aminmax() == (2, 8)
    assert sees.any(dim=0).nonzero().aminmax() == (4, 20)
    assert not maps.grad[1].any()


def test_away_from_the_edges_moving_a_map_moves_its_features(maps):
    trunk = build()
    features, moved = trunk(maps), trunk(maps.roll((1, 4), dims=(1, 2)))
    assert torch.allclose(moved[:, 4:-4, 12:-12], features[:, 3:-5, 8:-16])


def test_maps_of_one_row_are_read_as_lines(generator):
    trunk, lines = build((1, 3), ((1, 1), (1, 2))), torch.randn(6, 1, 9, 2, generator=generator, dtype=torch.float64)
    assert torch.allclose(trunk(lines.transpose(0, 1)), trunk(lines).transpose(0, 1))


@pytest.mark.parametrize("kernel", [(3, 4), (2, 3)])
def test_kernels_without_a_middle_are_refused(kernel):
    with pytest.raises(ValueError, match="odd sizes"):
        build(kernel)


def test_a_folded_map_holds_squares_of_cells_row_by_row(maps):
    squares = folded(maps[:, :10, :24], 2)
    assert squares.shape == (2, 5, 12, 8)
    assert torch.equal(squares[1, 3, 4], maps[1, 6:8, 8:10].flatten())


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_unfolding_gives_back_what_was_folded_whatever_its_sides(maps, side):
    assert torch.equal(unfolded(folded(maps, side), side, (11, 25)), maps)
    assert folded(maps, side).sum() == pytest.approx(maps.sum().item())
