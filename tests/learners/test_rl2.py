import pytest
from torch import nn

from quickstudy.learners import RL2


@pytest.mark.parametrize(("cell", "kind", "parts"), [("gru", nn.GRU, 1), ("lstm", nn.LSTM, 2)])
def test_policy_and_value_network_have_the_cell_that_was_chosen(cell, kind, parts) -> None:
    learner = RL2(4, (2, 3), units=6, cell=cell)
    for network in (learner.policy, learner.value):
        assert isinstance(network.block.network, kind)
        # What is seen now, and the action, the reward and the end of the step before.
        assert (network.block.network.input_size, network.block.network.hidden_size) == (6 + 4 + 2, 6)
    assert [tuple(part.shape) for part in learner.prior(3).caches] == [(3, 6)] * parts


def test_who_only_imitates_needs_no_value_network() -> None:
    learner = RL2(4, (1,), units=6, has_value=False)
    assert learner.value is None
    assert not any(name.startswith("value") for name in learner.state_dict())
