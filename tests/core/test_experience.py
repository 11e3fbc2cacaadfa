import pytest
import torch

from quickstudy.core import Experience, UserError, read_experience
from quickstudy.core.experience import check_observation


def _experience(**changed) -> Experience:
    fields = {
        "observation": torch.zeros(2, 3, 4),
        "action": torch.zeros(2, 3, dtype=torch.long),
        "reward": torch.zeros(2, 3),
        "ended": torch.zeros(2, 3, dtype=torch.bool),
    }
    return Experience(**{**fields, **changed})


def test_sound_experience_is_read() -> None:
    given = _experience()
    assert read_experience(given, (4,), 2) is given
    assert given.upto(2).action.shape == (2, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"observation": torch.zeros(2, 3, 5)}, r"\(tasks, steps, 4\) was expected"),
        ({"observation": torch.full((2, 3, 4), torch.nan)}, "NaN or infinite"),
        ({"action": torch.zeros(2, 2, dtype=torch.long)}, "action has the shape"),
        ({"action": torch.zeros(2, 3)}, "whole numbers from 0"),
        ({"action": torch.full((2, 3), 2)}, "there are 2 actions"),
        ({"action": torch.full((2, 3), -1)}, "there are 2 actions"),
        ({"reward": torch.full((2, 3), torch.inf)}, "reward holds numbers"),
        ({"ended": torch.zeros(3, 3).bool()}, "ended has the shape"),
    ],
)
def test_what_would_be_misread_is_refused(changed, message) -> None:
    with pytest.raises(UserError, match=message):
        read_experience(_experience(**changed), (4,), 2)


def test_actions_may_be_numbers() -> None:
    sound = _experience(action=torch.rand(2, 3, 2))
    assert read_experience(sound, (4,), 2, actions_are_values=True) is sound
    with pytest.raises(UserError, match=r"Give it the shape \(2, 3, 2\)"):
        read_experience(_experience(), (4,), 2, actions_are_values=True)


def test_experience_goes_on(generator: torch.Generator) -> None:
    first, then = _experience(), _experience(reward=torch.ones(2, 3))
    both = first.then(then)
    assert both.action.shape == (2, 6)
    assert torch.equal(both.reward[:, 3:], torch.ones(2, 3))
    assert torch.equal(both.upto(3).reward, first.reward)


def test_something_else_is_refused() -> None:
    with pytest.raises(UserError, match="an Experience was expected"):
        read_experience((1, 2), (4,), 2)


def test_an_observation_needs_tasks_and_queries() -> None:
    with pytest.raises(UserError, match="was expected"):
        check_observation(torch.zeros(4), (4,))
