import itertools
import math
from fractions import Fraction

import pytest
import torch
from torch.distributions import Categorical, Independent

from quickstudy.core import Learner, Tasks, UserError
from quickstudy.evaluation import Interval
from quickstudy.evaluation.instance_table import (
    InstanceTable,
    accuracy_by_instance,
    appearances,
    as_sequence,
    evaluate_instances,
    first_instance_ceiling,
)
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4
from quickstudy.tasks.sequences import InstanceSequences, SequenceLayout


class PerfectMemory(Learner):
    """Knows a class by its only number; of a new one it guesses a label not yet used, and never forgets."""

    order_matters = True

    def adapt(self, support_x, support_y):
        raise NotImplementedError

    def predict(self, state, query_x):
        raise NotImplementedError

    def predict_sequence(self, x, y):
        assert not self.training
        num_tasks, length = x.shape[:2]
        ways = int(y.max()) + 1
        probabilities = torch.zeros(num_tasks, length, ways)
        for task, step in itertools.product(range(num_tasks), range(length)):
            known = (x[task, :step, 0] == x[task, step, 0]).nonzero()
            used = set(y[task, :step].tolist())
            guess = int(y[task, known[0]]) if len(known) else min(set(range(ways)) - used)
            probabilities[task, step, guess] = 1.0
        return Categorical(probs=probabilities)


class Constant(PerfectMemory):
    """Always says the first label."""

    def predict_sequence(self, x, y):
        logits = torch.zeros(*x.shape[:2], 5)
        logits[..., 0] = 1.0
        return Categorical(logits=logits)


@pytest.fixture
def sequences() -> InstanceSequences:
    """Five classes of forty, each known by its number; three drawings of each."""
    return InstanceSequences(torch.arange(40.0)[:, None, None].expand(40, 3, 1), SequenceLayout(classes=5, instances=3))


def test_appearances_count_within_each_sequence():
    labels = torch.tensor([[0, 1, 0, 0, 1], [2, 2, 2, 0, 2]])
    assert appearances(labels).tolist() == [[1, 1, 2, 3, 2], [1, 2, 3, 1, 4]]


def test_strings_are_the_same_only_if_all_their_characters_are():
    one, other = [0, 1, 2, 3, 4], [0, 1, 2, 3, 0]
    assert appearances(torch.tensor([[one, other, one, other, other]])).tolist() == [[1, 1, 2, 2, 3]]


def test_accuracy_is_averaged_over_the_classes_that_come_so_often():
    labels = torch.tensor([[0, 1, 0, 0, 1], [2, 2, 2, 2, 2]])
    is_right = torch.tensor([[True, False, True, False, False], [False, True, True, True, True]])
    found = accuracy_by_instance(is_right, appearances(labels), 4)
    expected = [[0.5, 0.5, 0.0, math.nan], [0.0, 1.0, 1.0, 1.0]]
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), equal_nan=True)


def test_the_ceiling_of_the_first_instance_is_that_of_every_way_to_deal_the_labels():
    right, cases = 0, list(itertools.permutations(range(5)))
    for labels in cases:
        for step, label in enumerate(labels):
            right += label == min(set(range(5)) - set(labels[:step]))
    exact = Fraction(right, 5 * len(cases))
    assert exact == Fraction(137, 300)
    assert first_instance_ceiling(5) == pytest.approx(float(exact), abs=1e-15)


@pytest.mark.parametrize(("classes", "percent"), [(2, 75.0), (5, 45.7), (10, 29.3), (15, 22.1)])
def test_the_ceilings_are_those_of_the_specification(classes, percent):
    assert round(100 * first_instance_ceiling(classes), 1) == percent


def test_a_string_is_one_of_all_there_are():
    assert first_instance_ceiling(5, labels_are_strings=True) == 1 / 3125


def test_a_perfect_memory_reaches_the_ceiling_first_and_everything_after(sequences):
    table = evaluate_instances(PerfectMemory(), sequences, 400, num_instances=3)
    first = table.accuracy[0]
    assert abs(first.mean - first_instance_ceiling(5)) < 1.5 * first.interval95
    assert first.interval95 < 0.025
    assert [interval.mean for interval in table.accuracy[1:]] == [1.0, 1.0]
    assert table.sequences == 400
    assert table.by_sequence.shape == (400, 3)


def test_who_says_always_the_same_is_right_by_chance_at_every_instance(sequences):
    table = evaluate_instances(Constant(), sequences, 100, num_instances=3)
    assert [interval.mean for interval in table.accuracy] == pytest.approx([0.2, 0.2, 0.2])


class AlmostSpelled(PerfectMemory):
    """Told the answers, it misspells the last character in the first half of a sequence."""

    def predict_sequence(self, x, y):
        said = y.clone()
        said[:, : y.shape[1] // 2, 4] = (said[:, : y.shape[1] // 2, 4] + 1) % 5
        return Independent(Categorical(logits=100 * torch.nn.functional.one_hot(said, 5)), 1)


def test_a_string_is_right_only_if_all_its_characters_are():
    images = torch.arange(20.0)[:, None, None].expand(20, 4, 1)
    one_class = InstanceSequences(images, SequenceLayout(classes=1, instances=4, labels="strings"))
    table = evaluate_instances(AlmostSpelled(), one_class, 20, num_instances=4)
    assert [interval.mean for interval in table.accuracy] == [0.0, 0.0, 1.0, 1.0]


def test_an_instance_no_sequence_has_is_not_a_number(sequences):
    table = evaluate_instances(Constant(), sequences, 50, num_instances=5)
    assert [math.isnan(interval.mean) for interval in table.accuracy] == [False, False, False, True, True]


def test_sequences_without_an_instance_are_left_out_of_its_mean():
    images = torch.arange(40.0)[:, None, None].expand(40, 3, 1)
    table = evaluate_instances(Constant(), InstanceSequences(images, SequenceLayout(length=6)), 50, num_instances=3)
    third = table.by_sequence[:, 2]
    assert third.isnan().any()
    assert table.accuracy[2].mean == pytest.approx(float(third.nanmean()))


def test_after_the_first_each_sequence_counts_once_by_the_instances_it_has():
    nan = math.nan
    by_sequence = torch.tensor([[0.0, 1.0, 0.5], [1.0, 0.5, nan], [1.0, nan, nan]], dtype=torch.float64)
    table = InstanceTable((), 3, by_sequence)
    assert table.after_first == Interval.over(torch.tensor([0.75, 0.5]))
    assert math.isnan(InstanceTable((), 3, by_sequence[:, :1]).after_first.mean)


def test_after_the_first_a_perfect_memory_is_always_right(sequences):
    assert evaluate_instances(PerfectMemory(), sequences, 50, num_instances=3).after_first == Interval(1.0, 0.0)


def test_the_seed_alone_decides_which_sequences_are_asked(sequences):
    one = evaluate_instances(PerfectMemory(), sequences, 60, num_instances=3, seed=1)
    again = evaluate_instances(PerfectMemory(), sequences, 60, num_instances=3, seed=1)
    longer = evaluate_instances(PerfectMemory(), sequences, 110, num_instances=3, seed=1)
    other = evaluate_instances(PerfectMemory(), sequences, 60, num_instances=3, seed=2)
    assert torch.equal(one.by_sequence, again.by_sequence)
    assert torch.equal(one.by_sequence, longer.by_sequence[:60])
    assert not torch.equal(one.by_sequence, other.by_sequence)


def test_support_and_queries_are_read_in_a_row():
    x, y = torch.arange(10.0).view(1, 5, 2), torch.arange(5)[None]
    joined = as_sequence(Tasks(x[:, :3], y[:, :3], x[:, 3:], y[:, 3:]))
    assert torch.equal(joined[0], x)
    assert torch.equal(joined[1], y)


def test_the_learner_is_left_in_the_mode_it_came_in_and_progress_is_told(sequences):
    learner, told = Constant().train(), []
    evaluate_instances(learner, sequences, 70, num_instances=1, progress=told.append)
    assert learner.training
    assert told == [50, 70]


def test_a_learner_that_reads_no_sequences_is_refused(sequences):
    with pytest.raises(UserError, match="ProtoNet has no method predict_sequence"):
        evaluate_instances(ProtoNet(Conv4(channels=8)), sequences, 10)


def test_an_evaluation_of_nothing_is_refused(sequences):
    with pytest.raises(UserError, match="at least one"):
        evaluate_instances(Constant(), sequences, 0)
