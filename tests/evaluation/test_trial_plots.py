from pathlib import Path

import torch
from PIL import Image

from quickstudy.core import play
from quickstudy.evaluation.trial_plots import save_bandit_trial, save_rewards
from quickstudy.tasks import Bandits


def test_rewards_are_drawn(tmp_path: Path) -> None:
    save_rewards(tmp_path / "rewards.png", {"learner": torch.rand(5), "random": torch.rand(5)}, "5 pulls")
    with Image.open(tmp_path / "rewards.png") as picture:
        assert picture.size[0] > 500


def test_a_trial_has_a_green_or_red_square_for_each_pull(tmp_path: Path, generator: torch.Generator) -> None:
    trials = play(None, Bandits(3, 6), 2, generator)
    save_bandit_trial(tmp_path / "trial.png", trials)
    with Image.open(tmp_path / "trial.png") as picture:
        colours = picture.convert("RGB").getcolors(10_000)
    assert colours is not None
    count = {colour: number for number, colour in colours}
    square = 31 * 31
    green, red = (count.get(colour, 0) // square for colour in ((38, 150, 70), (205, 45, 45)))
    assert (green, green + red) == (int(trials.total[0]), 6)
