import pytest
import torch

from quickstudy.baselines.planning import most_favourable, planned


def test_a_plan_looks_ahead_to_the_end_of_the_episode() -> None:
    # In state 0, action 1 costs 1 now and leads to state 1, where every action gives 5.
    transitions = torch.tensor([[[[1.0, 0], [0, 1]], [[0, 1], [0, 1]]]])
    rewards = torch.tensor([[[0.0, -1], [5, 5]]])
    plan = planned(transitions, rewards, 2)
    assert plan[0, 0, 0].tolist() == [0, 4]
    assert plan[0, 1, 0].tolist() == [0, -1]


def test_the_most_favourable_transitions_move_half_the_width_to_the_best_state() -> None:
    mean = torch.tensor([[[[0.5, 0.3, 0.2]]]])
    value = torch.tensor([[1.0, 10.0, 5.0]])
    found = [float(most_favourable(mean, torch.tensor([[[width]]]), value)) for width in (0.0, 0.4, 2.0)]
    assert found == pytest.approx([0.5 + 3 + 1, 0.3 + 5 + 1, 10.0])
