import math

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Augmentation
from quickstudy.tasks.augmentation import augment_images, refuse_augmentation, warped_classes

COUNT = 500
STILL = Augmentation().times(0)
"""Moves nothing."""


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spots(x, y, height=33, width=33, radius=1.5, count=COUNT) -> torch.Tensor:
    """The same soft spot `x` pixels right and `y` below the centre, in float64, on every image."""
    down = torch.arange(height, dtype=torch.float64)[:, None] - (height - 1) / 2 - y
    right = torch.arange(width, dtype=torch.float64) - (width - 1) / 2 - x
    return torch.exp(-(down**2 + right**2) / (2 * radius**2)).expand(count, 1, height, width)


def centres(images) -> torch.Tensor:
    """(2, B): pixels from the image's centre to its ink's, right and down."""
    height, width = images.shape[-2:]
    ink = images[:, 0] / images[:, 0].sum(dim=(1, 2), keepdim=True)
    right = (ink.sum(dim=1) * (torch.arange(width) - (width - 1) / 2)).sum(dim=1)
    down = (ink.sum(dim=2) * (torch.arange(height) - (height - 1) / 2)).sum(dim=1)
    return torch.stack([right, down])


def ends(change, height=33, width=33) -> tuple[torch.Tensor, torch.Tensor]:
    """Where spots six pixels right of the centre and six below it go, (2, B) each, by the same changes."""
    right, below = (centres(augment_images(spots(*at, height, width), change, seeded())) for at in ((6, 0), (0, 6)))
    return right, below


def fills(values, lowest, highest) -> bool:
    """All within the bounds, and near both of them."""
    slack = 0.03 * (highest - lowest)
    within = lowest - slack < values.min() and values.max() < highest + slack
    return bool(within and values.min() < lowest + 3 * slack and values.max() > highest - 3 * slack)


def test_a_strength_of_zero_leaves_images_as_they_were(generator):
    images = torch.rand(4, 2, 28, 20, generator=generator, dtype=torch.float64)
    assert torch.allclose(augment_images(images, STILL, generator), images, atol=1e-12)


def test_strength_multiplies_every_bound_and_leaves_the_number_of_parts():
    twice = Augmentation(erased=0.25).times(2)
    assert twice.parts == Augmentation().parts
    for name, bound in Augmentation(erased=0.25)._asdict().items():
        assert name == "parts" or getattr(twice, name) == 2 * bound


def test_the_default_moves_every_image_by_itself():
    right, _ = centres(augment_images(spots(0, 0), Augmentation(), seeded()))
    assert len(right.unique()) == COUNT


@pytest.mark.parametrize(("height", "width"), [(33, 33), (25, 49)])
def test_shifts_fill_their_bounds_along_each_axis(height, width):
    for offsets in centres(augment_images(spots(0, 0, height, width), STILL._replace(shift=3), seeded())):
        assert fills(offsets, -3, 3)
        assert abs(offsets.mean()) < 0.3


@pytest.mark.parametrize(("height", "width"), [(33, 33), (25, 49)])
def test_a_turn_fills_its_bounds_and_keeps_lengths_and_right_angles(height, width):
    right, below = ends(STILL._replace(degrees=20), height, width)
    assert fills(torch.rad2deg(torch.atan2(right[1], right[0])), -20, 20)
    for end in (right, below):
        assert torch.allclose(end.norm(dim=0), torch.full((COUNT,), 6.0, dtype=torch.float64), atol=0.05)
    assert (right * below).sum(dim=0).abs().max() < 0.5


def test_sizes_fill_their_bounds_and_both_axes_grow_alike():
    right, below = ends(STILL._replace(scale=0.25))
    assert fills((6 / right[0]).log(), -math.log(1.25), math.log(1.25))
    assert torch.allclose(right[0], below[1], atol=1e-6)
    assert max(right[1].abs().max(), below[0].abs().max()) < 1e-6


def test_a_stretch_is_the_share_of_the_width_against_the_height():
    right, below = ends(STILL._replace(stretch=0.25))
    assert fills((below[1] / right[0]).log(), -math.log(1.25), math.log(1.25))
    assert torch.allclose(right[0] * below[1], torch.full((COUNT,), 36.0, dtype=torch.float64), atol=0.4)


@pytest.mark.parametrize(("height", "width"), [(33, 33), (25, 49)])
def test_a_slant_moves_what_is_below_to_the_side_and_leaves_rows_alone(height, width):
    right, below = ends(STILL._replace(shear=0.5), height, width)
    assert fills(below[0] / 6, -0.5, 0.5)
    assert torch.allclose(below[1], torch.full((COUNT,), 6.0, dtype=torch.float64), atol=0.05)
    assert torch.allclose(right, torch.tensor([[6.0], [0.0]], dtype=torch.float64).expand(2, COUNT), atol=1e-6)


@pytest.mark.parametrize("at", [(0, 0), (6, -4)])
@pytest.mark.parametrize(("height", "width"), [(33, 33), (33, 49)])
def test_displacements_have_their_standard_deviation_everywhere(at, height, width):
    # A narrow spot, as a wide one is moved by the mean of what moves its parts.
    dots = spots(*at, height, width, radius=0.8, count=4 * COUNT)
    moved = centres(augment_images(dots, STILL._replace(displacement=1.0), seeded()))
    for offsets, place in zip(moved, at, strict=True):
        assert offsets.mean() == pytest.approx(place, abs=0.15)
        assert offsets.std() == pytest.approx(1.0, rel=0.15)


def test_far_parts_move_on_their_own_and_near_ones_together():
    change = STILL._replace(displacement=1.0)
    one, near, far = (centres(augment_images(spots(*at), change, seeded()))[0] for at in ((-12, 0), (-10, 0), (12, 0)))
    assert torch.corrcoef(torch.stack([one, near]))[0, 1] > 0.8
    assert abs(torch.corrcoef(torch.stack([one, far]))[0, 1]) < 0.15


def test_with_one_part_the_whole_is_displaced_as_one():
    change = STILL._replace(displacement=1.0, parts=1)
    one, far = (centres(augment_images(spots(*at), change, seeded())) for at in ((-6, 0), (6, 3)))
    assert torch.allclose(far - one, torch.tensor([[12.0], [3.0]], dtype=torch.float64).expand(2, COUNT), atol=0.05)


def test_the_pen_raises_ink_to_a_power_and_leaves_the_empty_and_the_full():
    grey = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)[:, None, None].expand(COUNT, 3, 3, 3)
    drawn = augment_images(grey, STILL._replace(pen=0.7), seeded())[:, :, 1, 1]
    assert (drawn[:, 0] == 0).all()
    assert torch.allclose(drawn[:, 2], torch.ones((), dtype=torch.float64))
    assert fills((drawn[:, 1].log() / math.log(0.5)).log(), -0.7, 0.7)


def test_what_is_erased_is_one_rectangle_up_to_its_largest_size():
    full = torch.ones(COUNT, 1, 20, 30, dtype=torch.float64)
    left = augment_images(full, STILL._replace(erased=0.5), seeded())[:, 0] > 0.5
    rows, columns = (~left).any(dim=2), (~left).any(dim=1)
    assert torch.equal(~left, rows[:, :, None] & columns[:, None, :])
    assert 8 <= rows.sum(dim=1).max() <= 10
    assert 12 <= columns.sum(dim=1).max() <= 15
    assert (left.flatten(1).sum(dim=1) == 0).sum() == 0


def test_ink_stays_between_nothing_and_full(generator):
    changed = augment_images(torch.rand(50, 1, 28, 28, generator=generator), Augmentation(erased=0.3), generator)
    assert changed.min() >= 0
    assert changed.max() <= 1 + 1e-6


def test_what_comes_in_from_outside_is_empty():
    full = torch.ones(COUNT, 1, 20, 20, dtype=torch.float64)
    moved = augment_images(full, STILL._replace(shift=4, pen=0.5), seeded())
    right, down = centres(augment_images(spots(0, 0, 20, 20), STILL._replace(shift=4), seeded()))
    blank = moved[(right > 1) & (down > 1), 0]
    assert len(blank) > 20
    assert (blank[:, 0] == 0).all()
    assert (blank[:, :, 0] == 0).all()


def test_the_channels_of_an_image_change_together(generator):
    images = torch.rand(5, 1, 28, 28, generator=generator).expand(-1, 3, -1, -1)
    changed = augment_images(images, Augmentation(erased=0.3), generator)
    assert torch.allclose(changed[:, :1], changed, atol=1e-6)
    assert not torch.allclose(changed, images, atol=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_precision_stay(dtype):
    changed = augment_images(torch.rand(3, 2, 14, 20, dtype=dtype), Augmentation(erased=0.3), seeded())
    assert changed.shape == (3, 2, 14, 20)
    assert changed.dtype == dtype


def test_the_same_seed_changes_the_same_way_and_leaves_its_input_alone():
    images, change = torch.rand(5, 1, 28, 28), Augmentation(erased=0.3)
    before = images.clone()
    assert torch.equal(augment_images(images, change, seeded(1)), augment_images(images, change, seeded(1)))
    assert not torch.equal(augment_images(images, change, seeded(1)), augment_images(images, change, seeded(2)))
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("name", "bound"), [("degrees", -1.0), ("parts", 0), ("erased", 1.5), ("displacement", math.nan)]
)
def test_bounds_that_are_none_are_refused(name, bound):
    with pytest.raises(UserError, match=f"{name} = {bound} .* was expected"):
        refuse_augmentation(Augmentation()._replace(**{name: bound}))


def drawings(classes=6, examples=3) -> torch.Tensor:
    """Bytes, every drawing of a class the same."""
    ink = torch.rand(classes, 1, 12, 12, generator=seeded(1)).mul(255).to(torch.uint8)
    return ink.expand(-1, examples, -1, -1).contiguous()


def test_warped_copies_follow_the_classes():
    images = drawings()
    warped = warped_classes(images, 2, Augmentation(), seeded())
    assert warped.shape == (18, 3, 12, 12)
    assert warped.dtype == torch.uint8
    assert torch.equal(warped[:6], images)
    assert torch.equal(warped_classes(images, 0, Augmentation(), seeded()), images)


def test_all_drawings_of_a_copy_are_warped_in_the_same_way():
    images = drawings(classes=1).expand(6, -1, -1, -1)
    warped = warped_classes(images, 2, Augmentation(), seeded())
    assert torch.equal(warped, warped[:, :1].expand_as(warped))
    assert len({tuple(each.flatten().tolist()) for each in warped[:, 0]}) == 1 + 2 * 6


def test_what_bends_nothing_copies_every_class():
    images = drawings()
    assert torch.equal(warped_classes(images, 1, STILL, seeded()), images.repeat(2, 1, 1, 1))


def test_fewer_copies_than_none_are_refused():
    with pytest.raises(UserError, match="copies = -1 was given"):
        warped_classes(drawings(), -1, Augmentation(), seeded())
