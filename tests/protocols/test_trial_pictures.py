from pathlib import Path

import pytest
import torch

from quickstudy.core import play
from quickstudy.learners import RL2, DecisionTransformer
from quickstudy.protocols.trial_pictures import trial_pictures, ways_through
from quickstudy.protocols.trial_rewards import OPTIMUM, trial_table
from quickstudy.tasks import Bandits, Mazes, MDPs, ShownTrials


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        (Bandits(3, 5), ["rewards", "regrets", "trial", "attention"]),
        (MDPs(3, 3, 2, 1), ["rewards"]),
        (Mazes(episode_length=4), ["rewards", "trial"]),
    ],
)
def test_each_environment_has_its_pictures(environment, names: list[str], tmp_path: Path) -> None:
    learner = DecisionTransformer(environment.num_actions, environment.observation_shape, channels=4, num_layers=1)
    table = trial_table(learner.eval(), ShownTrials(environment), 5, seed=0)
    drawings = trial_pictures(tmp_path, learner, table, "a title")
    assert [path.stem for path in drawings] == names
    for path, draw in drawings.items():
        draw()
        assert path.stat().st_size > 1_000


def test_what_looks_back_on_nothing_has_no_picture_of_attention(tmp_path: Path) -> None:
    learner = RL2(3, (1,), units=4).eval()
    table = trial_table(learner, ShownTrials(Bandits(3, 5)), 5, seed=0)
    assert "attention" not in {path.stem for path in trial_pictures(tmp_path, learner, table, "a title")}


def test_regrets_add_up_to_the_regret_of_the_table() -> None:
    learner = RL2(3, (1,), units=4).eval()
    table = trial_table(learner, ShownTrials(Bandits(3, 5)), 30, seed=0)
    for name, regret in table.regrets.items():
        assert float(regret.sum()) == pytest.approx(table.figures[name]["regret"].mean, abs=1e-4)
    assert not table.regrets[OPTIMUM].any()


def test_ways_lead_from_the_start_to_the_goal(generator: torch.Generator) -> None:
    mazes = Mazes()
    trials = play(None, mazes, 20, generator)
    ways = ways_through(mazes, trials, 20)
    for task, episodes in enumerate(ways):
        assert len(episodes) == 2
        for way in episodes:
            assert list(way[0]) == trials.world.start[task].tolist()
            assert list(way[-1]) == trials.world.goal[task].tolist()
            assert len(way) - 1 == trials.world.distance[task][way[0]]
            assert not any(trials.world.walls[task][square] for square in way)
