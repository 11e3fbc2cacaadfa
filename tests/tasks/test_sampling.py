import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import (
    Augmentation,
    Episodes,
    Jitter,
    Layout,
    SharedEpisodes,
    ShotsOfEach,
    UnevenShots,
    changed_images,
)
from quickstudy.tasks.sampling import draw_count, draw_distinct, draw_shots, is_drawn


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def is_uniform(counts) -> bool:
    """Pearson's χ² within five standard deviations of its mean: one draw in a million is not."""
    expected, freedom = counts.double().mean(), counts.numel() - 1
    return bool(((counts - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5)


@pytest.mark.parametrize(("count", "population"), [(2, 5), (3, 5), (1, 1), (4, 4), (5, 5), (3, 9), (1, 3)])
def test_distinct_indices_are_uniform_in_every_order(count, population):
    drawn = draw_distinct(20_000, count, population, seeded())
    assert drawn.shape == (20_000, count)
    code = torch.zeros(20_000, dtype=torch.long)
    for index in drawn.T:
        code = code * population + index
    arrangements = int(torch.prod(torch.arange(population - count + 1, population + 1)))
    seen, counts = code.unique(return_counts=True)
    assert len(seen) == arrangements
    assert is_uniform(counts)


def test_distinct_indices_are_uniform_where_populations_differ():
    population = torch.tensor([3, 4, 7]).repeat(8000)
    drawn = draw_distinct(len(population), 3, population, seeded())
    for size in (3, 4, 7):
        code = (drawn[population == size] * torch.tensor([100, 10, 1])).sum(dim=1)
        seen, counts = code.unique(return_counts=True)
        assert len(seen) == size * (size - 1) * (size - 2)
        assert is_uniform(counts)
        assert drawn[population == size].max() == size - 1


@pytest.mark.parametrize("population", [9, 20, 400])
def test_distinct_indices_are_distinct(population):
    ordered = draw_distinct(5000, 9, population, seeded()).sort(dim=1).values
    assert (ordered[:, 1:] > ordered[:, :-1]).all()
    assert ordered.min() == 0
    assert ordered.max() == population - 1


def test_a_count_is_itself_or_any_of_its_range():
    generator = seeded()
    assert draw_count(4, generator) == 4
    drawn = torch.tensor([draw_count((2, 5), generator) for _ in range(2000)])
    assert drawn.unique().tolist() == [2, 3, 4, 5]
    assert is_uniform(torch.bincount(drawn)[2:])


def _labelled_classes(num_classes: int = 30, num_examples: int = 20) -> torch.Tensor:
    """Bytes, all examples of a class alike: its number."""
    number = torch.arange(num_classes, dtype=torch.uint8)
    return number.view(-1, 1, 1, 1).expand(-1, num_examples, 2, 2).contiguous()


def test_every_class_has_the_shots_it_was_given(generator: torch.Generator) -> None:
    episodes = Episodes(_labelled_classes(), Layout(5, ShotsOfEach((5, 1, 2, 1, 1)), 3))
    tasks = episodes.sample(6, generator)
    for labels_S in tasks.support_y:
        assert labels_S.bincount().tolist() == [5, 1, 2, 1, 1]
    for labels_Q in tasks.query_y:
        assert labels_Q.bincount().tolist() == [3, 3, 3, 3, 3]
    for task in range(6):
        for label in range(5):
            shown = tasks.support_x[task][tasks.support_y[task] == label].unique()
            asked = tasks.query_x[task][tasks.query_y[task] == label].unique()
            assert len(shown) == 1  # Bytes of a class are all its number.
            assert torch.equal(shown, asked)


def test_no_query_is_in_an_uneven_support(generator: torch.Generator) -> None:
    images = torch.arange(5 * 20, dtype=torch.uint8).view(5, 20, 1, 1)
    tasks = Episodes(images, Layout(5, ShotsOfEach((15, 1, 1, 4, 1)), 5)).sample(4, generator)
    for support_x, query_x in zip(tasks.support_x, tasks.query_x, strict=True):
        assert len(support_x.unique()) == 22
        assert not torch.isin(query_x, support_x).any()


def test_as_many_shots_for_each_class_are_the_even_task(generator: torch.Generator) -> None:
    even, uneven = (
        Episodes(_labelled_classes(), Layout(4, shots, 2)).sample(5, torch.Generator().manual_seed(1))
        for shots in (3, ShotsOfEach((3, 3, 3, 3)))
    )
    assert all(torch.equal(one, other) for one, other in zip(even, uneven, strict=True))


def test_uneven_shots_differ_between_classes_and_keep_to_their_bounds(generator: torch.Generator) -> None:
    counts = [draw_shots(UnevenShots(1, 15), 8, generator) for _ in range(200)]
    flat = torch.tensor(counts).flatten()
    assert flat.min() == 1
    assert flat.max() == 15
    assert (flat == 1).double().mean() > 0.2  # ln 2 / ln 16 of them.
    assert sum(len(set(each)) > 1 for each in counts) > 190


def test_shuffled_labels_of_uneven_shots_are_as_many_of_each_label_over_the_tasks(generator: torch.Generator) -> None:
    layout = Layout(3, ShotsOfEach((4, 1, 1)), 2, shuffled_labels=True)
    labels_TS = Episodes(_labelled_classes(), layout).sample(3, generator).support_y
    assert labels_TS.flatten().bincount().tolist() == [6, 6, 6]


def test_tasks_of_a_pool_can_be_uneven(generator: torch.Generator) -> None:
    pool = Episodes(_labelled_classes(), Layout(12, 1, 9))
    tasks = SharedEpisodes(pool, Layout(4, ShotsOfEach((7, 1, 2, 1)), 2)).sample(3, generator)
    assert tasks.support_y[0].bincount().tolist() == [7, 1, 2, 1]


@pytest.mark.parametrize("shots", [ShotsOfEach((1, 2)), ShotsOfEach((1, 2, 0)), ShotsOfEach(()), UnevenShots(3, 2)])
def test_shots_that_do_not_suit_the_ways_are_refused(shots) -> None:
    with pytest.raises(UserError, match=r"one for each|were expected"):
        Episodes(_labelled_classes(), Layout(3, shots, 2))


def test_a_class_with_too_few_examples_for_its_shots_is_refused() -> None:
    with pytest.raises(UserError, match="19 shots and 2 queries"):
        Episodes(_labelled_classes(), Layout(3, ShotsOfEach((19, 1, 1)), 2))


def test_counts_that_are_drawn_are_known():
    assert [is_drawn(count) for count in (3, (3, 3), ShotsOfEach((1, 5)))] == [False] * 3
    assert [is_drawn(count) for count in ((3, 4), UnevenShots(1, 5))] == [True] * 2


@pytest.mark.parametrize("change", [Jitter(), Augmentation()], ids=["moved", "distorted"])
def test_classes_are_changed_once_each_image_by_itself_in_parts_of_any_size(change) -> None:
    drawing = torch.zeros(28, 28, dtype=torch.uint8)
    drawing[8:20, 12:16] = 255
    changed = changed_images(drawing.expand(3, 4, 28, 28), change, seeded(), at_once=5)
    assert changed.shape == (3, 4, 28, 28)
    assert changed.dtype == torch.uint8
    assert len(changed.flatten(0, 1).unique(dim=0)) == 12
    assert (changed.flatten(2).max(dim=2).values > 200).all()


def test_classes_without_a_change_stay_as_they_are() -> None:
    images = torch.randint(256, (2, 3, 5, 5), dtype=torch.uint8)
    assert changed_images(images, None, seeded()) is images
