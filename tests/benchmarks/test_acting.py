"""Both ways of acting that are compared choose by the same distributions."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("gymnasium")

import acting
from acting import Options, cached, recomputed
from quickstudy.core import play
from quickstudy.learners import SNAILPolicy
from quickstudy.tasks import Anything, Bandits


def test_both_ways_give_the_same_logits(generator: torch.Generator) -> None:
    learner = SNAILPolicy(3, (1,), num_steps=6, filters=4).eval()
    torch.nn.init.normal_(learner.policy.head.weight)
    experience = play(Anything(3, generator), Bandits(3, 6), 4, generator).experience
    with torch.no_grad():
        for one, other in zip(cached(learner, experience), recomputed(learner, experience), strict=True):
            assert torch.allclose(one, other, atol=1e-5)


def test_all_figures_are_written(tmp_path: Path) -> None:
    assert acting.main(Options(trials=2, pulls=4, out=tmp_path / "found.json")) == 0
    assert (tmp_path / "found.json").exists()
