import pytest
import torch

from quickstudy.core import Tasks, UserError
from quickstudy.learners import ConvCNP, GridConvCNP
from quickstudy.tasks import GaussianProcesses, PointLayout


def adapted(learner, tasks):
    return learner.adapt(tasks.support_x, tasks.support_y)


def predicted(learner, tasks):
    return learner.predict(adapted(learner, tasks), tasks.query_x)


def counted(module) -> list[int]:
    """Fills with the number of maps at each use of a module."""
    calls = []
    module.register_forward_hook(lambda module, given, features: calls.append(len(features)))
    return calls


# On a line


def build(num_outputs=1, **options) -> ConvCNP:
    """In float64, from −2 to 2, eight places a unit."""
    torch.manual_seed(0)
    sizes = {"points_per_unit": 8.0, "channels": 16, "kernel": 3, "dilations": (1, 2), "floor": 0.1}
    return ConvCNP(num_outputs, **{**sizes, **options}).double().eval()


@pytest.fixture
def functions(generator) -> Tasks:
    """Three functions, five points given and four asked for, in float64."""
    return GaussianProcesses(PointLayout(5, 4)).sample(3, generator).to("cpu", torch.float64)


@pytest.mark.parametrize("steps", [1, 5, -16])
def test_moving_all_points_by_steps_of_the_grid_moves_the_predictions(functions, steps):
    learner = build(low=-8.0, high=8.0)
    moved = functions._replace(
        support_x=functions.support_x + steps * learner.grid.spacing,
        query_x=functions.query_x + steps * learner.grid.spacing,
    )
    expected, found = predicted(learner, functions), predicted(learner, moved)
    assert torch.allclose(found.mean, expected.mean, atol=1e-9)
    assert torch.allclose(found.stddev, expected.stddev, atol=1e-9)
    only_asked = predicted(learner, functions._replace(query_x=moved.query_x))
    assert not torch.allclose(only_asked.mean, expected.mean, atol=1e-3)


def test_the_function_is_the_trunks_of_density_and_values(functions):
    learner = build()
    x, y = functions.support_x, functions.support_y
    weights = (-((learner.grid.places(x) - x) ** 2) / (2 * 0.25**2)).exp()
    density = weights.sum(dim=1)
    seen = torch.stack([density, (weights * y).sum(dim=1) / (density + 1e-8)], dim=-1)
    found = adapted(learner, functions).function
    assert torch.allclose(found, learner.trunk(seen[:, None])[:, 0])


def test_the_order_of_the_points_does_not_matter_and_their_number_does(functions):
    learner = build()
    expected = predicted(learner, functions).mean
    turned = functions._replace(support_x=functions.support_x.flip(1), support_y=functions.support_y.flip(1))
    twice = functions._replace(
        support_x=functions.support_x.repeat(1, 2, 1), support_y=functions.support_y.repeat(1, 2, 1)
    )
    assert torch.allclose(predicted(learner, turned).mean, expected)
    assert not torch.allclose(predicted(learner, twice).mean, expected, atol=1e-3)


def test_a_task_is_answered_alike_whatever_is_asked_besides(functions):
    learner = build()
    far = torch.full((3, 1, 1), 2.9).double()
    besides = functions._replace(query_x=torch.cat([functions.query_x, far], dim=1))
    assert torch.allclose(predicted(learner, besides).mean[:, :-1], predicted(learner, functions).mean)


def test_a_point_out_of_reach_changes_nothing(functions):
    learner = build(low=-8.0, high=8.0)
    far, value = torch.full((3, 1, 1), 7.9).double(), torch.ones(3, 1, 1).double()
    more = functions._replace(
        support_x=torch.cat([functions.support_x, far], dim=1), support_y=torch.cat([functions.support_y, value], dim=1)
    )
    assert torch.allclose(predicted(learner, more).mean, predicted(learner, functions).mean, atol=1e-9)


def test_all_convolutions_are_done_once_for_any_number_of_questions(functions):
    learner = build()
    calls = counted(learner.trunk)
    state = adapted(learner, functions)
    for _ in range(3):
        learner.predict(state, functions.query_x)
    assert calls == [3]


def test_predictions_are_smooth_in_the_place(functions):
    learner = build()
    x = torch.linspace(-2, 2, 4001).double()[None, :, None].expand(3, -1, -1)
    mean = learner.predict(adapted(learner, functions), x).mean
    assert mean.diff(dim=1).abs().max() < 0.01 * (mean.max() - mean.min())


def test_without_points_all_places_are_answered_alike():
    learner = build(low=-8.0, high=8.0)
    state = learner.adapt(torch.zeros(2, 0, 1).double(), torch.zeros(2, 0, 1).double())
    prediction = learner.predict(state, torch.linspace(-2, 2, 17).double()[None, :, None].expand(2, -1, -1))
    assert torch.isfinite(prediction.stddev).all()
    assert torch.allclose(prediction.mean, prediction.mean[0, 0])


@pytest.mark.parametrize("beyond", [-3.01, 3.01])
def test_places_beyond_the_grid_are_refused(functions, beyond):
    learner = build()
    off = torch.full_like(functions.support_x, beyond)
    with pytest.raises(UserError, match=r"place is at .*goes from -3 to 3"):
        learner.adapt(off, functions.support_y)
    with pytest.raises(UserError, match="place is at"):
        learner.predict(adapted(learner, functions), off)


def test_places_of_two_numbers_are_refused_by_the_line(functions):
    learner = build()
    with pytest.raises(UserError, match=r"query_x has shape \(2,\)"):
        learner.predict(adapted(learner, functions), functions.query_x.repeat(1, 1, 2))


def test_values_may_have_several_numbers_and_be_ink(generator):
    x, y = (torch.rand(2, 6, size, generator=generator, dtype=torch.float64) for size in (1, 3))
    assert predicted(build(3), Tasks(x, y, x, y)).event_shape == (3,)
    ink = predicted(build(3, likelihood="bernoulli"), Tasks(x, y, x, y)).mean
    assert ((ink > 0) & (ink < 1)).all()


def test_it_learns_to_pass_through_the_points_it_was_given(generator):
    torch.manual_seed(0)
    learner = ConvCNP(points_per_unit=8.0, channels=32, dilations=(1, 2, 1), floor=0.05)
    curves = GaussianProcesses(PointLayout(8, 8, predicts_support=True))
    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        learner(curves.sample(16, generator)).backward()
        optimiser.step()
    tasks = curves.sample(64, generator)
    with torch.no_grad():
        errors = (predicted(learner, tasks).mean - tasks.query_y).square().mean(dim=(0, 2))
    assert errors[:8].mean() < 0.05  # Of values of variance one.
    assert errors[8:].mean() < 0.5


# On pixels


def build_for_pixels(num_outputs=1, **options) -> GridConvCNP:
    """In float64, of 20 × 16 pixels."""
    torch.manual_seed(0)
    sizes = {"grid": (20, 16), "channels": 16, "blocks": 2, "kernel": 3, "num_kernels": 3, "spread": 5}
    return GridConvCNP(num_outputs, **{**sizes, **options}).double().eval()


def middles(rows, columns):
    """Places of the middles of pixels of a picture of 20 × 16."""
    return torch.stack([(rows + 0.5) / 20, (columns + 0.5) / 16], dim=-1).double()


@pytest.fixture
def pixels(generator) -> Tasks:
    """Three pictures, six pixels given, all near the middle, and all around the middle asked for, in float64."""
    order = torch.stack([torch.randperm(12, generator=generator)[:6] for _ in range(3)])
    support_x = middles(8 + order // 4, 6 + order % 4)
    query_x = middles(*torch.meshgrid(torch.arange(7, 13), torch.arange(5, 11), indexing="ij"))
    query_x = query_x.flatten(0, 1).expand(3, -1, -1)
    return Tasks(
        support_x,
        torch.randn(3, 6, 1, generator=generator).double(),
        query_x,
        torch.randn(3, 36, 1, generator=generator).double(),
    )


def test_answers_are_the_numbers_of_the_pixels_that_hold_the_questions(pixels):
    learner = build_for_pixels()
    state = adapted(learner, pixels)
    assert state.numbers.shape == (3, 20, 16, 2)
    expected = learner.head(state.numbers[:, 7:13, 5:11].flatten(1, 2))
    found = learner.predict(state, pixels.query_x)
    assert torch.equal(found.mean, expected.mean)
    assert torch.equal(found.stddev, expected.stddev)


@pytest.mark.parametrize(("fold", "steps"), [(1, (1, 0)), (1, (-2, 1)), (1, (0, -1)), (2, (2, 0)), (2, (2, -2))])
def test_moving_all_pixels_by_whole_cells_moves_the_answers(pixels, fold, steps):
    learner = build_for_pixels(fold=fold, blocks=1)
    by = torch.tensor(steps).double() / torch.tensor([20, 16])
    moved = pixels._replace(support_x=pixels.support_x + by, query_x=pixels.query_x + by)
    expected = predicted(learner, pixels).mean
    assert torch.allclose(predicted(learner, moved).mean, expected, atol=1e-9)
    assert not torch.allclose(predicted(learner, pixels._replace(query_x=moved.query_x)).mean, expected, atol=1e-3)


def test_a_picture_is_read_as_mask_values_and_their_spread(pixels):
    learner = build_for_pixels()
    seen = torch.zeros(3, 20, 16, 2).double()
    for task in range(3):
        for (row, column), value in zip(pixels.support_x[task], pixels.support_y[task], strict=True):
            seen[task, int(row * 20), int(column * 16)] = torch.tensor([1.0, float(value)])
    seen = torch.cat([seen, learner.spread(seen)], dim=-1)
    squares = torch.cat([seen[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], dim=-1)
    around = learner.around(learner.trunk(squares)).unflatten(-1, (4, 8))
    for place, (i, j) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        expected = learner.decoder(around[..., place, :] + learner.itself(seen[:, i::2, j::2]))
        assert torch.allclose(adapted(learner, pixels).numbers[:, i::2, j::2], expected)


def test_a_picture_of_uneven_sides_is_read_whole():
    learner = build_for_pixels(grid=(7, 5))
    last = torch.tensor([[[0.99, 0.99]]]).double()
    one, other = (learner.adapt(last, torch.full((1, 1, 1), value).double()).numbers for value in (0.0, 1.0))
    assert one.shape == (1, 7, 5, 2)
    assert not torch.allclose(one[0, -1, -1], other[0, -1, -1], atol=1e-3)


def test_points_in_one_pixel_count_as_one_of_their_mean():
    learner = build_for_pixels()
    at = middles(torch.tensor([[9, 9, 3]]), torch.tensor([[7, 7, 2]])) + torch.tensor([0.01, -0.02])
    together = learner.adapt(at, torch.tensor([[[1.0], [4.0], [2.0]]]).double())
    as_one = learner.adapt(at[:, 1:], torch.tensor([[[2.5], [2.0]]]).double())
    assert torch.allclose(together.numbers, as_one.numbers)


def test_the_order_of_the_pixels_does_not_matter_and_their_values_do(pixels):
    learner = build_for_pixels()
    expected = predicted(learner, pixels).mean
    turned = pixels._replace(support_x=pixels.support_x.flip(1), support_y=pixels.support_y.flip(1))
    assert torch.allclose(predicted(learner, turned).mean, expected)
    assert not torch.allclose(predicted(learner, turned._replace(support_x=pixels.support_x)).mean, expected, atol=1e-3)


def test_a_pixel_of_value_zero_is_not_a_pixel_unseen(pixels):
    learner = build_for_pixels()
    black = learner.adapt(pixels.support_x, torch.zeros_like(pixels.support_y))
    unseen = learner.adapt(pixels.support_x[:, :0], pixels.support_y[:, :0])
    assert not torch.allclose(black.numbers, unseen.numbers, atol=1e-3)


def test_without_pixels_there_is_an_answer(pixels):
    learner = build_for_pixels()
    prediction = predicted(
        learner, pixels._replace(support_x=pixels.support_x[:, :0], support_y=pixels.support_y[:, :0])
    )
    assert torch.isfinite(prediction.log_prob(pixels.query_y)).all()


def test_all_convolutions_of_a_picture_are_done_once(pixels):
    learner = build_for_pixels()
    calls = counted(learner.trunk)
    state = adapted(learner, pixels)
    for _ in range(3):
        learner.predict(state, pixels.query_x)
    assert calls == [3]


@pytest.mark.parametrize("beyond", [-0.01, 1.01])
def test_places_beyond_the_picture_are_refused(pixels, beyond):
    learner = build_for_pixels()
    off = pixels.query_x.clone()
    off[1, 2, 1] = beyond
    with pytest.raises(UserError, match=r"place is at .*goes from 0 to 1"):
        learner.adapt(off, pixels.query_y)
    with pytest.raises(UserError, match="place is at"):
        learner.predict(adapted(learner, pixels), off)


@pytest.mark.parametrize(
    ("options", "told"), [({"fold": 0}, "fold is 0"), ({"kernel": 4}, "odd"), ({"spread": 6}, "odd")]
)
def test_what_no_trunk_can_be_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        build_for_pixels(**options)


def test_pixels_may_have_colours_and_be_ink(pixels):
    coloured = pixels._replace(support_y=pixels.support_y.sigmoid().repeat(1, 1, 3))
    assert predicted(build_for_pixels(3), coloured).event_shape == (3,)
    ink = predicted(build_for_pixels(3, likelihood="bernoulli"), coloured).mean
    assert ((ink > 0) & (ink < 1)).all()


def test_it_learns_to_go_on_with_a_line_wherever_it_lies(generator):
    torch.manual_seed(0)
    learner = GridConvCNP(grid=(10, 10), channels=16, blocks=2, likelihood="bernoulli")
    places = torch.stack(torch.meshgrid(torch.arange(10), torch.arange(10), indexing="ij"), dim=-1).flatten(0, 1)

    def stripes(num_tasks, last):
        """Pictures of one upright line, of which half the pixels are given; in training none lies far right."""
        columns = torch.randint(*last, (num_tasks, 1), generator=generator)
        order = torch.rand(num_tasks, 100, generator=generator).argsort(dim=1)
        x, y = (places[order] + 0.5) / 10, (places[order][..., 1] == columns).float()[..., None]
        return Tasks(x[:, :50], y[:, :50], x, y)

    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    for _ in range(120):
        optimiser.zero_grad()
        learner(stripes(16, (1, 7))).backward()
        optimiser.step()
    tasks = stripes(64, (7, 9))
    with torch.no_grad():
        is_right = (predicted(learner, tasks).mean > 0.5) == (tasks.query_y > 0.5)
    assert is_right.double().mean() > 0.98  # All white would be right at 0.9.
