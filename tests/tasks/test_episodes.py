import numpy as np
import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Episodes, GeneratedEpisodes, Jitter, Layout, mirrored_classes, rotated_classes

SMALL = Layout(ways=3, shots=2, queries=4)
UNIT = 2.0**-13


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coded(num_classes=12, num_examples=8, shape=(2, 2)) -> torch.Tensor:
    """Images whose every pixel says 100 · class + example, in units so small that all lie between 0 and 1."""
    code = (100.0 * torch.arange(num_classes)[:, None] + torch.arange(num_examples)) * UNIT
    return code.view(num_classes, num_examples, *[1] * len(shape)).expand(-1, -1, *shape).clone()


def decoded(x) -> tuple[torch.Tensor, torch.Tensor]:
    """Class and example of coded inputs (T, S, …)."""
    flat = x.flatten(2)
    assert (flat == flat[..., :1]).all()
    code = (flat[..., 0] / UNIT).long()
    return code // 100, code % 100


def is_uniform(counts) -> bool:
    """Pearson's χ² within five standard deviations of its mean: one draw in a million is not."""
    expected, freedom = counts.double().mean(), counts.numel() - 1
    return bool(((counts - expected) ** 2 / expected).sum() <= freedom + 5 * (2 * freedom) ** 0.5)


def fresh_classes():
    """A maker of coded classes that numbers on and on, and notes what it was asked for."""
    made, asked = [0], []

    def draw(num_classes, num_examples, generator):
        asked.append((num_classes, num_examples))
        first = made[0]
        made[0] += num_classes
        return coded(num_classes, num_examples) + 100 * first * UNIT

    return draw, asked


def random_images(num_classes, num_examples, generator):
    return torch.rand(num_classes, num_examples, 6, 6, generator=generator)


SAMPLERS = {
    "plain": Episodes(coded(), SMALL),
    "ranges": Episodes(coded(), Layout((2, 5), (1, 3), 2)),
    "grouped": Episodes(coded(), SMALL, groups=torch.arange(12) // 4),
    "ragged": Episodes(coded(), SMALL, num_examples=torch.arange(12) % 3 + 6),
    "jittered": Episodes(coded(shape=(8, 8)), SMALL._replace(jitter=Jitter())),
    "shuffled labels": Episodes(coded(), SMALL._replace(shuffled_labels=True)),
    "generated": GeneratedEpisodes(random_images, SMALL),
}
all_samplers = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS.keys())


# What is true of every task.


@all_samplers
def test_the_same_generator_state_draws_the_same_tasks(sampler):
    first, again, other = (sampler.sample(5, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert first.support_x.shape != other.support_x.shape or not torch.equal(first.support_x, other.support_x)


@all_samplers
def test_a_generator_goes_on_to_other_tasks(sampler):
    generator = seeded()
    first, second = (sampler.sample(5, generator) for _ in range(2))
    assert first.support_x.shape != second.support_x.shape or not torch.equal(first.support_x, second.support_x)


@all_samplers
def test_the_global_random_numbers_are_neither_used_nor_advanced(sampler):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = sampler.sample(4, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert torch.equal(first.support_x, sampler.sample(4, seeded()).support_x)


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


@pytest.mark.parametrize("name", ["plain", "ranges", "grouped", "ragged"])
def test_labels_agree_with_the_images(name):
    drawn = SAMPLERS[name].sample(200, seeded())
    labels = torch.cat([drawn.support_y, drawn.query_y], dim=1)
    classes, _ = decoded(torch.cat([drawn.support_x, drawn.query_x], dim=1))
    for task_labels, task_classes in zip(labels, classes, strict=True):
        pairs = {*zip(task_labels.tolist(), task_classes.tolist(), strict=True)}
        assert len(pairs) == len({*task_labels.tolist()}) == len({*task_classes.tolist()})


@pytest.mark.parametrize("name", ["plain", "ranges", "grouped", "ragged"])
def test_support_and_queries_are_all_different_drawings(name):
    drawn = SAMPLERS[name].sample(200, seeded())
    classes, examples = decoded(torch.cat([drawn.support_x, drawn.query_x], dim=1))
    for codes in 100 * classes + examples:
        assert len(codes.unique()) == len(codes)


def test_support_is_tasks_by_ways_times_shots():
    drawn = Episodes(coded(), SMALL).sample(7, seeded())
    assert drawn.support_x.shape == (7, 6, 1, 2, 2)
    assert drawn.query_x.shape == (7, 12, 1, 2, 2)


# What is uniform.


@pytest.mark.parametrize("field", ["support_y", "query_y"])
def test_within_a_task_labels_come_in_random_order(field):
    labels = getattr(Episodes(coded(), SMALL).sample(3000, seeded()), field)
    for place in range(labels.shape[1]):
        assert is_uniform(torch.bincount(labels[:, place], minlength=3))
    same_neighbour = (labels[:, 1:] == labels[:, :-1]).double().mean()
    each = labels.shape[1] // 3
    assert same_neighbour == pytest.approx((each - 1) / (3 * each - 1), abs=0.02)


def test_the_order_of_the_support_says_nothing_of_the_queries_order():
    drawn = Episodes(coded(), Layout(4, 1, 1)).sample(3000, seeded())
    assert is_uniform(torch.bincount(4 * drawn.support_y[:, 0] + drawn.query_y[:, 0], minlength=16))


def test_every_order_of_the_labels_occurs():
    drawn = Episodes(coded(), Layout(4, 1, 1)).sample(3000, seeded())
    assert len({*map(tuple, drawn.support_y.tolist())}) == 24


@pytest.mark.parametrize("ways", [3, 5], ids=["few of many", "many of few"])
def test_any_class_may_have_any_label(ways):
    drawn = Episodes(coded(), Layout(ways, 1, 1)).sample(4000, seeded())
    classes, _ = decoded(drawn.support_x)
    assert is_uniform(torch.bincount((classes * ways + drawn.support_y).flatten(), minlength=12 * ways))


@pytest.mark.parametrize("num_examples", [None, torch.full((12,), 8)], ids=["all alike", "counted"])
def test_any_example_may_be_support_or_query(num_examples):
    drawn = Episodes(coded(), Layout(2, 1, 2), num_examples=num_examples).sample(4000, seeded())
    for x in (drawn.support_x, drawn.query_x):
        classes, examples = decoded(x)
        assert is_uniform(torch.bincount((classes * 8 + examples).flatten(), minlength=96))


# Layouts and options.


def test_ranges_of_ways_and_shots_take_all_their_values():
    episodes, generator, seen = Episodes(coded(), Layout((2, 4), (1, 3), 2)), seeded(), set()
    for _ in range(100):
        drawn = episodes.sample(2, generator)
        ways = int(drawn.query_y.max()) + 1
        seen.add((ways, drawn.support_y.shape[1] // ways))
        assert drawn.query_y.shape[1] == 2 * ways
    assert seen == {(ways, shots) for ways in (2, 3, 4) for shots in (1, 2, 3)}


def test_a_range_may_use_all_there_is():
    drawn = Episodes(coded(num_classes=3, num_examples=4), Layout((3, 3), (1, 3), 1)).sample(20, seeded())
    assert int(drawn.support_y.max()) == 2


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_groups_keep_each_task_within_one(as_array):
    groups = torch.tensor([7, 2, 2, 7, 7, 2, 9, 2, 7, 9, 2, 7])
    drawn = Episodes(coded(), SMALL, groups=as_array(groups)).sample(2000, seeded())
    of_each = groups[decoded(torch.cat([drawn.support_x, drawn.query_x], dim=1))[0]]
    assert (of_each == of_each[:, :1]).all()
    assert is_uniform(torch.bincount(of_each[:, 0])[[2, 7]])
    assert 9 not in of_each


def test_every_class_of_a_group_is_used_and_may_have_any_label():
    groups = torch.tensor([0] * 3 + [1] * 5 + [2] * 4)
    drawn = Episodes(coded(), Layout(3, 1, 1), groups=groups).sample(6000, seeded())
    classes, _ = decoded(drawn.support_x)
    counts = torch.bincount((classes * 3 + drawn.support_y).flatten(), minlength=36)
    for group in range(3):
        assert is_uniform(counts[groups.repeat_interleave(3) == group])


def test_a_range_of_ways_uses_only_groups_large_enough_for_all_of_it():
    groups = torch.tensor([0] * 3 + [1] * 5 + [2] * 4)
    episodes, generator = Episodes(coded(), Layout((2, 4), 1, 1), groups=groups), seeded()
    used = {int(groups[decoded(episodes.sample(1, generator).support_x)[0][0, 0]]) for _ in range(60)}
    assert used == {1, 2}


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_only_real_examples_are_drawn_and_all_of_them(as_array):
    real = torch.arange(12) % 3 + 6
    images = coded()
    images[torch.arange(8) >= real[:, None]] = 0.99
    drawn = Episodes(images, SMALL, num_examples=as_array(real)).sample(1000, seeded())
    x = torch.cat([drawn.support_x, drawn.query_x], dim=1)
    assert x.max() < 0.99
    assert len(x[..., 0, 0, 0].unique()) == int(real.sum())


def test_bytes_become_ink_between_0_and_1():
    images = torch.arange(256, dtype=torch.uint8).repeat(3, 8)[:, :1440].view(3, 10, 12, 12)
    drawn = Episodes(images, SMALL).sample(20, seeded())
    assert drawn.support_x.dtype == torch.float32
    assert torch.equal(drawn.query_x.unique(), torch.arange(256).float() * (1 / 255))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_stay_as_they_are(dtype):
    images = torch.randn(4, 6, 3, 3, dtype=dtype)
    drawn = Episodes(images, SMALL).sample(10, seeded())
    assert drawn.support_x.dtype == dtype
    assert torch.isin(drawn.support_x, images).all()


def test_the_images_given_are_left_as_they_were(glyph_images):
    before = glyph_images.clone()
    Episodes(glyph_images, SMALL._replace(jitter=Jitter())).sample(10, seeded())
    images = coded(shape=(8, 8))
    Episodes(images, SMALL._replace(jitter=Jitter())).sample(10, seeded())
    assert torch.equal(glyph_images, before)
    assert torch.equal(images, coded(shape=(8, 8)))


@pytest.mark.parametrize(
    ("given", "drawn"),
    [((5,), (5,)), ((2, 3), (1, 2, 3)), ((1, 2, 3), (1, 2, 3)), ((4, 2, 3), (4, 2, 3))],
    ids=["vectors", "images", "one channel", "four channels"],
)
def test_inputs_keep_their_shape_and_images_without_channels_get_one(given, drawn):
    images = torch.randn(5, 6, *given)
    tasks = Episodes(images, SMALL).sample(3, seeded())
    assert tasks.support_x.shape == (3, 6, *drawn)
    assert tasks.query_x.shape == (3, 12, *drawn)
    known = {tuple(row) for row in images.flatten(0, 1).flatten(1).tolist()}
    assert {tuple(row) for row in tasks.query_x.flatten(0, 1).flatten(1).tolist()} <= known


def test_numpy_arrays_are_images_too(glyph_images):
    one = Episodes(glyph_images, SMALL).sample(3, seeded())
    other = Episodes(glyph_images.numpy(), SMALL).sample(3, seeded())
    assert torch.equal(one.support_x, other.support_x)


def test_without_a_layout_tasks_are_5_way_1_shot_with_15_queries():
    drawn = Episodes(coded(num_examples=16)).sample(2, seeded())
    assert drawn.support_y.shape == (2, 5)
    assert drawn.query_y.shape == (2, 75)


@pytest.mark.parametrize("kind", ["fixed", "generated"])
def test_jitter_moves_every_image_and_keeps_shape_and_labels(glyph_images, kind):
    def sampler(layout):
        if kind == "fixed":
            return Episodes(glyph_images, layout)
        return GeneratedEpisodes(lambda num_classes, each, generator: glyph_images[:num_classes, :each], layout)

    plain, moved = (sampler(layout).sample(4, seeded()) for layout in (SMALL, SMALL._replace(jitter=Jitter())))
    assert torch.equal(plain.support_y, moved.support_y)
    assert torch.equal(plain.query_y, moved.query_y)
    for before, after in ((plain.support_x, moved.support_x), (plain.query_x, moved.query_x)):
        assert after.shape == before.shape
        difference = (after - before).abs().flatten(2).amax(dim=-1)
        assert (difference > 0.05).all()
        assert torch.allclose(after.sum(dim=(2, 3, 4)), before.sum(dim=(2, 3, 4)), rtol=0.5)


# The control: labels that say nothing.


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize("num_tasks", [1, 2, 4, 9])
def test_shuffled_labels_give_each_label_its_shots(shots, num_tasks):
    drawn = Episodes(coded(), Layout(4, shots, 2, shuffled_labels=True)).sample(num_tasks, seeded())
    for labels in drawn.support_y:
        assert torch.bincount(labels, minlength=4).tolist() == [shots] * 4


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize(("ways", "num_tasks"), [(3, 3), (3, 12), (5, 10)])
def test_with_shuffled_labels_a_perfect_learner_is_exactly_at_chance(ways, num_tasks, shots):
    episodes = Episodes(coded(), Layout(ways, shots, 4, shuffled_labels=True))
    for seed in range(3):
        drawn = episodes.sample(num_tasks, seeded(seed))
        support, queries = decoded(drawn.support_x)[0], decoded(drawn.query_x)[0]
        is_neighbour_TQS = queries[:, :, None] == support[:, None]
        agrees_TQS = drawn.query_y[:, :, None] == drawn.support_y[:, None]
        accuracy = agrees_TQS[is_neighbour_TQS].double().mean()
        assert accuracy.item() == pytest.approx(1 / ways, abs=1e-12)


def test_shuffled_labels_are_at_chance_on_average_whatever_the_number_of_tasks():
    episodes, generator = Episodes(coded(), Layout(4, 1, 1, shuffled_labels=True)), seeded()
    counts = torch.zeros(4, 4)
    for _ in range(500):
        drawn = episodes.sample(3, generator)
        same = decoded(drawn.query_x)[0][:, :, None] == decoded(drawn.support_x)[0][:, None]
        told = (same * drawn.support_y[:, None]).sum(dim=-1)
        counts += torch.bincount((4 * drawn.query_y + told).flatten(), minlength=16).view(4, 4)
    # Labels of a task depend on each other, so its counts stray less than independent ones would.
    assert is_uniform(counts.flatten())


def test_shuffled_labels_do_not_depend_on_the_place_in_the_support():
    drawn = Episodes(coded(), Layout(3, 2, 1, shuffled_labels=True)).sample(3000, seeded())
    for place in range(6):
        assert is_uniform(torch.bincount(drawn.support_y[:, place], minlength=3))
    assert len({*map(tuple, drawn.support_y.tolist())}) == 90


def test_shuffled_labels_leave_query_labels_true():
    drawn = Episodes(coded(), SMALL._replace(shuffled_labels=True)).sample(50, seeded())
    for labels, classes in zip(drawn.query_y, decoded(drawn.query_x)[0], strict=True):
        assert len({*zip(labels.tolist(), classes.tolist(), strict=True)}) == 3


# Turned classes.


def test_mirrored_classes_are_further_classes(generator):
    images = torch.rand(2, 3, 4, 4, generator=generator)
    assert torch.equal(mirrored_classes(images.numpy()), torch.cat([images, images[..., [3, 2, 1, 0]]]))


def test_turned_classes_are_quarter_turns_of_the_upright_ones():
    images = torch.arange(2 * 3 * 4 * 4).view(2, 3, 4, 4)
    turned = rotated_classes(images).view(4, 2, 3, 4, 4)
    assert torch.equal(turned[0], images)
    for turns in range(3):
        for row in range(4):
            for column in range(4):
                before, after = turned[turns, :, :, row, column], turned[turns + 1, :, :, 3 - column, row]
                assert torch.equal(before, after)


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
@pytest.mark.parametrize("shape", [(5, 3, 6, 6), (5, 3, 2, 6, 6)])
def test_there_are_four_times_as_many_classes_all_different(shape, as_array):
    images = torch.randint(256, shape, dtype=torch.uint8)
    turned = rotated_classes(as_array(images))
    assert turned.shape == (20, *shape[1:])
    assert turned.dtype == torch.uint8
    assert len(turned.flatten(1).unique(dim=0)) == 20


# Generated episodes.


def test_generated_tasks_are_of_fresh_classes_every_time():
    draw, asked = fresh_classes()
    episodes, generator = GeneratedEpisodes(draw, SMALL), seeded()
    classes = torch.cat([decoded(episodes.sample(4, generator).support_x)[0] for _ in range(3)])
    assert asked == [(12, 6)] * 3
    assert len(classes.unique()) == 3 * 4 * 3
    assert all(len(row.unique()) == 3 for row in classes)


def test_generated_labels_agree_with_their_images_and_queries_are_other_drawings():
    draw, _ = fresh_classes()
    drawn = GeneratedEpisodes(draw, SMALL).sample(4, seeded())
    labels = torch.cat([drawn.support_y, drawn.query_y], dim=1)
    classes, examples = decoded(torch.cat([drawn.support_x, drawn.query_x], dim=1))
    for task in range(4):
        assert len({*zip(labels[task].tolist(), classes[task].tolist(), strict=True)}) == 3
        assert len((100 * classes[task] + examples[task]).unique()) == 18


def test_generated_labels_come_in_random_order():
    labels = GeneratedEpisodes(random_images, SMALL).sample(2000, seeded()).support_y
    for place in range(6):
        assert is_uniform(torch.bincount(labels[:, place], minlength=3))


def test_generated_counts_are_drawn_within_their_ranges():
    draw, asked = fresh_classes()
    episodes, generator = GeneratedEpisodes(draw, Layout((2, 3), (1, 2), 4)), seeded()
    for _ in range(60):
        episodes.sample(1, generator)
    assert {*asked} == {(2, 5), (2, 6), (3, 5), (3, 6)}


def test_the_generator_of_the_tasks_draws_the_classes():
    seen = []

    def draw(num_classes, num_examples, generator):
        seen.append(generator)
        return torch.zeros(num_classes, num_examples, 2, 2)

    generator = seeded()
    GeneratedEpisodes(draw, SMALL).sample(1, generator)
    assert seen == [generator]


# Elsewhere.


@all_samplers
def test_moved_to_where_they_are_episodes_draw_the_same(sampler):
    moved = sampler.to("cpu")
    assert type(moved) is type(sampler)
    assert moved is not sampler
    assert moved.layout == sampler.layout
    assert moved.device == sampler.device == torch.device("cpu")
    for one, other in zip(sampler.sample(5, seeded()), moved.sample(5, seeded()), strict=True):
        assert torch.equal(one, other)


def test_moving_reaches_images_groups_and_numbers_and_leaves_the_original():
    episodes = Episodes(coded(), SMALL, groups=torch.arange(12) // 4, num_examples=torch.full((12,), 7))
    moved = episodes.to("meta")
    assert moved.device.type == "meta"
    assert {tensor.device.type for tensor in (moved.images, *moved.groups, moved.num_examples)} == {"meta"}
    assert {tensor.device.type for tensor in (episodes.images, *episodes.groups, episodes.num_examples)} == {"cpu"}


def test_generated_episodes_know_where_they_are_made():
    moved = GeneratedEpisodes(random_images, SMALL).to("meta")
    assert moved.device.type == "meta"
    assert moved.draw is random_images


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@all_samplers
def test_episodes_are_drawn_on_a_gpu(sampler):
    if sampler is SAMPLERS["generated"]:
        pytest.skip("its images are drawn on the CPU")
    drawn = sampler.to("cuda").sample(50, torch.Generator("cuda").manual_seed(0))
    assert {field.device.type for field in drawn} == {"cuda"}
    assert all(len(labels.unique()) == int(drawn.query_y.max()) + 1 for labels in drawn.support_y)


# What cannot be.


@pytest.mark.parametrize("ways", [13, (2, 13)])
def test_more_ways_than_classes_are_refused(ways):
    with pytest.raises(UserError, match=r"13 ways need 13 classes, but there are 12. Lower the ways"):
        Episodes(coded(), Layout(ways, 1, 1))


@pytest.mark.parametrize("shots", [5, (1, 5)])
def test_more_examples_than_there_are_are_refused(shots):
    with pytest.raises(UserError, match=r"5 shots and 4 queries need 9 examples.* has 8\."):
        Episodes(coded(), Layout(3, shots, 4))


def test_the_class_with_the_fewest_examples_decides():
    numbers = torch.full((12,), 8)
    numbers[5] = 5
    Episodes(coded(), Layout(3, 2, 3), num_examples=numbers)
    with pytest.raises(UserError, match=r"need 6 examples of every class, but a class has 5\."):
        Episodes(coded(), Layout(3, 2, 4), num_examples=numbers)


def test_groups_that_are_all_too_small_are_refused():
    with pytest.raises(UserError, match=r"5 ways within one group.*the largest has 4\. Lower the ways"):
        Episodes(coded(), Layout(5, 1, 1), groups=torch.arange(12) // 4)


@pytest.mark.parametrize("layout", [Layout(0, 1, 1), Layout(3, 0, 1), Layout(3, 1, 0), Layout((0, 3), 1, 1)])
def test_counts_below_one_are_refused(layout):
    with pytest.raises(UserError, match="numbers from 1"):
        Episodes(coded(), layout)


@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_arrays_without_classes_and_examples_are_refused(shape):
    with pytest.raises(UserError, match=rf"images has shape \({shape[0]},.*\(classes, examples, H, W\)"):
        Episodes(torch.zeros(shape), SMALL)


# Drawn in parts.


@pytest.mark.parametrize("at_once", [1, 3, 7])
@pytest.mark.parametrize("name", ["plain", "ranges", "grouped", "ragged", "shuffled labels", "jittered"])
def test_drawn_in_parts_the_tasks_are_the_same(name, at_once):
    sampler, generator, other = SAMPLERS[name], seeded(), seeded()
    whole = sampler.sample(7, generator)
    bytes_each = 4 * (whole.support_x[0].numel() + whole.query_x[0].numel())
    parts = list(sampler.sample_in_parts(7, other, at_once * bytes_each))
    for field, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(torch.cat(pieces), field)
    assert torch.equal(generator.get_state(), other.get_state())
    assert max(len(part.support_x) for part in parts) == (7 if name == "jittered" else at_once)


def test_a_task_larger_than_there_is_room_for_is_drawn_by_itself():
    parts = SAMPLERS["plain"].sample_in_parts(3, seeded(), 1)
    assert [len(part.support_x) for part in parts] == [1, 1, 1]


def test_what_a_subclass_does_to_its_tasks_is_done_in_parts_too():
    class Negative(Episodes):
        def sample(self, num_tasks, generator):
            tasks = super().sample(num_tasks, generator)
            return tasks._replace(support_x=-tasks.support_x)

    (found,) = Negative(coded(), SMALL).sample_in_parts(3, seeded(), 1)
    assert torch.equal(found.support_x, -Episodes(coded(), SMALL).sample(3, seeded()).support_x)
