from pathlib import Path

import torch
from PIL import Image

from quickstudy.core import play
from quickstudy.evaluation import trial_plots
from quickstudy.evaluation.trial_plots import (
    save_attention,
    save_bandit_trials,
    save_maze_trials,
    save_regrets,
    save_rewards,
)
from quickstudy.tasks import Bandits


def _counts(path: Path) -> dict[tuple[int, ...], int]:
    """How many pixels there are of each colour."""
    with Image.open(path) as picture:
        found = picture.convert("RGB").getcolors(100_000)
    assert found is not None
    return {colour: number for number, colour in found}  # type: ignore[misc]


def test_rewards_and_regrets_are_drawn(tmp_path: Path) -> None:
    for save in (save_rewards, save_regrets):
        save(tmp_path / "curves.png", {"learner": torch.rand(5), "random": torch.rand(5)}, "5 pulls")
        with Image.open(tmp_path / "curves.png") as picture:
            assert picture.size[0] > 500


def test_trials_have_a_green_or_red_square_for_each_pull(tmp_path: Path, generator: torch.Generator) -> None:
    trials = play(None, Bandits(3, 6), 4, generator)
    for count in (1, 2):
        save_bandit_trials(tmp_path / "trial.png", trials, count)
        found = _counts(tmp_path / "trial.png")
        green, red = (found.get(colour, 0) // 27**2 for colour in ((38, 150, 70), (205, 45, 45)))
        assert (green, green + red) == (int(trials.total[:count].sum()), 6 * count)


def test_one_reward_is_not_many() -> None:
    assert trial_plots._counted(1.0, 10) == "1 reward in 10 pulls"
    assert trial_plots._counted(0.0, 1) == "0 rewards in 1 pull"


def test_mazes_show_walls_goals_and_the_number_of_steps(tmp_path: Path) -> None:
    walls = torch.ones(2, 5, 5, dtype=torch.bool)
    walls[:, 1, 1:4] = False
    ways = [[[(1, 1), (1, 2), (1, 3)], [(1, 1), (1, 2)]]] * 2
    save_maze_trials(tmp_path / "maze.png", walls, torch.tensor([[1, 3], [1, 3]]), ways)
    found = _counts(tmp_path / "maze.png")
    assert found[70, 70, 80] // 21**2 == 4 * 22
    assert found[38, 150, 70] > 3 * 21**2  # Some of the squares are crossed by a way.
    assert found[60, 110, 190] > 0


def test_attention_is_drawn_darker_where_more_is_read(tmp_path: Path) -> None:
    weights = torch.zeros(2, 3, 3)
    weights[:, :, 0] = 1.0
    save_attention(tmp_path / "attention.png", weights, ["start", "1", "2"], "attention")
    found = _counts(tmp_path / "attention.png")
    assert sum(number for colour, number in found.items() if max(colour) < 20) > 8_000
