import itertools
import re

import pytest
import torch
from torch import nn

from quickstudy.core import SharedTasks, Tasks, UserError, check_query, check_support, check_tasks, in_random_slots


def support(num_tasks=2, num_support=3, dtype=torch.int64):
    return torch.rand(num_tasks, num_support, 1, 4, 4), torch.arange(num_support, dtype=dtype).repeat(num_tasks, 1)


def shared(support_y=None, example=(1, 4, 4)) -> SharedTasks:
    """Tasks of three examples and five queries out of a pool of nine; two tasks unless labels (T, 3) are given."""
    support_y = torch.arange(3).repeat(2, 1) if support_y is None else support_y
    index = torch.rand(len(support_y), 9).argsort(dim=1)
    query_y = support_y[..., [0, 1, 2, 1, 0]]
    return SharedTasks(torch.rand(9, *example), index[:, :3], support_y, index[:, 3:8], query_y)


of_either_kind = pytest.mark.parametrize("gathered", [False, True], ids=["shared", "gathered"])


def tasks_of_a_kind(gathered, *arguments):
    return shared(*arguments).gathered() if gathered else shared(*arguments)


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


def test_gathering_shared_tasks_is_indexing_their_pool():
    tasks = shared()
    own = tasks.gathered()
    assert type(own) is Tasks
    for task in range(2):
        for x, index in ((own.support_x, tasks.support_index), (own.query_x, tasks.query_index)):
            assert torch.equal(x[task], torch.stack([tasks.pool_x[place] for place in index[task]]))
    assert own.support_y is tasks.support_y
    assert own.query_y is tasks.query_y


def test_tasks_with_examples_of_their_own_are_gathered_already():
    tasks = shared().gathered()
    assert tasks.gathered() is tasks


@pytest.mark.parametrize(("gathered", "num_embedded"), [(False, 9), (True, 2 * (3 + 5))], ids=["shared", "gathered"])
def test_every_example_is_embedded_in_one_call(gathered, num_embedded):
    seen = []

    def encoder(x):
        seen.append(x.shape[:-3].numel())
        return x.flatten(-3)

    tasks = tasks_of_a_kind(gathered)
    z_TSD, z_TQD = tasks.embedded(encoder)
    assert seen == [num_embedded]
    own = tasks.gathered()
    assert torch.equal(z_TSD, own.support_x.flatten(2))
    assert torch.equal(z_TQD, own.query_x.flatten(2))


def test_features_and_gradients_of_shared_tasks_are_those_of_the_gathered_ones():
    encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    tasks = shared(example=(4,))
    tasks = tasks._replace(pool_x=tasks.pool_x.double().requires_grad_())
    told = []
    for kind in (tasks, tasks.gathered()):
        features = torch.cat(kind.embedded(encoder), dim=1)
        weighted = (features * torch.arange(features.numel()).view_as(features)).sum()
        told.append([features, *torch.autograd.grad(weighted, [tasks.pool_x, *encoder.parameters()])])
    for one, other in zip(*told, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_support_and_queries_share_their_batch_statistics():
    own = shared().gathered()
    z_TSD, z_TQD = own.embedded(lambda x: (x - x.mean(dim=(0, 1))).flatten(2))
    assert torch.allclose(torch.cat([z_TSD, z_TQD], dim=1).mean(dim=(0, 1)), torch.zeros(16), atol=1e-6)


@of_either_kind
def test_random_slots_rename_the_classes_of_support_and_queries_alike(gathered):
    tasks = tasks_of_a_kind(gathered, torch.arange(3).repeat(1000, 1))
    thrown = in_random_slots(tasks, 5)
    assert type(thrown) is type(tasks)
    slot_TN = thrown.support_y
    assert torch.equal(thrown.query_y, slot_TN.gather(1, tasks.query_y))
    assert {*map(tuple, slot_TN.tolist())} == {*itertools.permutations(range(5), 3)}
    unchanged = {"support_y": tasks.support_y, "query_y": tasks.query_y}
    for before, after in zip(tasks, thrown._replace(**unchanged), strict=True):
        assert after is before


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


@of_either_kind
def test_tasks_that_can_be_trained_on_are_accepted(gathered):
    check_tasks(tasks_of_a_kind(gathered))
    check_tasks(tasks_of_a_kind(gathered), max_ways=3)
    check_tasks(tasks_of_a_kind(gathered, None, (6,)))


@of_either_kind
@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([[0, 1, 7]], "label 7, but the learner reads labels 0 to 4, as it was built for 5 ways"),
        ([[0, 1, -4]], "label -4, but the learner reads labels 0 to 4"),
        ([[0.0, 1.0, 2.0]], r"support_y holds float32.*y\.long\(\)"),
    ],
)
def test_tasks_are_refused_for_the_labels_of_their_support(gathered, labels, complaint):
    with pytest.raises(UserError, match=complaint):
        check_tasks(tasks_of_a_kind(gathered, torch.tensor(labels)), max_ways=5)


@of_either_kind
def test_tasks_of_bytes_are_refused_with_the_remedy(gathered):
    tasks = shared()
    tasks = tasks._replace(pool_x=tasks.pool_x.byte())
    with pytest.raises(UserError, match=r"support_x holds uint8.*images.float\(\) / 255"):
        check_tasks(tasks.gathered() if gathered else tasks)


@of_either_kind
@pytest.mark.parametrize(
    ("pool", "index", "labels", "complaint"),
    [
        ((7, 1, 4, 4), (2, 3), (2, 2), r"\(2, 3, 1, 4, 4\) and support_y \(2, 2\).*expected"),
        ((7, 1, 4, 4), (2, 3), (3,), r"\(2, 3, 1, 4, 4\) and support_y \(3,\).*expected"),
        ((7, 1, 4, 4), (3,), (3,), r"\(3, 1, 4, 4\) and support_y \(3,\).*expected"),
        ((7,), (2, 3), (2, 3), r"\(2, 3\) and support_y \(2, 3\).*expected"),
        ((7, 1, 4, 4), (2, 0), (2, 0), "support is empty"),
    ],
)
def test_tasks_whose_shapes_do_not_belong_together_are_refused(gathered, pool, index, labels, complaint):
    support_index, support_y = (torch.zeros(shape, dtype=torch.long) for shape in (index, labels))
    tasks = SharedTasks(torch.rand(pool), support_index, support_y, support_index, support_y)
    with pytest.raises(UserError, match=complaint):
        check_tasks(tasks.gathered() if gathered else tasks)


@pytest.mark.parametrize("shape", [(3, 5, 1, 4, 4), (5, 1, 4, 4), (2, 5)])
def test_queries_of_another_number_of_tasks_are_refused(shape):
    with pytest.raises(UserError, match=rf"query_x has shape {re.escape(str(shape))}.*state holds 2 tasks"):
        check_query(torch.rand(shape), 2)


def test_queries_unlike_the_support_are_refused_with_both_shapes():
    with pytest.raises(UserError, match=r"shape \(1, 5, 5\).*had \(1, 4, 4\)"):
        check_query(torch.rand(2, 3, 1, 5, 5), 2, torch.Size([1, 4, 4]))


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)
