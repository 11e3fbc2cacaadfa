import pytest

from quickstudy.learners import MAML
from quickstudy.recipes import build


@pytest.mark.parametrize("name", ["omniglot-maml", "omniglot-maml-dense", "omniglot-reptile"])
def test_the_tests_have_the_ways_of_the_training_and_two_numbers_of_shots(name: str) -> None:
    assert set(build(name, {"ways": 7}).test) == {"7-way 1-shot", "7-way 5-shot"}


def test_the_inner_loop_is_the_recipes() -> None:
    options = {
        "inner_rate": 0.3,
        "inner_steps": 2,
        "test_steps": 4,
        "test_rate": 0.2,
        "first_order": True,
        "is_transductive": False,
    }
    learner = build("omniglot-maml", options).learner
    assert isinstance(learner, MAML)
    assert (learner.inner_rate, learner.inner_steps, learner.test_steps, learner.first_order) == (0.3, 2, 4, True)
    assert learner.test_rate == 0.2
    assert not learner.is_transductive
