import re

import pytest
import torch

from quickstudy.core import Tasks, UserError, check_query, check_support


def support(num_tasks=2, num_support=3, dtype=torch.int64):
    return torch.rand(num_tasks, num_support, 1, 4, 4), torch.arange(num_support, dtype=dtype).repeat(num_tasks, 1)


def test_precision_changes_only_floating_point_fields():
    labelled = Tasks(torch.rand(2, 3, 4), torch.ones(2, 3, dtype=torch.long), torch.rand(2, 5, 4), torch.rand(2, 5, 1))
    exact = labelled.to("cpu", torch.float64)
    assert [field.dtype for field in exact] == [torch.float64, torch.int64, torch.float64, torch.float64]
    for before, after in zip(labelled, exact, strict=True):
        assert torch.equal(before.double(), after.double())


def test_without_a_precision_every_field_keeps_its_own():
    mixed = Tasks(torch.rand(1, 2, 3).double(), torch.zeros(1, 2).long(), torch.rand(1, 2, 3), torch.zeros(1, 2).int())
    assert [field.dtype for field in mixed.to("cpu")] == [torch.float64, torch.int64, torch.float32, torch.int32]


def test_moving_reaches_all_fields():
    moved = Tasks(torch.rand(1, 2, 3), torch.zeros(1, 2).long(), torch.rand(1, 2, 3), torch.zeros(1, 2)).to("meta")
    assert [field.device.type for field in moved] == ["meta"] * 4


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_class_indices_of_any_integer_type_are_accepted(dtype):
    check_support(*support(dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_inputs_of_any_precision_are_accepted(dtype):
    inputs, labels = support()
    check_support(inputs.to(dtype), labels)
    check_query(inputs.to(dtype), 2)


def test_labels_up_to_the_last_slot_are_accepted():
    check_support(*support(num_support=3), max_ways=3)


def test_vectors_are_inputs_too():
    check_support(torch.rand(2, 3, 7), torch.zeros(2, 3, dtype=torch.long))
    check_query(torch.rand(2, 5, 7), 2, torch.Size([7]))


def test_queries_may_be_more_or_fewer_than_the_support():
    check_query(torch.rand(2, 11, 1, 4, 4), 2, torch.Size([1, 4, 4]))


def test_bytes_are_refused_with_the_remedy():
    inputs, labels = support()
    with pytest.raises(UserError, match=r"support_x holds uint8.*images.float\(\) / 255"):
        check_support(inputs.byte(), labels)
    with pytest.raises(UserError, match=r"query_x holds uint8.*images.float\(\) / 255"):
        check_query(inputs.byte(), 2)


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [
        ((3, 1, 4, 4), (3,)),
        ((2, 3, 1, 4, 4), (3,)),
        ((2, 3, 1, 4, 4), (2, 2)),
        ((2, 3, 1, 4, 4), (3, 2)),
        ((2, 3, 1, 4, 4), (2, 3, 1)),
        ((2, 3), (2, 3)),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused_with_both_shapes(inputs, labels):
    with pytest.raises(UserError, match=f"{re.escape(str(inputs))} and support_y {re.escape(str(labels))}.*expected"):
        check_support(torch.rand(inputs), torch.zeros(labels, dtype=torch.long))


def test_an_empty_support_is_refused():
    with pytest.raises(UserError, match=r"support is empty"):
        check_support(torch.rand(2, 0, 1, 4, 4), torch.zeros(2, 0, dtype=torch.long))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_labels_that_are_no_indices_are_refused(dtype):
    inputs, labels = support()
    with pytest.raises(UserError, match=r"support_y holds (float32|bool).*y\.long\(\)"):
        check_support(inputs, labels.to(dtype))


def test_negative_labels_are_refused_by_value():
    inputs, labels = support()
    labels[1, 2] = -4
    with pytest.raises(UserError, match="label -4, but the learner reads labels 0 and up"):
        check_support(inputs, labels)


def test_labels_beyond_the_slots_are_refused_by_value():
    inputs, labels = support(num_support=6)
    with pytest.raises(UserError, match="label 5, but the learner reads labels 0 to 4, as it was built for 5 ways"):
        check_support(inputs, labels, max_ways=5)


@pytest.mark.parametrize("shape", [(3, 5, 1, 4, 4), (5, 1, 4, 4), (2, 5)])
def test_queries_of_another_number_of_tasks_are_refused(shape):
    with pytest.raises(UserError, match=rf"query_x has shape {re.escape(str(shape))}.*state holds 2 tasks"):
        check_query(torch.rand(shape), 2)


def test_queries_unlike_the_support_are_refused_with_both_shapes():
    with pytest.raises(UserError, match=r"shape \(1, 5, 5\).*had \(1, 4, 4\)"):
        check_query(torch.rand(2, 3, 1, 5, 5), 2, torch.Size([1, 4, 4]))


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)
