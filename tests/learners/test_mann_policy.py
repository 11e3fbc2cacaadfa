"""What holds for MANN alone. What every learner that acts must obey is in test_sequence_policies.py."""

import torch

from quickstudy.core import play
from quickstudy.learners import MANNPolicy
from quickstudy.tasks import Bandits


def test_every_trial_begins_with_an_empty_memory(generator: torch.Generator) -> None:
    learner = MANNPolicy(3, (1,), hidden=8, slots=6, width=4).eval()
    state = learner.prior(2)
    assert float(state.caches.memory.memory.abs().max()) < 1e-5
    trials = play(learner, Bandits(3, 4), 2, generator)
    written = learner.extend(learner.prior(2), trials.experience).caches.memory.memory
    assert (written.abs().amax(dim=-1) > 1e-3).any(dim=1).all()


def test_policy_and_value_network_have_memories_of_the_same_size() -> None:
    learner = MANNPolicy(3, (1,), hidden=8, slots=6, width=4, heads=2)
    assert learner.value is not None
    assert [network.block.cell.sizes for network in (learner.policy, learner.value)] == [(6, 4, 2)] * 2
