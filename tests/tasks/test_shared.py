import pytest
import torch

from quickstudy.core import SharedTasks, UserError
from quickstudy.tasks import Episodes, GeneratedEpisodes, Jitter, Layout, SharedEpisodes

POOL = Layout(ways=8, shots=2, queries=4)
SMALL = Layout(ways=3, shots=2, queries=3)


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coded(num_classes=12, num_examples=9) -> torch.Tensor:
    """Vectors of one number each: 100 · class + example."""
    return (100.0 * torch.arange(num_classes)[:, None] + torch.arange(num_examples))[..., None]


def generated(num_classes, num_examples, generator) -> torch.Tensor:
    """The same of classes that are any of a thousand."""
    classes = torch.randperm(1000, generator=generator)[:num_classes]
    return coded(1000, num_examples)[classes]


def dealt(tasks: SharedTasks) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Classes, examples and labels of tasks, support and queries in a row, each (T, S + Q)."""
    own = tasks.gathered()
    code = torch.cat([own.support_x, own.query_x], dim=1)[..., 0].long()
    return code // 100, code % 100, torch.cat([own.support_y, own.query_y], dim=1)


def pooled_classes(tasks: SharedTasks) -> torch.Tensor:
    return tasks.pool_x[:, 0].long() // 100


def is_uniform(counts) -> bool:
    """Pearson's χ² within five standard deviations of its mean: one draw in a million is not."""
    expected, freedom = counts.double().mean(), counts.numel() - 1
    return bool(((counts - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5)


SAMPLERS = {
    "fixed": SharedEpisodes(Episodes(coded(), POOL), SMALL),
    "generated": SharedEpisodes(GeneratedEpisodes(generated, POOL), SMALL),
    "ranges": SharedEpisodes(Episodes(coded(), POOL), Layout((2, 5), (1, 3), 2)),
    "all of the pool": SharedEpisodes(Episodes(coded(), POOL), POOL),
    "grouped": SharedEpisodes(Episodes(coded(16), POOL, groups=torch.arange(16) // 8), SMALL),
    "ragged": SharedEpisodes(Episodes(coded(), POOL, num_examples=torch.arange(12) % 3 + 6), SMALL),
}
all_samplers = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())


# What is true of every task.


@all_samplers
def test_the_same_generator_state_draws_the_same_tasks(sampler):
    first, again, other = (sampler.sample(5, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first.pool_x, other.pool_x)


@all_samplers
def test_the_global_random_numbers_are_neither_used_nor_advanced(sampler):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = sampler.sample(4, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert all(torch.equal(one, two) for one, two in zip(first, sampler.sample(4, seeded()), strict=True))


@all_samplers
def test_labels_agree_with_the_images_and_no_two_with_the_same_class(sampler):
    classes, _, labels = dealt(sampler.sample(200, seeded()))
    for task_classes, task_labels in zip(classes.tolist(), labels.tolist(), strict=True):
        pairs = {*zip(task_labels, task_classes, strict=True)}
        assert len(pairs) == len({*task_labels}) == len({*task_classes})


@all_samplers
def test_support_and_queries_are_all_different_drawings(sampler):
    classes, examples, _ = dealt(sampler.sample(200, seeded()))
    for codes in 100 * classes + examples:
        assert len(codes.unique()) == len(codes)


@all_samplers
def test_every_label_has_its_shots_and_queries(sampler):
    for seed in range(5):
        drawn = sampler.sample(6, seeded(seed))
        ways = int(drawn.query_y.max()) + 1
        shots, queries = drawn.support_y.shape[1] // ways, sampler.layout.queries
        for support_y, query_y in zip(drawn.support_y, drawn.query_y, strict=True):
            assert torch.bincount(support_y, minlength=ways).tolist() == [shots] * ways
            assert torch.bincount(query_y, minlength=ways).tolist() == [queries] * ways
        assert drawn.support_y.dtype == drawn.query_y.dtype == torch.int64


@all_samplers
def test_the_pool_is_as_many_drawings_of_as_many_classes_as_its_layout_says(sampler):
    for num_tasks in (1, 100):
        drawn = sampler.sample(num_tasks, seeded())
        classes, counts = pooled_classes(drawn).unique(return_counts=True)
        assert (len(classes), counts.tolist()) == (8, [6] * 8)
        assert len(drawn.pool_x.unique()) == 48


@all_samplers
def test_the_tasks_are_made_of_the_whole_pool_and_of_nothing_else(sampler):
    drawn = sampler.sample(200, seeded())
    index = torch.cat([drawn.support_index, drawn.query_index], dim=1)
    assert torch.equal(index.unique(), torch.arange(48))


def test_every_batch_has_a_pool_of_its_own():
    for kind in ("fixed", "generated"):
        generator = seeded()
        first, second = (SAMPLERS[kind].sample(5, generator) for _ in range(2))
        assert {*pooled_classes(first).tolist()} != {*pooled_classes(second).tolist()}


# What is uniform.


@pytest.mark.parametrize("field", ["support_y", "query_y"])
def test_within_a_task_labels_come_in_random_order(field):
    labels = getattr(SAMPLERS["fixed"].sample(3000, seeded()), field)
    for place in range(labels.shape[1]):
        assert is_uniform(torch.bincount(labels[:, place], minlength=3))
    same_neighbour = (labels[:, 1:] == labels[:, :-1]).double().mean()
    each = labels.shape[1] // 3
    assert same_neighbour == pytest.approx((each - 1) / (3 * each - 1), abs=0.02)


@pytest.mark.parametrize("ways", [2, 5], ids=["few of many", "many of few"])
def test_any_class_of_the_pool_may_have_any_label(ways):
    drawn = SharedEpisodes(Episodes(coded(), POOL), Layout(ways, 1, 1)).sample(4000, seeded())
    place_of = pooled_classes(drawn).unique(return_inverse=True)[1]
    pairs = place_of[drawn.support_index] * ways + drawn.support_y
    assert is_uniform(torch.bincount(pairs.flatten(), minlength=8 * ways))


@pytest.mark.parametrize("field", ["support_index", "query_index"])
def test_any_example_of_the_pool_may_be_support_or_query(field):
    index = getattr(SharedEpisodes(Episodes(coded(), POOL), Layout(2, 1, 2)).sample(4000, seeded()), field)
    assert is_uniform(torch.bincount(index.flatten(), minlength=48))


def test_over_batches_any_class_and_drawing_there_is_may_have_any_label():
    episodes, generator = SharedEpisodes(Episodes(coded(4, 3), Layout(3, 1, 1)), Layout(2, 1, 1)), seeded()
    counts = torch.zeros(4, 3, 2)
    for _ in range(2000):
        classes, examples, labels = dealt(episodes.sample(1, generator))
        counts[classes[0, 0], examples[0, 0], labels[0, 0]] += 1
    assert is_uniform(counts)


# Layouts and options.


def test_ranges_of_ways_and_shots_take_all_their_values():
    episodes, generator, seen = SharedEpisodes(Episodes(coded(), POOL), Layout((2, 4), (1, 3), 2)), seeded(), set()
    for _ in range(100):
        drawn = episodes.sample(2, generator)
        ways = int(drawn.query_y.max()) + 1
        seen.add((ways, drawn.support_y.shape[1] // ways))
        assert drawn.query_y.shape[1] == 2 * ways
    assert seen == {(ways, shots) for ways in (2, 3, 4) for shots in (1, 2, 3)}


def test_a_moved_drawing_is_the_same_in_all_tasks(glyph_images):
    def sample(jitter):
        pool = Episodes(glyph_images, POOL._replace(jitter=jitter))
        return SharedEpisodes(pool, SMALL).sample(50, seeded())

    still, moved = sample(None), sample(Jitter())
    assert ((moved.pool_x - still.pool_x).abs().flatten(1).amax(dim=1) > 0.05).all()
    own = moved.gathered()
    seen = torch.cat([own.support_x, own.query_x], dim=1).flatten(0, 1).flatten(1)
    assert len(seen.unique(dim=0)) == 48


def test_with_shuffled_labels_a_perfect_learner_is_exactly_at_chance():
    episodes = SharedEpisodes(Episodes(coded(), POOL), SMALL._replace(shuffled_labels=True))
    classes, _, labels = dealt(episodes.sample(12, seeded()))
    (support, queries), (told, true) = (field.split([6, 9], dim=1) for field in (classes, labels))
    is_neighbour_TQS = queries[:, :, None] == support[:, None]
    agrees_TQS = true[:, :, None] == told[:, None]
    assert agrees_TQS[is_neighbour_TQS].double().mean().item() == pytest.approx(1 / 3, abs=1e-12)


# Elsewhere.


@all_samplers
def test_moved_to_where_they_are_episodes_draw_the_same(sampler):
    moved = sampler.to("cpu")
    assert type(moved) is SharedEpisodes
    assert moved is not sampler
    assert moved.layout == sampler.layout
    assert moved.device == sampler.device == torch.device("cpu")
    for one, other in zip(sampler.sample(5, seeded()), moved.sample(5, seeded()), strict=True):
        assert torch.equal(one, other)


@all_samplers
def test_moving_reaches_the_pool_and_leaves_the_original(sampler):
    assert sampler.to("meta").device.type == "meta"
    assert sampler.device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_shared_episodes_are_drawn_on_a_gpu():
    drawn = SAMPLERS["fixed"].to("cuda").sample(50, torch.Generator("cuda").manual_seed(0))
    assert {field.device.type for field in drawn} == {"cuda"}


# What cannot be.


@pytest.mark.parametrize("ways", [9, (2, 9)])
def test_more_ways_than_the_pool_has_classes_are_refused(ways):
    with pytest.raises(UserError, match=r"9 ways need as many classes, but the pool has 8\. Lower the ways"):
        SharedEpisodes(Episodes(coded(), POOL), Layout(ways, 1, 1))


@pytest.mark.parametrize("shots", [3, (1, 3)])
def test_more_examples_than_the_pool_has_drawings_are_refused(shots):
    with pytest.raises(UserError, match=r"3 shots and 4 queries need 7 examples.*the pool has 6\. Lower the shots"):
        SharedEpisodes(Episodes(coded(), POOL), Layout(3, shots, 4))


def test_tasks_that_are_moved_one_by_one_are_refused():
    with pytest.raises(UserError, match=r"cannot be moved one by one.*to the pool's layout"):
        SharedEpisodes(Episodes(coded(), POOL), SMALL._replace(jitter=Jitter()))


@pytest.mark.parametrize("varying", [{"ways": (4, 8)}, {"shots": (1, 2)}])
def test_a_pool_that_varies_in_size_is_refused(varying):
    with pytest.raises(UserError, match=r"needs a number of each that does not vary"):
        SharedEpisodes(Episodes(coded(), POOL._replace(**varying)), SMALL)


@pytest.mark.parametrize("layout", [Layout(0, 1, 1), Layout(3, 0, 1), Layout(3, 1, 0), Layout((0, 3), 1, 1)])
def test_counts_below_one_are_refused(layout):
    with pytest.raises(UserError, match="numbers from 1"):
        SharedEpisodes(Episodes(coded(), POOL), layout)


def test_a_pool_with_shuffled_labels_is_refused():
    with pytest.raises(UserError, match="needs true labels"):
        SharedEpisodes(Episodes(coded(), POOL._replace(shuffled_labels=True)), SMALL)
