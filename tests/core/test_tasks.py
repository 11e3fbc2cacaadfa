import itertools

import pytest
import torch
from torch import nn

from quickstudy.core import SharedTasks, Tasks, UserError, check_tasks, in_random_slots


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


@of_either_kind
def test_tasks_that_can_be_trained_on_are_accepted(gathered):
    check_tasks(tasks_of_a_kind(gathered))
    check_tasks(tasks_of_a_kind(gathered), max_ways=3)
    check_tasks(tasks_of_a_kind(gathered, None, (6,)))


@of_either_kind
@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([[0, 1, 7]], "label 7, but the learner reads labels 0 to 4, because it was built for 5 ways"),
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
