"""Pictures of acting: rewards and regret beside those of rules, single trials, and what a learner looks back on."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from torch import Tensor

from quickstudy.core import Trials
from quickstudy.evaluation.plots import empty_figure, plain_axes

_CELL, _LEFT, _TOP = 30, 150, 34
_INK, _PAPER, _GREY = (30, 30, 30), (255, 255, 255), (225, 225, 225)
_GAIN, _NOTHING = (38, 150, 70), (205, 45, 45)
_SQUARE, _WALL, _FLOOR, _WAY = 22, (70, 70, 80), (240, 240, 240), (60, 110, 190)
_DPI, _GREYS = 80, 64


def save_rewards(path: Path, curves: Mapping[str, Tensor], title: str) -> None:
    """Draw the mean reward at each step, a line for each row of a table.

    Args:
        path: the picture.
        curves: by name, (L,). The first one is drawn thick.
        title: above the picture.

    Raises:
        UserError: if matplotlib is not installed.
    """
    _save_lines(path, curves, title, "mean reward")


def save_regrets(path: Path, regrets: Mapping[str, Tensor], title: str) -> None:
    """Draw what was lost so far by not doing the best action at each step: the regret, a line for each row of a table.

    Args:
        path: the picture.
        regrets: by name, the mean regret of each step (L,). The first one is drawn thick.
        title: above the picture.

    Raises:
        UserError: if matplotlib is not installed.
    """
    _save_lines(path, {name: each.cumsum(dim=0) for name, each in regrets.items()}, title, "regret so far")


def _save_lines(path: Path, curves: Mapping[str, Tensor], title: str, label: str) -> None:
    figure = empty_figure(7, 4.2)
    axes = plain_axes(figure)
    for index, (name, curve) in enumerate(curves.items()):
        steps = range(1, len(curve) + 1)
        # The learner's line is the last to be drawn, so that no other hides it.
        width, order = (1.2, 2) if index else (2.8, 3)
        colour = f"C{index - 1}" if index else "black"  # Far apart: the lines lie close together.
        axes.plot(steps, curve.tolist(), color=colour, linewidth=width, label=name, zorder=order)
    axes.set(xlabel="step of the trial", ylabel=label)
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=_DPI, bbox_inches="tight")


def save_bandit_trials(path: Path, trials: Trials, count: int = 3) -> None:
    """Draw the first trials, one below the other: a row for each arm with its mean, a column for each pull.

    A pulled arm is green where it gave a reward, and red where it gave nothing.

    Args:
        path: the picture.
        trials: of a bandit with rewards of 0 and 1.
        count: how many trials.
    """
    count = min(count, len(trials.total))
    num_pulls, num_arms = trials.experience.action.shape[1], trials.world.means.shape[1]
    height = _TOP + _CELL * num_arms + 12
    sheet = Image.new("RGB", (_LEFT + _CELL * num_pulls + 12, height * count), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for index in range(count):
        _draw_bandit(pen, trials, index, height * index)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _draw_bandit(pen: ImageDraw.ImageDraw, trials: Trials, index: int, above: int) -> None:
    means, arms = trials.world.means[index].tolist(), trials.experience.action[index].tolist()
    rewards = trials.experience.reward[index].tolist()
    pen.text((12, above + 12), f"trial {index + 1}: {_counted(sum(rewards), len(arms))}", fill=_INK)
    for arm, mean in enumerate(means):
        top = above + _TOP + _CELL * arm
        best = ", the best" if mean == max(means) else ""
        pen.text((12, top + 8), f"arm {arm + 1}: {mean:.2f}{best}", fill=_INK)
        for pull, pulled in enumerate(arms):
            colour = _GREY if pulled != arm else _GAIN if rewards[pull] > 0 else _NOTHING
            left = _LEFT + _CELL * pull
            pen.rectangle((left, top, left + _CELL - 4, top + _CELL - 4), fill=colour)


def _counted(rewards: float, pulls: int) -> str:
    """How many rewards there were in how many pulls, in words."""
    return f"{rewards:.0f} {'reward' if rewards == 1 else 'rewards'} in {pulls} {'pull' if pulls == 1 else 'pulls'}"


Way = Sequence[tuple[int, int]]
"""Squares, row and column, that were visited one after another in an episode."""


def save_maze_trials(path: Path, walls: Tensor, goals: Tensor, ways: Sequence[Sequence[Way]]) -> None:
    """Draw trials in mazes: a row for each, a picture for each episode with the way that was gone.

    Args:
        path: the picture.
        walls: (T, G, G) booleans.
        goals: (T, 2), row and column.
        ways: for each trial, the way of each episode.
    """
    side = _SQUARE * walls.shape[-1]
    across = max(len(each) for each in ways)
    sheet = Image.new("RGB", ((side + 12) * across + 12, (side + _TOP) * len(ways) + 12), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for row, episodes in enumerate(ways):
        for column, way in enumerate(episodes):
            corner = 12 + (side + 12) * column, _TOP + (side + _TOP) * row
            pen.text((corner[0], corner[1] - 18), f"episode {column + 1}: {len(way) - 1} steps", fill=_INK)
            _draw_way(pen, corner, walls[row], goals[row].tolist(), way)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _draw_way(pen: ImageDraw.ImageDraw, corner: tuple[int, int], walls: Tensor, goal: Sequence[int], way: Way) -> None:
    for row, squares in enumerate(walls.tolist()):
        for column, is_wall in enumerate(squares):
            colour = _WALL if is_wall else _GAIN if [row, column] == list(goal) else _FLOOR
            left, top = corner[0] + _SQUARE * column, corner[1] + _SQUARE * row
            pen.rectangle((left, top, left + _SQUARE - 2, top + _SQUARE - 2), fill=colour)
    # A step further to the right and down each time that a square is visited, so that ways back do not hide each other.
    visits: dict[tuple[int, int], int] = {}
    points = []
    for row, column in way:
        shift = 3 * min(visits.get((row, column), 0), 3)
        visits[row, column] = visits.get((row, column), 0) + 1
        points.append((corner[0] + _SQUARE * column + 6 + shift, corner[1] + _SQUARE * row + 6 + shift))
    pen.line(points, fill=_WAY, width=3)
    left, top = points[0]
    pen.ellipse((left - 5, top - 5, left + 5, top + 5), fill=_WAY)


def save_attention(path: Path, weights: Tensor, steps: Sequence[str], title: str) -> None:
    """Draw how much each step of a trial reads of each step, a panel for each head.

    Args:
        path: the picture.
        weights: (H, L, L).
        steps: what each step brought, in a few letters.
        title: above the picture.

    Raises:
        UserError: if matplotlib is not installed.
    """
    num_heads, length = len(weights), len(steps)
    across = min(num_heads, 2)
    down = -(-num_heads // across)
    figure = empty_figure(4.2 * across + 0.6, 3.9 * down)
    for head, weights_LL in enumerate(weights):
        axes = figure.add_subplot(down, across, head + 1)
        axes.imshow(weights_LL.tolist(), cmap="Greys", vmin=0, vmax=1)
        axes.set_xticks(range(length), steps, fontsize=7, rotation=90)
        axes.set_yticks(range(length), [str(step + 1) for step in range(length)], fontsize=7)
        axes.set(xlabel="step that is read: what was done before it", ylabel="step that reads")
        if num_heads > 1:
            axes.set_title(f"head {head + 1}", fontsize=9)
    figure.suptitle(title, fontsize=10)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=_DPI, bbox_inches="tight")
    # All of it is grey, and few greys make a small file.
    Image.open(drawn).convert("RGB").quantize(_GREYS).save(path, optimize=True)
