import pytest
import torch

from quickstudy.baselines import Gittins, gittins_indices
from quickstudy.core import UserError
from quickstudy.evaluation import evaluate_trials, total_reward
from quickstudy.tasks import Bandits


def test_with_one_pull_left_the_index_is_the_mean() -> None:
    assert float(gittins_indices(1)[0, 0]) == pytest.approx(0.5, abs=1e-3)


def test_with_two_pulls_the_index_is_that_of_a_calculation_by_hand() -> None:
    # Pull once, and again after a success: ½ − r + ½ (⅔ − r) = 0 at r = 5/9.
    assert float(gittins_indices(2)[0, 0]) == pytest.approx(5 / 9, abs=1e-3)


def test_the_index_is_above_the_mean_and_falls_with_what_is_known() -> None:
    index = gittins_indices(50)
    successes, failures = torch.meshgrid(torch.arange(20), torch.arange(20), indexing="ij")
    mean = (successes + 1) / (successes + failures + 2)
    assert (index[:20, :20] >= mean - 1e-3).all()
    assert float(index[0, 0]) > float(index[4, 4]) > float(index[15, 15])
    assert (index[:20, :20].diff(dim=0) > 0).all()


@pytest.mark.parametrize(("pulls", "expected", "tasks"), [(10, 6.6, 2_000), (100, 78.3, 600)])
def test_the_index_gets_the_rewards_of_the_paper(pulls, expected, tasks, generator: torch.Generator) -> None:
    found = total_reward(evaluate_trials(Gittins(pulls, 5, generator), Bandits(5, pulls), tasks, seed=3))
    assert abs(found.mean - expected) < 1.5 * found.interval95


def test_a_horizon_without_a_pull_is_refused() -> None:
    with pytest.raises(UserError, match="horizon = 0"):
        gittins_indices(0)
