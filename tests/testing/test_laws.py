"""Each law by itself: what it lets pass, and what it finds. All of them together are in test_check_learner."""

import inspect

import pytest
import torch

from quickstudy.core import Tasks
from quickstudy.learners import Nearest, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.testing import LawBrokenError, laws, module_laws

SOUND = {"nearest": Nearest, "protonet": lambda: ProtoNet(Conv4(channels=8))}


@pytest.fixture
def exact(tasks: Tasks) -> Tasks:
    return tasks.to("cpu", torch.float64)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("learner", SOUND)
def test_a_sound_learner_keeps(law, learner: str, exact: Tasks) -> None:
    law(SOUND[learner]().double().eval(), exact)


def test_every_function_that_reads_as_a_law_is_one() -> None:
    public = {
        function
        for module in (laws, module_laws)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public == set(laws.LAWS)


class AnswersWithTheDifference(Nearest):
    """Broken in a way that each test below chooses."""

    def __init__(self, change) -> None:
        super().__init__()
        self.change = change

    def predict(self, state, query_x):
        return super().predict(state, self.change(query_x))


def test_a_mean_over_queries_or_over_tasks_is_found(exact: Tasks) -> None:
    over_queries = AnswersWithTheDifference(lambda x: x - x.mean(dim=1, keepdim=True))
    with pytest.raises(LawBrokenError, match="beside other queries"):
        laws.queries_do_not_see_each_other(over_queries, exact)
    laws.a_batch_equals_a_loop_over_its_tasks(over_queries, exact)
    over_queries.is_transductive = True
    laws.queries_do_not_see_each_other(over_queries, exact)

    over_tasks = AnswersWithTheDifference(lambda x: x - x.mean(dim=0, keepdim=True))
    with pytest.raises(LawBrokenError, match="others are in its batch"):
        laws.a_batch_equals_a_loop_over_its_tasks(over_tasks, exact)


def test_a_batch_size_that_is_remembered_breaks_a_sliced_state(exact: Tasks) -> None:
    with pytest.raises(LawBrokenError, match="taken out of its batch"):
        laws.a_sliced_state_predicts_the_same(AnswersWithTheDifference(lambda x: x + 0.1 * len(x) * x.flip(1)), exact)


def test_a_change_of_the_queries_in_place_is_found(exact: Tasks) -> None:
    with pytest.raises(LawBrokenError, match="changed the tasks"):
        laws.nothing_is_mutated(AnswersWithTheDifference(lambda x: x.mul_(2)), exact)


def test_answers_that_differ_each_time_are_found(exact: Tasks) -> None:
    with pytest.raises(LawBrokenError, match="differently a second time"):
        laws.nothing_is_mutated(AnswersWithTheDifference(lambda x: x + torch.rand_like(x)), exact)
