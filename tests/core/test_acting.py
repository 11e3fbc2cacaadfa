import pytest
import torch

from quickstudy.core import Experience, UserError, select_tasks
from quickstudy.core.acting import labelled
from quickstudy.learners import RL2


@pytest.fixture
def experience(generator: torch.Generator) -> Experience:
    return Experience(
        torch.rand(3, 4, 2, generator=generator),
        torch.randint(3, (3, 4), generator=generator),
        torch.rand(3, 4, generator=generator),
        torch.rand(3, 4, generator=generator) < 0.5,
    )


def test_acting_and_adapting_are_the_same_thing(experience: Experience) -> None:
    learner = RL2(3, (2,), units=8).eval()
    support_y = torch.stack([experience.action.float(), experience.reward, experience.ended.float()], dim=-1)
    adapted = learner.adapt(experience.observation, support_y)
    extended = learner.extend(learner.prior(3), experience)
    assert all(torch.equal(*both) for both in zip(adapted.caches, extended.caches, strict=True))


def test_labels_are_action_reward_and_end(experience: Experience) -> None:
    support_y = torch.stack([experience.action.float(), experience.reward, experience.ended.float()], dim=-1)
    for found, given in zip(labelled(experience.observation, support_y), experience, strict=True):
        assert torch.equal(found, given)
    with pytest.raises(UserError, match=r"\(tasks, steps, 3\) was expected"):
        labelled(experience.observation, support_y[..., 0])


def test_a_mask_is_refused(experience: Experience) -> None:
    with pytest.raises(UserError, match="Leave it out"):
        RL2(3, (2,), units=8).adapt(experience.observation, torch.zeros(3, 4, 3), torch.ones(3, 4).bool())


def test_a_state_of_selected_tasks_predicts_the_same(experience: Experience) -> None:
    learner = RL2(3, (2,), units=8).eval()
    state = learner.extend(learner.prior(3), experience)
    observation = torch.rand(3, 2, 2)
    whole = learner.predict(state, observation).probs
    assert torch.allclose(whole[1:2], learner.predict(select_tasks(state, slice(1, 2)), observation[1:2]).probs)
