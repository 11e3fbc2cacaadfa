import math
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.distributions import Distribution, Normal

from quickstudy.core import Learner, UserError, categorical
from quickstudy.evaluation import Interval, evaluate, expected_calibration_error
from quickstudy.evaluation.intervals import student
from quickstudy.learners import Nearest
from quickstudy.tasks import Episodes, Layout, ShotsOfEach, UnevenShots

LAYOUT = Layout(ways=3, shots=1, queries=4)


class Remembered(NamedTuple):
    classes_TS: torch.Tensor
    labels_TS: torch.Tensor


class Perfect(Learner):
    """Reads the class off the coded image, and answers with that class's label in the support."""

    def adapt(self, support_x, support_y):
        return Remembered(support_x[..., 0], support_y)

    def predict(self, state, query_x):
        is_same_TQS = query_x[..., :1] == state.classes_TS[:, None]
        label_TQ = (is_same_TQS * state.labels_TS[:, None]).sum(dim=-1)
        return categorical((nn.functional.one_hot(label_TQ, 3) == 0) * -1000.0)


class Constant(Learner):
    """Gives the same probabilities to every query, and notes what it is shown."""

    def __init__(self, probabilities=(0.7, 0.2, 0.1), dtype=torch.float32):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probabilities, dtype=dtype).log())
        self.seen, self.modes = [], []

    def adapt(self, support_x, support_y):
        self.modes.append((self.training, torch.is_grad_enabled(), Distribution._validate_args))
        self.seen.append(support_x)
        return support_y

    def predict(self, state, query_x):
        self.seen.append(query_x)
        return categorical(self.logits.expand(*query_x.shape[:2], -1))


class Failing(Constant):
    def predict(self, state, query_x):
        raise RuntimeError("out of memory")


@pytest.fixture
def coded() -> Episodes:
    """Vectors that hold the number of their class."""
    return Episodes(torch.arange(10.0)[:, None, None].expand(-1, 6, 2).clone(), LAYOUT)


@pytest.fixture
def glyphs(glyph_images) -> Episodes:
    return Episodes(glyph_images, LAYOUT)


# Learners of known worth.


def test_a_perfect_learner_is_right_and_certain(coded):
    result = evaluate(Perfect(), coded, num_tasks=30)
    assert result.accuracy == Interval(1.0, 0.0)
    assert result.negative_log_likelihood == 0.0
    assert result.calibration_error == 0.0
    assert result.tasks == 30


def test_a_constant_learner_is_at_chance_and_scored_by_its_probabilities(coded):
    result = evaluate(Constant((0.7, 0.2, 0.1)), coded, num_tasks=20)
    assert result.accuracy.mean == pytest.approx(1 / 3)
    assert result.accuracy.interval95 == pytest.approx(0, abs=1e-12)
    assert result.negative_log_likelihood == pytest.approx(-math.log(0.7 * 0.2 * 0.1) / 3, rel=1e-6)
    assert result.calibration_error == pytest.approx(0.7 - 1 / 3, rel=1e-6)


def test_the_interval_is_over_tasks_not_queries(glyphs):
    result = evaluate(Nearest(), glyphs, num_tasks=40)
    assert result.accuracies.shape == (40,)
    assert (12 * result.accuracies == (12 * result.accuracies).round()).all()
    assert result.accuracy.mean == pytest.approx(result.accuracies.mean().item())
    assert result.accuracy.interval95 == pytest.approx(student(39) * result.accuracies.std().item() / math.sqrt(40))


# The same tasks for every learner.


def test_two_learners_see_the_same_tasks(glyphs):
    one, other = Constant(), Constant((0.1, 0.1, 0.8))
    evaluate(one, glyphs, num_tasks=20)
    evaluate(other, glyphs, num_tasks=20)
    assert all(torch.equal(a, b) for a, b in zip(one.seen, other.seen, strict=True))


def test_the_seed_decides_the_tasks(glyphs):
    one, same, other = (evaluate(Nearest(), glyphs, 50, seed=seed).accuracies for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("count", [1, 9, 10, 23])
def test_fewer_tasks_are_the_first_of_more(glyphs, count):
    many, few = (evaluate(Nearest(), glyphs, num_tasks) for num_tasks in (40, count))
    assert torch.equal(few.accuracies, many.accuracies[:count])
    assert few.accuracy == Interval.over(many.accuracies[:count])


def test_likelihood_and_calibration_are_of_the_tasks_counted_only(glyphs):
    alone = evaluate(Nearest(), glyphs, num_tasks=1)
    drawn = glyphs.sample(10, torch.Generator().manual_seed(0))
    prediction = Nearest().predict(Nearest().adapt(drawn.support_x, drawn.support_y), drawn.query_x)
    expected = -prediction.log_prob(drawn.query_y)[0].mean().item()
    confidence, answers = prediction.probs[0].max(dim=-1)
    is_correct = answers == drawn.query_y[0]
    assert alone.accuracy.mean == pytest.approx(is_correct.double().mean().item())
    assert alone.negative_log_likelihood == pytest.approx(expected, abs=1e-6)
    assert alone.calibration_error == pytest.approx(expected_calibration_error(confidence, is_correct), abs=1e-6)


def test_the_global_random_numbers_do_not_matter(glyphs):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = evaluate(Nearest(), glyphs, 20).accuracies
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    assert torch.equal(evaluate(Nearest(), glyphs, 20).accuracies, first)


def test_the_difference_of_two_learners_is_taken_task_by_task(coded, glyphs):
    better, worse = evaluate(Nearest(), glyphs, 50), evaluate(Constant(), glyphs, 50)
    gain = better.minus(worse)
    difference = better.accuracies - worse.accuracies
    assert gain.mean == pytest.approx(better.accuracy.mean - worse.accuracy.mean)
    assert gain.interval95 == pytest.approx(student(49) * difference.std().item() / math.sqrt(50))
    assert worse.minus(better).mean == -gain.mean
    assert better.minus(better) == Interval(0.0, 0.0)


def test_the_difference_on_a_single_task_has_no_interval(glyphs):
    gain = evaluate(Nearest(), glyphs, 1).minus(evaluate(Constant(), glyphs, 1))
    assert gain.interval95 is None
    assert gain.mean == evaluate(Nearest(), glyphs, 1).accuracy.mean - evaluate(Constant(), glyphs, 1).accuracy.mean


# Tasks of any size.


def test_tasks_of_varying_ways_count_the_same_and_so_do_queries_in_the_likelihood(coded):
    varied = Episodes(coded.images, Layout(ways=(2, 5), shots=1, queries=4))
    probabilities = 0.4, 0.3, 0.1, 0.1, 0.1
    learner = Constant(probabilities)
    found = evaluate(learner, varied, num_tasks=60)
    ways = [x.shape[1] for x in learner.seen[::2] for _ in range(len(x))]
    assert len(set(ways)) > 1
    assert torch.allclose(found.accuracies, 1 / torch.tensor(ways, dtype=torch.float64))
    assert found.accuracy.mean == pytest.approx(sum(1 / count for count in ways) / 60)
    likelihoods = [-math.log(probability) for count in ways for probability in probabilities[:count]]
    assert found.negative_log_likelihood == pytest.approx(sum(likelihoods) / len(likelihoods), rel=1e-6)
    is_right = 60 / sum(ways)
    assert found.calibration_error == pytest.approx(abs(0.4 - is_right), rel=1e-5)


def test_tasks_of_varying_shots_can_be_evaluated(glyph_images):
    found = evaluate(Nearest(), Episodes(glyph_images, Layout(ways=3, shots=(1, 5), queries=4)), num_tasks=40)
    assert found.accuracies.shape == (40,)
    assert found.accuracy.mean > 0.4


class Largest(Learner):
    """Answers with the class that has the most examples, whatever the query, and notes the labels it is shown."""

    def __init__(self):
        super().__init__()
        self.labels = []

    def adapt(self, support_x, support_y):
        self.labels.append(support_y)
        return support_y

    def predict(self, state, query_x):
        counts_TN = nn.functional.one_hot(state, 3).sum(dim=1)
        logits_TN = (counts_TN == counts_TN.amax(dim=1, keepdim=True)).float() * 9
        return categorical(logits_TN[:, None].expand(-1, query_x.shape[1], -1))


def test_where_classes_differ_in_their_shots_the_accuracy_is_told_for_each_number(coded):
    found = evaluate(Largest(), Episodes(coded.images, Layout(3, ShotsOfEach((4, 1, 1)), 2)), num_tasks=25)
    assert found.by_shots == {1: Interval(0.0, 0.0), 4: Interval(1.0, 0.0)}
    assert found.accuracy.mean == pytest.approx(1 / 3)


def test_accuracy_by_shots_is_over_the_tasks_that_have_a_class_of_as_many(coded):
    learner = Largest()
    found = evaluate(learner, Episodes(coded.images, Layout(3, UnevenShots(1, 4), 2)), num_tasks=40)
    shares: dict[int, list[tuple[float, int]]] = {}
    counts = torch.cat([nn.functional.one_hot(each, 3).sum(dim=1) for each in learner.labels]).tolist()
    for index, labels in enumerate(counts):
        answer = labels.index(max(labels))
        for number in set(labels):
            shares.setdefault(number, []).append(((labels[answer] == number) / labels.count(number), index // 10))
    assert len(found.by_shots) > 2
    assert found.by_shots.keys() == shares.keys()
    for number, found_there in shares.items():
        values, batches = (torch.tensor(each, dtype=torch.float64) for each in zip(*found_there, strict=True))
        expected = Interval.over(values, batches)  # All tasks of a batch share the drawn shots.
        assert found.by_shots[number].mean == pytest.approx(expected.mean)
        assert found.by_shots[number].interval95 == pytest.approx(expected.interval95)


def test_where_all_classes_have_as_many_shots_nothing_is_told_by_shots(coded, glyphs):
    assert evaluate(Largest(), Episodes(coded.images, Layout(3, ShotsOfEach((2, 2, 2)), 2)), 10).by_shots == {}
    assert evaluate(Nearest(), glyphs, 10).by_shots == {}


def test_only_the_tasks_that_count_are_asked(coded):
    learner = Constant()
    evaluate(learner, coded, num_tasks=13)
    assert [len(x) for x in learner.seen[::2]] == [10, 3]


# How the learner is treated.


@pytest.mark.parametrize("training", [True, False])
def test_the_learner_is_in_eval_mode_meanwhile_and_as_before_afterwards(coded, training):
    learner = Constant().train(training)
    evaluate(learner, coded, num_tasks=20)
    assert learner.training is training
    assert learner.modes == [(False, False, False)] * 2


@pytest.mark.parametrize("training", [True, False])
def test_a_failure_restores_the_learner_and_the_checks(coded, training):
    learner = Failing().train(training)
    with pytest.raises(RuntimeError, match="out of memory"):
        evaluate(learner, coded, num_tasks=20)
    assert learner.training is training
    assert Distribution._validate_args is True
    assert torch.is_grad_enabled()


def test_nothing_in_the_learner_changes(glyphs):
    learner = Constant()
    before = learner.logits.clone()
    evaluate(learner, glyphs, num_tasks=10)
    assert torch.equal(learner.logits, before)
    assert learner.logits.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tasks_come_in_the_precision_of_the_learner(coded, dtype):
    learner = Constant(dtype=dtype)
    evaluate(learner, coded, num_tasks=10)
    assert {x.dtype for x in learner.seen} == {dtype}


@pytest.mark.parametrize(("num_tasks", "expected"), [(3, [3]), (10, [10]), (23, [10, 20, 23])])
def test_progress_counts_the_tasks_done(coded, num_tasks, expected):
    done = []
    evaluate(Constant(), coded, num_tasks, progress=done.append)
    assert done == expected


# What cannot be.


@pytest.mark.parametrize("num_tasks", [0, -1])
def test_no_tasks_are_refused(coded, num_tasks):
    with pytest.raises(UserError, match="at least one"):
        evaluate(Constant(), coded, num_tasks)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_what_is_no_seed_is_refused(coded, seed):
    with pytest.raises(UserError, match=f"The seed {seed} was given"):
        evaluate(Constant(), coded, 10, seed=seed)


def test_a_learner_of_values_is_refused_with_the_remedy(coded):
    class Values(Constant):
        def predict(self, state, query_x):
            return Normal(query_x[..., 0], 1.0)

    with pytest.raises(UserError, match=r"A Normal was predicted.*evaluate_functions"):
        evaluate(Values(), coded, 10)


@pytest.mark.parametrize("label", [3, -1])
def test_queries_of_a_class_that_is_not_predicted_are_refused(coded, label):
    class Strange(Episodes):
        def sample(self, num_tasks, generator):
            tasks = super().sample(num_tasks, generator)
            return tasks._replace(query_y=tasks.query_y.index_fill(1, torch.tensor([0]), label))

    with pytest.raises(UserError, match=f"query_y holds label {label}, but classes 0 to 2 were predicted"):
        evaluate(Constant(), Strange(coded.images, LAYOUT), 10)


def test_a_prediction_that_does_not_match_the_answers_is_refused_by_both_shapes(coded):
    class OneForAll(Constant):
        def predict(self, state, query_x):
            return categorical(self.logits.expand(len(query_x), 1, -1))

    with pytest.raises(UserError, match=r"query_y has shape \(10, 12\).*answers \(10, 1\)"):
        evaluate(OneForAll(), coded, 10)


def test_evaluations_of_different_tasks_are_not_subtracted(coded):
    with pytest.raises(UserError, match="10 and 20 tasks cannot be paired"):
        evaluate(Constant(), coded, 10).minus(evaluate(Constant(), coded, 20))
