import pytest
import torch

from quickstudy.networks import class_means, mask_absent
from quickstudy.networks.class_means import members


def test_means_are_those_of_a_loop_over_tasks_and_classes(generator):
    values = torch.randn(3, 12, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (3, 12), generator=generator)
    means, is_present = class_means(values, labels, 4)
    for task in range(3):
        for way in range(4):
            members = values[task][labels[task] == way]
            assert bool(is_present[task, way]) == (len(members) > 0)
            expected = members.mean(dim=0) if len(members) else torch.zeros(5, dtype=torch.float64)
            assert torch.allclose(means[task, way], expected, atol=1e-14)


def test_the_mean_of_one_example_is_that_example(generator):
    values = torch.randn(2, 3, 4, generator=generator)
    means, _ = class_means(values, torch.tensor([[2, 0, 1], [0, 1, 2]]), 3)
    assert torch.equal(means[0], values[0][[1, 2, 0]])
    assert torch.equal(means[1], values[1])


def test_doubling_the_support_changes_no_mean(generator):
    values = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([[0, 0, 1, 2, 2, 2]]).repeat(2, 1)
    once, _ = class_means(values, labels, 3)
    twice, _ = class_means(values.repeat(1, 2, 1), labels.repeat(1, 2), 3)
    assert torch.allclose(once, twice, atol=1e-14)


def test_classes_may_differ_in_their_number_of_examples():
    means, _ = class_means(torch.tensor([[[1.0], [2.0], [3.0], [10.0]]]), torch.tensor([[0, 0, 0, 1]]), 2)
    assert means.flatten().tolist() == [2.0, 10.0]


def test_a_class_without_examples_is_zero_and_absent():
    means, is_present = class_means(torch.ones(2, 2, 3), torch.tensor([[0, 2], [1, 1]]), 3)
    assert is_present.tolist() == [[True, False, True], [False, True, False]]
    assert means.sum(dim=-1).tolist() == [[3.0, 0.0, 3.0], [0.0, 3.0, 0.0]]


def test_every_example_gets_an_equal_share_of_its_means_gradient():
    values = torch.randn(1, 4, 2, requires_grad=True)
    means, _ = class_means(values, torch.tensor([[0, 0, 0, 1]]), 2)
    means[0, 0].sum().backward()
    assert torch.allclose(values.grad[0, :, 0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_means_keep_the_precision_of_the_values(dtype):
    means, is_present = class_means(torch.ones(1, 2, 3, dtype=dtype), torch.tensor([[0, 1]]), 2)
    assert means.dtype == dtype
    assert is_present.dtype == torch.bool


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_may_be_any_integers(dtype):
    means, _ = class_means(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[1, 1]], dtype=dtype), 2)
    assert means.flatten().tolist() == [0.0, 2.0]


def test_only_absent_classes_are_ruled_out(generator):
    logits = torch.randn(2, 3, 2, generator=generator)
    masked = mask_absent(logits, torch.tensor([[True, False], [True, True]]))
    assert torch.equal(masked[..., 0], logits[..., 0])
    assert torch.equal(masked[1], logits[1])
    assert (masked[0, :, 1] == -torch.inf).all()
    assert masked[0].softmax(dim=-1).tolist() == [[1.0, 0.0]] * 3


def test_what_a_mask_leaves_out_is_of_no_class():
    values = torch.tensor([[[1.0], [100.0], [3.0], [5.0]]])
    labels, mask = torch.tensor([[0, 0, 0, 1]]), torch.tensor([[True, False, True, False]])
    means, is_present = class_means(values, labels, 2, mask)
    assert means[..., 0].tolist() == [[2.0, 0.0]]
    assert is_present.tolist() == [[True, False]]
    assert members(labels, 2, mask)[0].tolist() == [[True, False], [False, False], [True, False], [False, False]]
