"""A task of any size becomes tasks that a learner was made for, and their predictions become one."""

import numpy as np
import pytest

from quickstudy.estimators.slots import Group, Limits, join_groups, make_groups


def groups_of(counts: list[int], limits: Limits, num_draws: int = 1) -> list[Group]:
    labels = np.repeat(np.arange(len(counts)), counts)
    return make_groups(labels, len(counts), limits, num_draws, np.random.RandomState(0))


def logs(*rows: list[float]) -> np.ndarray:
    return np.log(np.array(rows))


def test_a_task_within_the_limits_stays_as_it_is() -> None:
    (group,) = groups_of([2, 1, 3], Limits())
    assert group.classes.tolist() == [0, 1, 2]
    assert group.examples.tolist() == [0, 1, 2, 3, 4, 5]
    assert group.labels.tolist() == [0, 0, 1, 2, 2, 2]


@pytest.mark.parametrize(("classes", "ways"), [(10, 5), (7, 5), (6, 5), (40, 20), (9, 2)])
def test_each_round_has_every_class_once_in_groups_that_fit(classes: int, ways: int) -> None:
    groups = groups_of([1] * classes, Limits(ways=ways, has_slots=True))
    for number in range(groups[-1].round_index + 1):
        of_round = [group for group in groups if group.round_index == number]
        assert sorted(np.concatenate([group.classes for group in of_round])) == list(range(classes))
        assert all(len(group.classes) <= ways for group in of_round)


def test_labels_name_the_class_of_each_example() -> None:
    labels = np.repeat(np.arange(7), 3)
    for group in make_groups(labels, 7, Limits(ways=4, shots=2), 3, np.random.RandomState(0)):
        assert (group.classes[group.labels] == labels[group.examples]).all()


def test_all_examples_are_read_in_turns() -> None:
    groups = groups_of([9, 2], Limits(ways=5, shots=3, has_slots=True))
    assert all(np.bincount(group.labels).max() <= 3 for group in groups)
    assert set(np.concatenate([group.examples for group in groups])) == set(range(11))


def test_a_limit_of_all_examples_is_shared_by_the_classes() -> None:
    groups = groups_of([10] * 5, Limits(examples=25))
    assert all(len(group.examples) == 25 for group in groups)


def test_a_single_group_is_unchanged() -> None:
    group = Group(np.array([2, 0, 1]), np.arange(3), np.arange(3), 0)
    np.testing.assert_allclose(join_groups([logs([0.5, 0.3, 0.2])], [group], 3), [[0.3, 0.2, 0.5]])


def test_groups_that_agree_give_the_whole_prediction() -> None:
    whole = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    groups = groups_of([1] * 5, Limits(ways=3))
    said = [logs(list(whole[group.classes] / whole[group.classes].sum())) for group in groups]
    np.testing.assert_allclose(join_groups(said, groups, 5), [whole], atol=1e-3)


def test_no_single_group_excludes_a_class() -> None:
    classes = np.arange(2)
    groups = [Group(classes, classes, classes, number) for number in range(3)]
    with np.errstate(divide="ignore"):
        joined = join_groups([logs([1.0, 0.0]), logs([0.1, 0.9]), logs([0.1, 0.9])], groups, 2)
    assert joined[0, 1] > 0.05


def test_classes_without_an_example_have_no_probability() -> None:
    classes = np.arange(3)
    groups = [Group(classes, classes, classes, number) for number in range(2)]
    with np.errstate(divide="ignore"):
        joined = join_groups([logs([0.6, 0.4, 0.0])] * 2, groups, 3)
    np.testing.assert_allclose(joined, [[0.6, 0.4, 0.0]], atol=1e-3)


def test_no_queries_give_no_predictions() -> None:
    groups = groups_of([1] * 4, Limits(ways=2))
    assert join_groups([np.zeros((0, len(group.classes))) for group in groups], groups, 4).shape == (0, 4)
