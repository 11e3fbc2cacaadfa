import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Augmentation, Completion, CompletionLayout, GeneratedCompletion


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def told_by_value(count=3, side=4) -> torch.Tensor:
    """Images (N, side, side) of bytes, no two pixels of which are the same."""
    return torch.arange(count * side * side, dtype=torch.uint8).view(count, side, side)


def drawn(layout, count=20, **options):
    return Completion(told_by_value(**options), layout).sample(count, seeded())


def test_every_place_has_the_value_of_its_pixel():
    tasks = drawn(CompletionLayout(5))
    x = torch.cat([tasks.support_x, tasks.query_x], dim=1)
    y = torch.cat([tasks.support_y, tasks.query_y], dim=1)
    row, column = (x * 4 - 0.5).unbind(dim=-1)
    assert torch.equal(row, row.round())
    value = (255 * y[..., 0]).round()
    assert torch.equal(value % 16, row * 4 + column)
    assert ((value // 16) == (value // 16)[:, :1]).all(), "a task is of one image"
    assert set((value // 16)[:, 0].tolist()) == {0.0, 1.0, 2.0}


def test_support_and_queries_are_all_pixels_each_once():
    tasks = drawn(CompletionLayout(5))
    assert tasks.support_y.shape == (20, 5, 1)
    assert tasks.query_y.shape == (20, 11, 1)
    values = torch.cat([tasks.support_y, tasks.query_y], dim=1)[..., 0].sort(dim=1).values
    assert (values.diff(dim=1) > 0).all()


def test_asked_for_the_support_too_queries_begin_with_it():
    tasks = drawn(CompletionLayout(5, queries=3, predicts_support=True))
    assert tasks.query_x.shape == (20, 8, 2)
    assert torch.equal(tasks.query_x[:, :5], tasks.support_x)
    assert torch.equal(tasks.query_y[:, :5], tasks.support_y)
    assert drawn(CompletionLayout(5, predicts_support=True)).query_x.shape == (20, 16, 2)


def test_from_the_top_pixels_are_given_row_by_row():
    tasks = drawn(CompletionLayout(6, order="from the top"))
    expected = torch.tensor([[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1]])
    assert torch.equal(tasks.support_x * 4 - 0.5, expected.expand(20, 6, 2).float())


def test_at_random_every_pixel_is_given_as_often():
    tasks = drawn(CompletionLayout(8), count=4000)
    pixel = (255 * tasks.support_y).round().long() % 16
    often = torch.bincount(pixel.flatten(), minlength=16) / 4000
    assert torch.allclose(often, torch.full((16,), 0.5), atol=0.05)


def test_of_one_generator_state_fewer_pixels_are_the_first_of_more():
    few, many = (Completion(told_by_value(), CompletionLayout(count)).sample(9, seeded(3)) for count in (4, 10))
    assert torch.equal(many.support_x[:, :4], few.support_x)
    assert torch.equal(many.support_y[:, :4], few.support_y)


def test_counts_are_drawn_for_each_batch_and_may_be_none():
    generator, images = seeded(), Completion(told_by_value(), CompletionLayout((0, 2), queries=1))
    assert {images.sample(2, generator).support_x.shape[1] for _ in range(40)} == {0, 1, 2}


def test_colours_are_values_of_several_numbers():
    images = torch.rand(2, 3, 5, 6, generator=seeded())
    tasks = Completion(images, CompletionLayout(30, queries=None, predicts_support=True, order="from the top")).sample(
        8, seeded()
    )
    assert tasks.query_y.shape == (8, 30, 3)
    found = tasks.query_y.transpose(1, 2).unflatten(2, (5, 6))
    assert all(any(torch.equal(image, each) for each in images) for image in found)
    assert torch.allclose(tasks.query_x[0, 1], torch.tensor([0.1, 1.5 / 6]))


def test_images_may_move_as_a_whole():
    layout = CompletionLayout(8, jitter=Augmentation())
    still, moved = (drawn(each, side=8) for each in (layout._replace(jitter=None), layout))
    assert torch.equal(still.support_x[0], drawn(layout._replace(jitter=None), side=8).support_x[0])
    assert not torch.allclose(still.support_y, moved.support_y)


def test_generated_images_are_new_in_every_batch_and_the_same_for_the_same_state():
    def draw(count, generator):
        return torch.rand(count, 6, 7, generator=generator)

    images = GeneratedCompletion(draw, (6, 7), CompletionLayout(3))
    generator = seeded()
    first, second, again = images.sample(4, generator), images.sample(4, generator), images.sample(4, seeded())
    assert first.query_y.shape == (4, 39, 1)
    assert not torch.equal(first.support_y, second.support_y)
    assert torch.equal(first.support_y, again.support_y)
    assert images.with_layout(CompletionLayout(5)).sample(1, seeded()).support_x.shape == (1, 5, 2)


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        (CompletionLayout(-1), "number from 0"),
        (CompletionLayout((3, 2)), "lowest first"),
        (CompletionLayout(3, queries=0), "at least one"),
        (CompletionLayout(16), "need 17"),
        (CompletionLayout((1, 10), queries=7), "4×4 has 16"),
        (CompletionLayout(1, order="spiral"), "from the top"),
    ],
)
def test_what_cannot_be_drawn_is_refused(layout, complaint):
    with pytest.raises(UserError, match=complaint):
        Completion(told_by_value(), layout)


def test_images_of_another_shape_are_refused():
    with pytest.raises(UserError, match="channels"):
        Completion(torch.zeros(28, 28))


def test_tasks_of_a_batch_share_a_drawn_number_of_pixels():
    images = torch.rand(2, 6, 6)
    assert Completion(images, CompletionLayout((1, 5))).draws_by_batch
    assert not Completion(images, CompletionLayout(5)).draws_by_batch
