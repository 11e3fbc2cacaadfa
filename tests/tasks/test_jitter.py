import pytest
import torch

from quickstudy.tasks import Jitter
from quickstudy.tasks.jitter import jitter_images

COUNT = 500


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spots(x, y, height=33, width=33, radius=1.5) -> torch.Tensor:
    """The same soft spot `x` pixels right and `y` below the centre, in float64, on every image."""
    down = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2 - y
    right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2 - x
    return torch.exp(-(down**2 + right**2) / (2 * radius**2)).expand(COUNT, 1, height, width)


def centres(images) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels from the image's centre to its ink's, right and down."""
    height, width = images.shape[-2:]
    ink = images[:, 0] / images[:, 0].sum(dim=(1, 2), keepdim=True)
    right = (ink.sum(dim=1) * (torch.arange(width) - (width - 1) / 2)).sum(dim=1)
    down = (ink.sum(dim=2) * (torch.arange(height) - (height - 1) / 2)).sum(dim=1)
    return right, down


def fills(values, lowest, highest) -> bool:
    """All within the bounds, near both of them, and evenly on either side."""
    slack = 0.02 * (highest - lowest)
    within = lowest - slack < values.min() and values.max() < highest + slack
    return bool(within and values.min() < lowest + 3 * slack and values.max() > highest - 3 * slack)


def test_no_movement_leaves_images_as_they_were(generator):
    images = torch.rand(4, 2, 28, 20, generator=generator)
    assert torch.allclose(jitter_images(images, Jitter(0, 0, 0), generator), images, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(33, 33), (25, 49)])
def test_shifts_fill_their_bounds_along_each_axis(height, width):
    moved = jitter_images(spots(0, 0, height, width), Jitter(degrees=0, shift=3, scale=0), seeded())
    right, down = centres(moved)
    for offsets in (right, down):
        assert fills(offsets, -3, 3)
        assert abs(offsets.mean()) < 0.3
        assert offsets.std() == pytest.approx(3 / 3**0.5, rel=0.1)
    assert abs(torch.corrcoef(torch.stack([right, down]))[0, 1]) < 0.15


def test_turns_fill_their_bounds_and_keep_the_distance_to_the_centre():
    right, down = centres(jitter_images(spots(9, 0), Jitter(degrees=20, shift=0, scale=0), seeded()))
    angle = torch.rad2deg(torch.atan2(down, right))
    assert fills(angle, -20, 20)
    assert abs(angle.mean()) < 2
    assert torch.allclose(torch.hypot(right, down), torch.full((COUNT,), 9.0, dtype=torch.float64), atol=0.05)


def test_a_turn_is_no_shear():
    jitter = Jitter(degrees=20, shift=0, scale=0)
    ends = [torch.stack(centres(jitter_images(spots(*at), jitter, seeded()))) for at in ((9, 0), (0, 9))]
    assert (ends[0] * ends[1]).sum(dim=0).abs().max() < 0.5


def test_sizes_fill_their_bounds():
    right, down = centres(jitter_images(spots(9, 0), Jitter(degrees=0, shift=0, scale=0.2), seeded()))
    assert fills(9 / right, 0.8, 1.2)
    assert down.abs().max() < 1e-3


def test_both_axes_grow_alike():
    jitter = Jitter(degrees=0, shift=0, scale=0.2)
    along, across = (centres(jitter_images(spots(*at), jitter, seeded())) for at in ((9, 0), (0, 9)))
    assert torch.allclose(along[0], across[1], atol=1e-6)


def test_every_image_moves_by_itself():
    right, _ = centres(jitter_images(spots(0, 0), Jitter(), seeded()))
    assert len(right.unique()) == COUNT


def test_the_channels_of_an_image_move_together(generator):
    images = torch.rand(5, 1, 28, 28, generator=generator).expand(-1, 3, -1, -1)
    moved = jitter_images(images, Jitter(), generator)
    assert torch.equal(moved[:, :1].expand(-1, 3, -1, -1), moved)
    assert not torch.allclose(moved, images, atol=0.1)


def test_what_comes_in_from_outside_is_empty():
    full = torch.ones(COUNT, 1, 20, 20, dtype=torch.float64)
    moved = jitter_images(full, Jitter(degrees=0, shift=4, scale=0), seeded())
    right, down = centres(jitter_images(spots(0, 0, 20, 20), Jitter(degrees=0, shift=4, scale=0), seeded()))
    assert (moved.sum(dim=(1, 2, 3)) < 400).all()
    assert torch.allclose(moved[:, :, 5:15, 5:15], full[:, :, 5:15, 5:15])
    blank = moved[(right > 1) & (down > 1), 0]
    assert len(blank) > 20
    assert (blank[:, 0] == 0).all()
    assert (blank[:, :, 0] == 0).all()


def test_ink_stays_between_nothing_and_full(generator):
    moved = jitter_images(torch.rand(50, 1, 28, 28, generator=generator), Jitter(), generator)
    assert moved.min() >= 0
    assert moved.max() <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_precision_stay(dtype):
    moved = jitter_images(torch.rand(3, 2, 14, 20, dtype=dtype), Jitter(), seeded())
    assert moved.shape == (3, 2, 14, 20)
    assert moved.dtype == dtype


def test_the_same_seed_moves_the_same_way_and_leaves_its_input_alone():
    images = torch.rand(5, 1, 28, 28)
    before = images.clone()
    assert torch.equal(jitter_images(images, Jitter(), seeded(1)), jitter_images(images, Jitter(), seeded(1)))
    assert not torch.equal(jitter_images(images, Jitter(), seeded(1)), jitter_images(images, Jitter(), seeded(2)))
    assert torch.equal(images, before)
