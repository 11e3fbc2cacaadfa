import pytest
import torch

from quickstudy.learners import RL2, SNAILPolicy
from quickstudy.recipes import build
from quickstudy.tasks import Anything, Bandits, Mazes, MDPs, ShownTrials


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("bandit-snail-shown", Bandits(5, 10)),
        ("bandit-rl2-shown", Bandits(5, 100)),
        ("bandit-rl2-shown-50-arms", Bandits(50, 10)),
        ("mdp-snail-shown", MDPs()),
        ("maze-rl2", Mazes()),
    ],
)
def test_learners_act_in_the_worlds_of_their_recipe(name: str, environment) -> None:
    experiment = build(name, {})
    (source,) = experiment.test.values()
    for make in (experiment.train, experiment.validation, source):
        assert make(None).environment == environment
    assert experiment.practice is None
    assert experiment.learner.value is None
    assert experiment.in_own_trials == (name in ("maze-rl2", "bandit-rl2-shown"))


def test_a_rule_is_shown(generator: torch.Generator) -> None:
    options = {"pulls": 4, "arms": 3, "own_trials": False}
    shown = build("bandit-rl2-shown", options).train(None).sample(100, generator)
    action_TL, won_TL = shown.query_y, shown.support_y[..., 1] == 1
    assert torch.equal(action_TL, shown.support_y[..., 0].long())
    assert (action_TL[:, 0] == 0).all()
    assert (action_TL[won_TL[:, 0], 1] == 0).all()
    assert (action_TL[~won_TL[:, 0], 1] == 1).all()


def test_processes_are_shown_the_action_with_the_highest_mean_reward(generator: torch.Generator) -> None:
    shown = build("mdp-snail-shown", {"episodes": 2}).train(None).sample(100, generator)
    reward_T = shown.support_y[:, 0, 1]
    assert (shown.query_y[:, 0] == 0).all()
    again_T = shown.support_x[:, 10, 0] == 1
    assert again_T.all()
    is_first_return_T = (shown.support_x[:, 1:10, 0] == 0).all(dim=1)
    assert torch.equal(shown.query_y[is_first_return_T, 10], (reward_T < 1).long()[is_first_return_T])


def test_options_reach_the_networks() -> None:
    snail = build("mdp-snail-shown", {"filters": 8, "reach": 2}).learner
    assert isinstance(snail, SNAILPolicy)
    assert [block.out_channels for block in snail.policy.block.blocks] == [8, 16, 24, 32]
    recurrent = build("maze-rl2", {"units": 6}).learner
    assert isinstance(recurrent, RL2)
    assert recurrent.policy.head.in_features == 6


def test_a_search_gives_advice_in_mazes(generator: torch.Generator) -> None:
    trials = build("maze-rl2", {"cells": 2}).train(None)
    assert isinstance(trials, ShownTrials)
    assert trials.shows == "advised"
    own = trials.acted_by(Anything(4, generator)).sample(50, generator)
    is_goal_TLVV = own.support_x[:, :, 1]
    knows_the_way = is_goal_TLVV[:, :, 0, 1] == 1  # The goal is above.
    assert knows_the_way.any()
    assert (own.query_y[knows_the_way] == 0).all()
