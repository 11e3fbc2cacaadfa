"""What learners of fast weights share: queries branch off in parallel."""

import pytest
import torch

from quickstudy.learners import SRWM, DeltaNet
from quickstudy.networks.fast_stack import FastWeightSequences


@pytest.mark.parametrize("kind", [DeltaNet, SRWM])
def test_queries_are_answered_in_one_pass_without_a_copy_of_the_state(kind, monkeypatch):
    learner = kind(5, max_ways=3, channels=8, num_heads=2, hidden=16).eval()
    state, asked = learner.prior(2), []
    branches = FastWeightSequences.branches
    monkeypatch.setattr(
        FastWeightSequences,
        "branches",
        lambda self, state, z: asked.append((len(state.pending), tuple(z.shape))) or branches(self, state, z),
    )
    assert learner.predict(state, torch.rand(2, 7, 5)).probs.shape == (2, 7, 3)
    assert asked == [(2, (2, 7, 5))]
