"""Pictures of acting: the reward at each step beside that of rules, and one trial, arm by arm."""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from quickstudy.core import Trials
from quickstudy.evaluation.plots import colours, empty_figure, plain_axes

_CELL, _LEFT, _TOP = 34, 150, 34
_INK, _PAPER, _GREY = (30, 30, 30), (255, 255, 255), (225, 225, 225)
_GAIN, _NOTHING = (38, 150, 70), (205, 45, 45)


def save_rewards(path: Path, curves: Mapping[str, Tensor], title: str) -> None:
    """Draw the mean reward at each step, a line for each row of a table.

    Args:
        path: the picture.
        curves: by name, (L,). The first one is drawn thick.
        title: above the picture.

    Raises:
        UserError: if matplotlib is not installed.
    """
    figure = empty_figure(7, 4.2)
    axes = plain_axes(figure)
    for index, ((name, curve), colour) in enumerate(zip(curves.items(), colours(len(curves)), strict=True)):
        steps = range(1, len(curve) + 1)
        axes.plot(steps, curve.tolist(), color=colour, linewidth=1.2 if index else 2.8, label=name)
    axes.set(xlabel="step of the trial", ylabel="mean reward")
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=150, bbox_inches="tight")


def save_bandit_trial(path: Path, trials: Trials) -> None:
    """Draw the first trial: a row for each arm with its mean, a column for each pull.

    A pulled arm is green where it gave a reward, and red where it gave nothing.

    Args:
        path: the picture.
        trials: of a bandit with rewards of 0 and 1.
    """
    means, arms = trials.world.means[0].tolist(), trials.experience.action[0].tolist()
    rewards = trials.experience.reward[0].tolist()
    sheet = Image.new("RGB", (_LEFT + _CELL * len(arms) + 12, _TOP + _CELL * len(means) + 12), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((12, 10), f"one trial: {sum(rewards):.0f} rewards in {len(arms)} pulls", fill=_INK)
    for arm, mean in enumerate(means):
        top = _TOP + _CELL * arm
        best = ", the best" if mean == max(means) else ""
        pen.text((12, top + 10), f"arm {arm + 1}: {mean:.2f}{best}", fill=_INK)
        for pull, pulled in enumerate(arms):
            colour = _GREY if pulled != arm else _GAIN if rewards[pull] > 0 else _NOTHING
            left = _LEFT + _CELL * pull
            pen.rectangle((left, top, left + _CELL - 4, top + _CELL - 4), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
