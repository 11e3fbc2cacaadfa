import numpy as np
import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Augmentation, ContrastivePairs

STILL = Augmentation().times(0)


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def flat(count=30) -> torch.Tensor:
    """Drawings of one shade each, its number in units of 1/255: only small ones, so that all bytes differ."""
    return torch.arange(count, dtype=torch.uint8)[:, None, None].expand(count, 8, 8).contiguous()


def numbers(images) -> torch.Tensor:
    """Which of the flat drawings they are, (T, B)."""
    return (images[:, :, 0, 4, 4] * 255).round().long()


@pytest.fixture
def drawings(glyph_images) -> torch.Tensor:
    return glyph_images.flatten(0, 1)


def test_a_task_is_as_many_drawings_with_one_label_for_both_views(drawings):
    tasks = ContrastivePairs(drawings, pairs=12).sample(3, seeded())
    assert tasks.support_x.shape == tasks.query_x.shape == (3, 12, 1, 28, 28)
    assert torch.equal(tasks.support_y, torch.arange(12).repeat(3, 1))
    assert torch.equal(tasks.query_y, tasks.support_y)
    assert tasks.support_x.dtype == torch.float32


def test_both_views_are_of_the_same_drawing_and_no_drawing_comes_twice_in_a_task():
    tasks = ContrastivePairs(flat(), pairs=30, augmentation=STILL).sample(4, seeded())
    assert torch.equal(numbers(tasks.support_x), numbers(tasks.query_x))
    for drawn in numbers(tasks.support_x):
        assert len(drawn.unique()) == 30


def test_any_drawing_may_have_any_place():
    drawn = numbers(ContrastivePairs(flat(6), pairs=2, augmentation=STILL).sample(3_000, seeded()).support_x)
    counts = torch.stack([drawn[:, place].bincount(minlength=6) for place in range(2)]).double()
    assert ((counts - 500).abs() < 4 * 500**0.5).all()


def test_without_augmentation_the_views_are_the_drawing_itself(drawings):
    tasks = ContrastivePairs(drawings, pairs=5, augmentation=STILL).sample(2, seeded())
    assert torch.allclose(tasks.support_x, tasks.query_x, atol=1e-5)
    bytes_drawn = (tasks.support_x * 255).round().byte()[:, :, 0]
    known = {drawing.numpy().tobytes() for drawing in drawings}
    assert all(drawing.numpy().tobytes() in known for drawing in bytes_drawn.flatten(0, 1))


def test_the_two_views_are_changed_independently(drawings):
    tasks = ContrastivePairs(drawings, pairs=50).sample(2, seeded())
    apart = (tasks.support_x - tasks.query_x).abs().amax(dim=(2, 3, 4))
    assert (apart > 0.1).all()


def test_which_classes_the_drawings_are_of_is_never_asked(glyph_images):
    """Drawings dealt out among classes at random, then laid in one heap in the old order, are the same heap."""
    heap = glyph_images.flatten(0, 1)
    order = torch.randperm(len(heap), generator=seeded(3))
    divided = heap[order].view(glyph_images.shape)
    back = divided.flatten(0, 1)[order.argsort()]
    first, second = (ContrastivePairs(images, pairs=20).sample(2, seeded()) for images in (heap, back))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_shuffled_drawings_are_drawn_alike_but_for_their_numbers():
    order = torch.randperm(30, generator=seeded(3))
    plain, shuffled = (
        ContrastivePairs(heap, pairs=10, augmentation=STILL).sample(5, seeded()) for heap in (flat(), flat()[order])
    )
    assert torch.equal(order[numbers(plain.support_x)], numbers(shuffled.support_x))
    assert torch.equal(plain.support_y, shuffled.support_y)


def test_the_same_generator_state_draws_the_same_tasks(drawings):
    pairs = ContrastivePairs(drawings, pairs=10, augmentation=Augmentation(erased=0.3))
    first, again, other = (pairs.sample(2, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.support_x, other.support_x)


def test_the_global_random_numbers_are_neither_used_nor_advanced(drawings):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    ContrastivePairs(drawings, pairs=10).sample(2, seeded())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("channels", [1, 3])
def test_drawings_may_have_channels_and_come_as_arrays_or_floats(drawings, channels):
    array = drawings[:, None].expand(-1, channels, -1, -1).numpy()
    bytes_, floats = (
        ContrastivePairs(given, pairs=6).sample(2, seeded()) for given in (array, array.astype(np.float32) / 255)
    )
    assert bytes_.support_x.shape == (2, 6, channels, 28, 28)
    assert torch.allclose(bytes_.support_x, floats.support_x, atol=1e-6)


def test_moved_to_where_they_are_pairs_draw_the_same(drawings):
    pairs = ContrastivePairs(drawings, pairs=6, augmentation=Augmentation(shear=0.1))
    moved = pairs.to("cpu")
    assert moved.device == pairs.device == torch.device("cpu")
    assert torch.equal(moved.sample(2, seeded()).query_x, pairs.sample(2, seeded()).query_x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_pairs_are_drawn_on_a_gpu(drawings):
    tasks = ContrastivePairs(drawings, pairs=6, augmentation=Augmentation(erased=0.3)).to("cuda")
    drawn = tasks.sample(2, torch.Generator("cuda").manual_seed(0))
    assert all(field.device.type == "cuda" for field in drawn)


@pytest.mark.parametrize("pairs", [0, 1, 201])
def test_pairs_that_cannot_be_had_are_refused(drawings, pairs):
    with pytest.raises(UserError, match=f"Tasks of {pairs} pairs were given, but 2 to 200"):
        ContrastivePairs(drawings, pairs)


def test_drawings_still_sorted_by_classes_are_refused(glyph_images):
    with pytest.raises(UserError, match=r"flatten\(0, 1\)"):
        ContrastivePairs(glyph_images[:, :, None])


def test_vectors_are_refused():
    with pytest.raises(UserError, match=r"\(30, 8\).*was expected"):
        ContrastivePairs(torch.rand(30, 8), pairs=2)


def test_an_augmentation_with_a_negative_bound_is_refused(drawings):
    with pytest.raises(UserError, match="shift = -1"):
        ContrastivePairs(drawings, 2, Augmentation(shift=-1))
