"""What comes through the door is made the learner's own, or refused with one message; no number changes silently."""

import re
import warnings
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from quickstudy.core import Learner, UserError, read_query, read_support, read_values


class State(NamedTuple):
    mean: Tensor


class Reads(Learner):
    """Has a precision of its own, and reads whatever passes the door."""

    def __init__(self, encoder: nn.Module | None = None, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.encoder = encoder
        self.weight = nn.Parameter(torch.ones(1, dtype=dtype))
        self.eval()

    def adapt(self, support_x, support_y, support_mask=None):
        return read_support(self, support_x, support_y, support_mask)

    def predict(self, state, query_x):
        return read_query(self, state, query_x)


class Weightless(Reads):
    def __init__(self) -> None:
        super().__init__()
        self.weight = None


class ReadsShape(nn.Identity):
    image_shape = (1, 4, 5)


class Drawings(Reads):
    input_range = (0.0, 1.0)


class Ink(Reads):
    """As learners of pixels, whose values are chances of ink."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Identity()
        self.head.likelihood = "bernoulli"


def support(num_tasks=2, num_support=3, dtype=torch.int64):
    return torch.rand(num_tasks, num_support, 1, 4, 5), torch.arange(num_support, dtype=dtype).repeat(num_tasks, 1)


TWO = State(torch.zeros(2, 1))
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_class_indices_of_any_integer_type_become_int64(kind):
    x, y = support()
    for labels in (y.numpy().astype(kind), torch.from_numpy(y.numpy().astype(kind))):
        found = read_support(Reads(), x, labels)[1]
        assert found.dtype == torch.int64
        assert torch.equal(found, y)


@pytest.mark.parametrize("own", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_inputs_of_any_precision_become_the_learners(dtype, own):
    x, y = support()
    learner = Reads(dtype=own)
    found = (read_support(learner, x.to(dtype), y)[0], read_query(learner, TWO, x.to(dtype)))
    for inputs in (*found, *read_values(learner, x[..., 0, 0].to(dtype), x[..., 0, 0].to(dtype), sizes=(1, 1))[:2]):
        assert inputs.dtype == own
    assert torch.equal(found[0], x.to(dtype).to(own))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, ">f8"])
def test_arrays_are_read_as_tensors_are(kind):
    x, y = support()
    array = x.numpy().astype(kind)
    found, labels, _ = read_support(Reads(), array, y.numpy())
    assert torch.allclose(found, x, atol=1e-3)
    assert found.dtype == torch.float32
    assert torch.equal(labels, y)
    assert torch.equal(read_query(Reads(), TWO, array), found)
    array[:] = 7  # What was read stays as it was.
    assert torch.allclose(found, x, atol=1e-3)


def test_arrays_that_cannot_be_written_to_or_run_backwards_are_read():
    x, y = support()
    array = x.numpy()[:, ::-1]
    array.flags.writeable = False
    assert torch.equal(read_support(Reads(), array, y)[0], x.flip(1))


def test_lists_of_numbers_and_of_tensors_are_read():
    x, y = support()
    assert torch.equal(read_support(Reads(), x.tolist(), y.tolist())[0], x)
    assert torch.equal(read_support(Reads(), [*x], [*y])[0], x)
    assert torch.equal(read_query(Reads(), TWO, [*x]), x)


def test_lists_of_unequal_length_are_refused_with_the_remedy():
    with pytest.raises(UserError, match=r"support_x is no array of numbers.*support_mask"):
        read_support(Reads(), [[[1.0], [2.0]], [[1.0]]], [[0, 1], [0]])


@pytest.mark.parametrize("stranger", [None, "text", {"a": 1}, [["a"]], torch.rand(2, 3, 4).to(torch.complex64)])
def test_what_is_no_numbers_is_refused(stranger):
    with pytest.raises(UserError, match="support_x holds"):
        read_support(Reads(), stranger, [[0, 1]])


def test_without_weights_of_its_own_a_learner_keeps_the_precision_that_came():
    x, y = support()
    learner = Weightless()
    assert read_support(learner, x.double(), y)[0].dtype == torch.float64
    assert read_support(learner, x.numpy().astype(np.float64), y)[0].dtype == torch.float64
    assert read_support(learner, x > 0.5, y)[0].dtype == torch.float32
    assert read_query(learner, State(torch.zeros(2, 1).double()), x).dtype == torch.float64


def test_tensors_on_another_device_are_refused_with_both_devices():
    x, y = support()
    with pytest.raises(UserError, match=r"support_x is on the device meta.*on cpu.*support_x\.to\('cpu'\)"):
        read_support(Reads(), x.to("meta"), y)
    with pytest.raises(UserError, match="support_y is on the device meta"):
        read_support(Reads(), x, y.to("meta"))
    with pytest.raises(UserError, match="query_x is on the device meta"):
        read_query(Reads(), TWO, x.to("meta"))
    with pytest.raises(UserError, match="query_x is on the device meta"):
        read_query(Weightless(), TWO, x.to("meta"))


def test_what_is_read_passes_gradients_on():
    x, y = support()
    wanted = x.double().requires_grad_()
    read_support(Reads(), wanted, y)[0].sum().backward()
    assert torch.equal(wanted.grad, torch.ones_like(wanted))


def test_what_is_the_learners_own_already_is_not_copied():
    x, y = support()
    assert read_support(Reads(), x, y)[0] is x
    assert read_query(Reads(), TWO, x) is x


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integer_images_are_divided_by_the_brightest_value_of_their_type(kind, white):
    x, y = support()
    array = (x.numpy() * white).astype(kind)
    for images in (array, torch.from_numpy(array)):
        assert torch.equal(read_support(Reads(), images, y)[0], torch.from_numpy(array.astype(np.float32)) / white)
        assert torch.equal(read_query(Reads(), TWO, images), torch.from_numpy(array.astype(np.float32)) / white)


@pytest.mark.parametrize("kind", [bool, *INTEGERS])
def test_bool_and_integers_of_0_and_1_are_ink(kind):
    x, y = support()
    ink = (x > 0.5).numpy().astype(kind)
    assert torch.equal(read_support(Reads(), ink, y)[0], (x > 0.5).float())
    assert torch.equal(read_query(Reads(), TWO, torch.from_numpy(ink)), (x > 0.5).float())


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64, np.uint32])
def test_integer_images_that_do_not_say_how_bright_white_is_are_refused(kind):
    x, y = support()
    images = (x.numpy() * 100).astype(kind)
    with pytest.raises(UserError, match=f"support_x holds images of {np.dtype(kind)}.*images / 255"):
        read_support(Reads(), images, y)
    with pytest.raises(UserError, match="query_x holds images"):
        read_query(Reads(), TWO, images)


def test_integer_vectors_and_values_are_plain_numbers():
    years = torch.tensor([[[1871], [1872]]])
    flow = np.array([[[1120], [1160]]], dtype=np.int16)
    x, y, _ = read_values(Reads(), years, flow, sizes=(1, 1))
    assert x.tolist() == [[[1871.0], [1872.0]]]
    assert y.tolist() == [[[1120.0], [1160.0]]]
    assert read_support(Reads(), years, [[0, 1]])[0].tolist() == [[[1871.0], [1872.0]]]
    assert read_query(Reads(), State(torch.zeros(1, 1)), years).tolist() == [[[1871.0], [1872.0]]]


def test_flattened_bytes_are_images_to_a_learner_of_drawings():
    x, y = support()
    flat = (x * 255).byte().flatten(2)
    assert torch.equal(read_support(Drawings(), flat, y)[0], flat.float() / 255)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        ((3, 1, 4, 5), (3,)),
        ((2, 3, 1, 4, 5), (3,)),
        ((2, 3, 1, 4, 5), (2, 2)),
        ((2, 3, 1, 4, 5), (3, 2)),
        ((2, 3, 1, 4, 5), (2, 3, 1)),
        ((2, 3), (2, 3)),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused_with_both_shapes(inputs, labels):
    with pytest.raises(UserError, match=f"{re.escape(str(inputs))} and support_y {re.escape(str(labels))}.*expected"):
        read_support(Reads(), torch.rand(inputs), torch.zeros(labels, dtype=torch.long))


@pytest.mark.parametrize(
    ("x", "y"), [((2, 3), (2, 3)), ((2, 3, 2), (2, 3, 1)), ((2, 3, 1), (2, 4, 1)), ((3, 1), (3, 1))]
)
def test_points_of_another_shape_are_refused_with_both_shapes(x, y):
    told = rf"{re.escape(str(x))} and support_y {re.escape(str(y))}, but \(T, S, 1\) and \(T, S, 1\)"
    with pytest.raises(UserError, match=told):
        read_values(Reads(), torch.rand(x), torch.rand(y), sizes=(1, 1))


def test_an_empty_support_of_classes_is_refused():
    with pytest.raises(UserError, match="support is empty"):
        read_support(Reads(), torch.rand(2, 0, 1, 4, 5), torch.zeros(2, 0, dtype=torch.long))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_labels_that_are_no_indices_are_refused(dtype):
    x, y = support()
    with pytest.raises(UserError, match=r"support_y holds (float32|bool).*y\.long\(\)"):
        read_support(Reads(), x, y.to(dtype))


def test_negative_labels_are_refused_by_value():
    x, y = support()
    y[1, 2] = -4
    with pytest.raises(UserError, match="label -4, but the learner reads labels 0 and up"):
        read_support(Reads(), x, y)


def test_labels_beyond_the_slots_are_refused_by_value():
    x, y = support(num_support=6)
    read_support(Reads(), x, y, max_ways=6)
    with pytest.raises(UserError, match="label 5, but the learner reads labels 0 to 4, because it was built"):
        read_support(Reads(), x, y, max_ways=5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("is_training", [False, True])
def test_nan_and_infinity_are_refused_by_name_count_and_place(bad, is_training):
    x, y = support()
    learner = Reads().train(is_training)
    x[1, 2, 0, 3, 1] = x[1, 2, 0, 3, 2] = bad
    place = "holds numbers that are NaN or infinite in float32: 2, the first in task 1, example 2"
    with pytest.raises(UserError, match=f"support_x {place}"):
        read_support(learner, x, y)
    with pytest.raises(UserError, match=f"query_x {place}"):
        read_query(learner, TWO, x)
    values = x[:, :, 0, 3]
    with pytest.raises(UserError, match=f"support_x {place}"):
        read_values(learner, values, torch.rand(2, 3, 1), sizes=(5, 1))
    with pytest.raises(UserError, match=f"query_y {place}"):
        read_values(learner, torch.rand(2, 3, 1), values, sizes=(1, 5), part="query")


def test_what_becomes_infinite_in_the_learners_precision_is_refused():
    x, y = support()
    with pytest.raises(UserError, match="infinite in float32: 40, the first in task 0, example 1"):
        read_support(Reads(), torch.where(torch.arange(3)[:, None, None, None] == 1, 1e300, x.double()), y)


@pytest.mark.parametrize("shape", [(3, 5, 1, 4, 5), (5, 1, 4, 5), (2, 5)])
def test_queries_of_another_number_of_tasks_are_refused(shape):
    with pytest.raises(UserError, match=rf"query_x has shape {re.escape(str(shape))}.*state holds 2 tasks"):
        read_query(Reads(), TWO, torch.rand(shape))


def test_queries_may_be_more_or_fewer_than_the_support_or_none():
    for count in (11, 1, 0):
        assert read_query(Reads(ReadsShape()), TWO, torch.rand(2, count, 1, 4, 5)).shape[1] == count


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((1, 5, 4), "Swap the axes"),
        ((4, 5, 1), r"images\.movedim\(-1, 2\)"),
        ((3, 4, 5), "Resize the images"),
        ((1, 20, 20), "Resize the images"),
        ((4, 5), r"dimension of channels, as in images\[:, :, None\]"),
        ((20,), "Prepare inputs like that"),
    ],
)
def test_examples_of_another_shape_are_refused_with_both_shapes_and_the_remedy(shape, remedy):
    learner, (x, y) = Reads(nn.Sequential(ReadsShape(), nn.Flatten(2))), support()
    read_support(learner, x, y)
    told = rf"has shape {re.escape(str(shape))}, but the learner reads \(1, 4, 5\)\. .*{remedy}"
    with pytest.raises(UserError, match=f"support_x {told}"):
        read_support(learner, torch.rand(2, 3, *shape), y)
    with pytest.raises(UserError, match=f"query_x {told}"):
        read_query(learner, TWO, torch.rand(2, 3, *shape))


def test_queries_of_another_shape_than_the_supports_are_refused():
    with pytest.raises(UserError, match=r"query_x has shape \(1, 5, 4\), but the learner reads \(1, 4, 5\)"):
        read_query(Weightless(), TWO, torch.rand(2, 3, 1, 5, 4), torch.Size([1, 4, 5]))


@pytest.mark.parametrize(
    ("change", "value", "remedy"),
    [
        (lambda x: x.round() * 255, "255", "Divide images of 0 to 255 by 255"),
        (lambda x: x.round() * 65535, "65535", "Divide images of 0 to 65535 by 65535"),
        (lambda x: 2 * x.round() - 1, "-1", "before they were standardised"),
    ],
)
def test_drawings_beyond_their_range_are_refused_with_the_remedy(change, value, remedy):
    x, y = support()
    with pytest.raises(UserError, match=f"support_x holds {value}, but Drawings reads numbers from 0 to 1.*{remedy}"):
        read_support(Drawings(), change(x), y)
    with pytest.raises(UserError, match=f"query_x holds {value}, but Drawings reads numbers from 0 to 1.*{remedy}"):
        read_query(Drawings(), TWO, change(x))


def test_what_interpolation_adds_is_within_the_range_and_training_is_not_looked_at():
    x, y = support()
    read_support(Drawings(), 1.02 * x.round() - 0.01, y)
    read_support(Drawings().train(), 255 * x, y)
    read_support(Reads(), 255 * x, y)


def test_paper_of_one_and_ink_of_zero_are_warned_of():
    x, y = support()
    with pytest.warns(UserWarning, match=r"mean of support_x is 0\.9.*Pass 1 - images"):
        read_support(Drawings(), 1 - 0.1 * x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_support(Drawings(), 0.1 * x, y)
        read_query(Drawings(), TWO, 1 - 0.1 * x)


def test_pixels_beyond_ink_are_refused():
    x, y = torch.rand(1, 3, 2), torch.rand(1, 3, 1)
    read_values(Ink(), x, y, sizes=(2, 1))
    with pytest.raises(UserError, match=r"support_y holds 255, but Ink reads numbers from 0 to 1.*by 255"):
        read_values(Ink(), x, torch.full_like(y, 255), sizes=(2, 1))
    assert read_values(Ink(), x, y > 0.5, sizes=(2, 1))[1].tolist() == (y > 0.5).float().tolist()


def test_real_examples_come_first_in_their_order_and_padding_is_nothing():
    x = torch.arange(8.0).view(2, 4, 1)
    y = torch.tensor([[0, 9, 1, -3], [-1, 0, 99, 5]])
    mask = torch.tensor([[True, False, True, False], [False, True, False, False]])
    x[~mask] = torch.nan
    found_x, found_y, found = read_support(Reads(), x, y, mask.numpy(), max_ways=2)
    assert found_x[..., 0].tolist() == [[0.0, 2.0], [5.0, 0.0]]
    assert found_y.tolist() == [[0, 1], [0, 0]]
    assert found.tolist() == [[True, True], [True, False]]
    points = read_values(Reads(), x, x, mask.tolist(), sizes=(1, 1))
    assert points[1][..., 0].tolist() == [[0.0, 2.0], [5.0, 0.0]]


def test_a_mask_that_leaves_nothing_out_is_none():
    x, y = support()
    assert read_support(Reads(), x, y, torch.ones(2, 3, dtype=torch.bool))[2] is None
    mask = torch.tensor([[True, False, True], [False, True, True]])
    found_x, _, found = read_support(Reads(), x, y, mask)
    assert found is None
    assert torch.equal(found_x, torch.stack([x[0, [0, 2]], x[1, [1, 2]]]))


def test_nan_among_the_real_examples_is_refused_by_its_place_before_packing():
    x, y = support()
    x[1, 2, 0, 0, 0] = x[1, 0, 0, 0, 0] = torch.nan
    mask = torch.tensor([[True, True, True], [False, True, True]])
    with pytest.raises(UserError, match=r"holds numbers that are NaN or .*: 1, the first in task 1, example 2"):
        read_support(Reads(), x, y, mask)


@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        (torch.ones(2, 4, dtype=torch.bool), r"support_mask has shape \(2, 4\), but \(2, 3\)"),
        (torch.ones(3, dtype=torch.bool), r"support_mask has shape \(3,\)"),
        (torch.ones(2, 3), "support_mask holds float32.*booleans"),
        (torch.ones(2, 3).long(), "support_mask holds int64.*booleans"),
        ("all", "support_mask holds"),
    ],
)
def test_masks_of_another_shape_or_type_are_refused(mask, complaint):
    x, y = support()
    with pytest.raises(UserError, match=complaint):
        read_support(Reads(), x, y, mask)
    with pytest.raises(UserError, match=complaint):
        read_values(Reads(), x[..., 0, 0], x[..., 0, 0], mask, sizes=(1, 1))


def test_a_task_of_classes_without_a_real_example_is_refused_unless_it_is_known():
    x, y = support()
    mask = torch.tensor([[True, True, True], [False, False, False]])
    with pytest.raises(UserError, match=r"support_mask leaves task 1 .* without an example"):
        read_support(Reads(), x, y, mask)
    read_support(Reads(), x, y, mask, is_known_T=torch.tensor([False, True]))


def test_a_task_of_values_may_be_without_a_real_example():
    x, mask = torch.rand(2, 3, 1), torch.tensor([[False, False, False], [False, True, False]])
    found_x, _, found = read_values(Reads(), x, x, mask, sizes=(1, 1))
    assert found_x[:, 0, 0].tolist() == [0.0, float(x[1, 1, 0])]
    assert found.tolist() == [[False], [True]]
    assert read_values(Reads(), x, x, mask & False, sizes=(1, 1))[0].shape == (2, 0, 1)


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)


def test_a_state_is_extended_by_examples_of_its_own_tasks_alone():
    x, y = support(num_tasks=3)
    with pytest.raises(UserError, match=r"support_x has shape \(3, 3, 1, 4, 5\), but the state holds 2 tasks"):
        read_support(Reads(), x, y, state=TWO)
    values = x[..., 0, 0]
    with pytest.raises(UserError, match=r"support_x has shape \(3, 3, 1\), but the state holds 2 tasks"):
        read_values(Reads(), values, values, sizes=(1, 1), state=TWO)
    read_support(Reads(), x[:2], y[:2], state=TWO)
