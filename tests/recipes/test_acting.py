import pytest
import torch

from quickstudy.core import HasEnvironment
from quickstudy.recipes import RECIPES, build
from quickstudy.tasks import Bandits, Mazes, MDPs, Navigation

BANDITS = [name for name in RECIPES if name.startswith("bandit-") and "shown" not in name]


@pytest.mark.parametrize("name", BANDITS)
def test_learners_act_in_the_bandits_that_were_chosen(name: str) -> None:
    experiment = build(name, {"arms": 3, "pulls": 7, "rewards": "gaussian"})
    for source in (experiment.train, experiment.validation, *experiment.test.values()):
        tasks = source(None)
        assert isinstance(tasks, HasEnvironment)
        assert tasks.environment == Bandits(3, 7, "gaussian")
    assert (experiment.validate_by, list(experiment.test)) == ("trials", ["7 pulls, 3 arms"])


@pytest.mark.parametrize("name", BANDITS)
def test_a_learner_practises_or_imitates(name: str, generator: torch.Generator) -> None:
    experiment = build(name, {"arms": 3, "pulls": 4})
    imitates = name in ("bandit-dpt", "bandit-distillation")
    assert (experiment.practice is None) == imitates
    shown = experiment.train(None).sample(50, generator)
    if name == "bandit-distillation":
        assert torch.equal(shown.query_y, shown.support_y[..., 0].long())  # type: ignore[union-attr]
    else:
        assert (shown.query_y == shown.query_y[:, :1]).all()


def test_options_of_practice_reach_the_experiment() -> None:
    chosen = {"discount": 0.9, "trace": 0.5, "clip": 0.1, "epochs": 2, "minibatches": 3, "entropy": 0.5}
    practice = build("bandit-rl2", chosen).practice
    assert practice is not None
    assert {name: getattr(practice, name) for name in chosen} == chosen


def test_dpt_sees_random_actions_and_thompson_sampling(generator: torch.Generator) -> None:
    tasks = build("bandit-dpt", {"arms": 2, "pulls": 40}).train(None)
    # A random actor may hardly ever pull the best arm; Thompson sampling ends with it.
    shares = [
        float((shown.support_y[:, -10:, 0] == shown.query_y[:, -10:]).float().mean())  # type: ignore[union-attr]
        for shown in (tasks.sample(200, generator) for _ in range(12))
    ]
    assert min(shares) < 0.6 < 0.7 < max(shares)


def test_processes_and_mazes_are_those_that_were_chosen() -> None:
    chosen = {"states": 3, "choices": 2, "episode_length": 4, "episodes": 5}
    assert build("mdp-snail", chosen).train(None).environment == MDPs(3, 2, 4, 5)  # type: ignore[union-attr]
    chosen = {"cells": 4, "openings": 0.5, "sight": 2, "episode_length": 9, "episodes": 3}
    experiment = build("maze-snail", chosen)
    assert experiment.train(None).environment == Mazes(4, 0.5, 2, 9, 3)  # type: ignore[union-attr]
    assert list(experiment.test) == ["3 episodes, 4 cells a side"]


def test_maml_takes_its_gradient_step_after_the_episodes_of_practice() -> None:
    chosen = {"episode_length": 3, "practice_episodes": 4, "later_episodes": 5, "discount": 0.5, "first_order": True}
    experiment = build("navigation-maml", chosen)
    assert experiment.train(None).environment == Navigation(3, 4, 5)  # type: ignore[union-attr]
    learner = experiment.learner
    assert (learner.episodes, learner.discount, learner.first_order) == (4, 0.5, True)
