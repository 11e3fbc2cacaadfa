import pytest
import torch

from quickstudy.networks import class_means, mask_absent
from quickstudy.networks.class_means import balanced_index, crowding, members


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


def test_crowding_is_the_size_of_each_ones_class_over_the_mean_size():
    labels = torch.tensor([[0, 0, 2, 0], [1, 2, 1, 0]])
    counts = torch.tensor([[3, 0, 1], [1, 2, 1]])
    found = crowding(labels, counts)
    assert torch.allclose(found, torch.tensor([[3, 3, 1, 3], [2, 1, 2, 1]]) / torch.tensor([[2.0], [4 / 3]]))


def test_even_classes_are_not_crowded():
    labels = torch.tensor([[0, 3, 0, 3]])
    assert torch.equal(crowding(labels.to(torch.uint8), torch.tensor([[2, 0, 0, 2]])), torch.ones(1, 4))


@pytest.mark.parametrize("labels", [[[0, 1, 2, 0, 1, 2]], [[0, 0], [0, 1]], [[3, 1], [1, 3]]], ids=str)
def test_where_the_classes_of_every_task_are_as_large_there_is_nothing_to_balance(labels):
    assert balanced_index(torch.tensor(labels), 4) is None


def test_smaller_classes_are_read_again_in_turn_until_all_are_as_large():
    index, counts = balanced_index(torch.tensor([[1, 0, 0, 1, 0, 0, 0, 2]]), 3)
    assert counts.all()
    assert index.view(3, 5).tolist() == [[1, 2, 4, 5, 6], [0, 3, 0, 3, 0], [7, 7, 7, 7, 7]]


def test_tasks_of_a_batch_are_balanced_each_up_to_its_own_largest_class():
    labels = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    index, counts = balanced_index(labels, 2)
    read = [row[own].tolist() for row, own in zip(labels.gather(1, index), counts, strict=True)]
    assert read == [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1]]
    assert index[1][counts[1]].tolist() == [0, 1, 2, 3]


def test_every_example_is_read_and_of_one_class_none_much_more_often_than_another(generator):
    labels = torch.randint(4, (5, 12), generator=generator)
    index, counts = balanced_index(labels, 4)
    for task in range(5):
        times = index[task][counts[task]].bincount(minlength=12)
        assert (times > 0).all()
        for way in labels[task].unique():
            own = times[labels[task] == way]
            assert int(own.sum()) == int(labels[task].bincount().max())
            assert int(own.max() - own.min()) <= 1


def test_what_a_mask_leaves_out_is_not_read_again():
    labels = torch.tensor([[0, 1, 0, 0, 1, 1]])
    mask = torch.tensor([[True, True, False, True, False, False]])
    index, counts = balanced_index(labels, 2, mask)
    assert index[counts].tolist() == [0, 3, 1, 1]
    assert balanced_index(labels, 2, torch.tensor([[True, True, False, False, False, False]])) is None
