"""Numbers of any kind become tensors of one precision and device, or are refused by the name they came under."""

import numpy as np
import pytest
import torch
from torch import nn

from quickstudy.core import UserError
from quickstudy.core.conversion import as_floats, as_labels, as_mask, own_tensor, type_name

LIKE = torch.zeros(1, dtype=torch.float64)


def test_the_first_floating_point_tensor_of_a_module_is_its_own():
    module = nn.BatchNorm1d(2, affine=False).double()
    assert own_tensor(module) is module.running_mean
    assert own_tensor(nn.Linear(1, 1).half()).dtype == torch.float16
    assert own_tensor(nn.Flatten()) is None
    module = nn.Module()
    module.register_buffer("count", torch.zeros(1, dtype=torch.long))
    assert own_tensor(module) is None


def test_integers_are_images_by_their_dimensions_or_if_it_is_said():
    numbers = torch.tensor([[[0, 255, 51]]], dtype=torch.uint8)
    assert as_floats("x", numbers, LIKE).tolist() == [[[0.0, 255.0, 51.0]]]
    assert as_floats("x", numbers, LIKE, is_image=True).tolist() == [[[0.0, 1.0, 0.2]]]
    assert as_floats("x", numbers[None], LIKE).tolist() == [[[[0.0, 1.0, 0.2]]]]


def test_bytes_of_a_learner_of_half_precision_are_divided_before_they_are_rounded():
    numbers = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    found = as_floats("x", numbers, torch.zeros(1, dtype=torch.bfloat16))
    assert torch.equal(found, (numbers.float() / 255).bfloat16())


def test_arrays_of_another_byte_order_and_of_many_digits_are_read():
    for kind in (">f4", ">i2", np.longdouble):
        assert as_floats("x", np.array([1, 2], dtype=kind), None).tolist() == [1.0, 2.0]


def test_labels_are_int64_and_masks_are_booleans():
    assert as_labels("y", np.array([3], dtype=np.uint16), LIKE).dtype == torch.int64
    assert as_mask("m", [[True, False]], LIKE).tolist() == [[True, False]]
    with pytest.raises(UserError, match="y holds float64, but class indices"):
        as_labels("y", [0.5], LIKE)
    with pytest.raises(UserError, match="m holds int64, but booleans"):
        as_mask("m", [1, 0], LIKE)


def test_another_device_is_refused_and_arrays_go_to_the_learners():
    with pytest.raises(UserError, match="x is on the device meta"):
        as_floats("x", torch.zeros(1, device="meta"), LIKE)
    assert as_floats("x", [1.0], torch.zeros(1, device="meta")).device.type == "meta"


def test_types_are_called_as_users_call_them():
    assert type_name(torch.zeros(1, dtype=torch.bfloat16)) == "bfloat16"
