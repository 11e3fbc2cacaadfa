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


def test_a_redrawn_arm_stays_for_its_period_and_changes_after_it() -> None:
    found = rewards(Bandit(2, "redrawn", length=40, period=10), 0, executions=50)
    parts = found.unflatten(0, (4, 10))
    assert (parts == parts[:, :1]).all()
    assert 0.3 < (parts[0, 0] == parts[1, 0]).float().mean() < 0.7


def test_a_bandit_needs_arms_and_steps() -> None:
    with pytest.raises(UserError, match="1 arms"):
        Bandit(1)
    with pytest.raises(UserError, match="0 steps"):
        Bandit(length=0)


def test_cart_pole_is_gymnasiums_step_by_step() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    generator = torch.Generator().manual_seed(0)
    copies = [gymnasium.make("CartPole-v1").unwrapped for _ in range(8)]
    first = torch.stack([torch.as_tensor(copy.reset(seed=seed)[0]) for seed, copy in enumerate(copies)])
    poles = CartPole()
    poles.start_from(first)
    is_over_B = torch.zeros(8, dtype=torch.bool)
    lengths = []
    while not is_over_B.all():
        running = (~is_over_B).nonzero().flatten().tolist()
        action_B = torch.randint(2, (8,), generator=generator)
        seen, reward_B, is_over_B = poles.step(action_B)
        assert reward_B.sum() == len(running), "an execution that is over pays nothing"
        for place in running:
            other, reward, ended, *_ = copies[place].step(int(action_B[place]))
            assert torch.allclose(seen[place], torch.as_tensor(other), atol=1e-5)
            assert (reward_B[place], is_over_B[place]) == (reward, ended)
        lengths.append(len(running))
    assert len(set(lengths)) > 3, "executions ended at different times"


def test_a_pole_that_leans_to_where_it_is_pushed_falls_further() -> None:
    poles = CartPole(length=5)
    poles.start_from(torch.tensor([[0.0, 0.0, 0.1, 0.0]] * 2))
    seen, *_ = poles.step(torch.tensor([0, 1]))
    assert seen[0, 3] > 0 > seen[1, 3]
    assert seen[0, 1] < 0 < seen[1, 1]


def test_cart_pole_starts_near_the_middle_and_stands_still_once_it_is_over() -> None:
    poles = CartPole()
    assert poles.start(50, torch.Generator().manual_seed(0)).abs().max() <= 0.05
    poles.start_from(torch.tensor([[2.39, 5.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    right = torch.ones(2, dtype=torch.long)
    before, _, is_over_B = poles.step(right)
    assert is_over_B.tolist() == [True, False]
    after, reward_B, _ = poles.step(right)
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
    assert reward_B.tolist() == [0.0, 1.0]


def test_cart_pole_ends_after_its_length() -> None:
    poles = CartPole(length=1)
    poles.start(3, torch.Generator().manual_seed(0))
    assert poles.step(torch.zeros(3, dtype=torch.long))[2].all()
    with pytest.raises(UserError, match="length = 0"):
        CartPole(length=0)


def test_cart_pole_falls_if_it_is_always_pushed_to_one_side() -> None:
    poles = CartPole()
    poles.start(2, torch.Generator().manual_seed(0))
    steps, is_over = 0, torch.zeros(2, dtype=torch.bool)
    while not is_over.all():
        _, _, is_over = poles.step(torch.ones(2, dtype=torch.long))
        steps += 1
    assert 7 < steps < 13
