import sys
from typing import Any

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.experiments import Bandit, CartPole


def rewards(bandit: Bandit, arm: int, executions: int = 6) -> torch.Tensor:
    """(steps, B), if every execution always pulls this arm."""
    assert bandit.start(executions, torch.Generator().manual_seed(0)).shape == (executions, 0)
    found, is_over = [], torch.zeros(executions, dtype=torch.bool)
    while not is_over.all():
        _, reward, is_over = bandit.step(torch.full((executions,), arm))
        found.append(reward)
    return torch.stack(found)


def test_the_first_arm_of_a_fixed_bandit_always_pays() -> None:
    assert rewards(Bandit(3, length=5), 0).tolist() == [[1.0] * 6] * 5
    assert rewards(Bandit(3, length=5), 2).tolist() == [[0.0] * 6] * 5


def test_the_arm_of_a_redrawn_bandit_stays_within_an_execution() -> None:
    found = rewards(Bandit(2, "redrawn", length=4), 0, executions=400)
    assert bool((found == found[0]).all())
    assert float(found.mean()) == pytest.approx(0.5, abs=0.1)


def test_a_swapping_bandit_swaps_after_half_of_an_execution() -> None:
    assert rewards(Bandit(2, "swapping", length=6), 0)[:, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert rewards(Bandit(2, "swapping", length=6), 1)[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert rewards(Bandit(2, "swapping", length=6), 0)[:, 0].tolist() == [1, 1, 1, 0, 0, 0], "it starts anew"


def test_a_bandit_needs_arms_and_steps() -> None:
    with pytest.raises(UserError, match="1 arms"):
        Bandit(1)
    with pytest.raises(UserError, match="0 steps"):
        Bandit(length=0)


class Countdown:
    """Falls after as many steps as the seed says."""

    def reset(self, seed: int) -> tuple[list[float], dict]:
        self.left = 2 + seed % 3
        return [0.0, 0.0, 0.0, float(self.left)], {}

    def step(self, action: int) -> tuple[list[float], float, bool, bool, dict]:
        self.left -= 1
        return [0.0, 0.0, float(action), float(self.left)], 1.0, self.left == 0, False, {}


def test_cart_pole_pays_each_step_until_the_pole_falls() -> None:
    poles = CartPole(length=10, make=Countdown)
    seen = poles.start(8, torch.Generator().manual_seed(0))
    lengths, total, is_over = seen[:, 3].clone(), torch.zeros(8), torch.zeros(8, dtype=torch.bool)
    assert len(set(lengths.tolist())) > 1
    while not is_over.all():
        seen, reward, is_over = poles.step(torch.ones(8, dtype=torch.long))
        total += reward
    assert total.tolist() == lengths.tolist()
    assert seen[:, 2].tolist() == [1.0] * 8


def test_cart_pole_ends_after_its_length() -> None:
    poles = CartPole(length=1, make=Countdown)
    poles.start(3, torch.Generator().manual_seed(0))
    assert poles.step(torch.zeros(3, dtype=torch.long))[2].all()


def test_gymnasiums_cart_pole_falls_if_it_is_always_pushed_to_one_side() -> None:
    pytest.importorskip("gymnasium")
    poles = CartPole()
    assert poles.start(2, torch.Generator().manual_seed(0)).abs().max() <= 0.05
    steps, is_over = 0, torch.zeros(2, dtype=torch.bool)
    while not is_over.all():
        _, _, is_over = poles.step(torch.ones(2, dtype=torch.long))
        steps += 1
    assert 7 < steps < 13


def test_without_gymnasium_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: Any = None
    monkeypatch.setitem(sys.modules, "gymnasium", hidden)
    with pytest.raises(UserError, match=r"quickstudy\[rl\]"):
        CartPole().start(1, torch.Generator())
