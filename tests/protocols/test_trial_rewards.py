import pytest
import torch

from quickstudy.baselines import Greedy
from quickstudy.core import UserError
from quickstudy.evaluation import evaluate_trials
from quickstudy.protocols.trial_rewards import LEARNER, OPTIMUM, figures, rules, trial_records, trial_table
from quickstudy.tasks import Bandits, GaussianProcesses, Mazes, MDPs, Navigation, PointLayout, ShownTrials


def test_the_learner_stands_beside_the_rules_in_the_same_worlds(generator: torch.Generator) -> None:
    table = trial_table(Greedy(3, generator), ShownTrials(Bandits(3, 5)), 40, seed=0)
    assert next(iter(table.figures)) == LEARNER
    assert list(table.figures)[-1] == OPTIMUM
    assert float(table.figures[OPTIMUM]["regret"].mean) == 0
    assert table.figures[LEARNER]["regret"].mean > 0
    assert all(len(curve) == 5 for curve in table.curves.values())
    best = table.figures[OPTIMUM]["reward"].mean
    assert float(table.curves[OPTIMUM].sum()) == pytest.approx(best, abs=1e-4)
    assert table.figures[LEARNER]["reward"].mean < best


@pytest.mark.parametrize(
    ("environment", "names", "rows"),
    [
        (Bandits(3, 5), ["reward", "regret"], {"Thompson", "Gittins index"}),
        (MDPs(num_episodes=1), ["reward", "normalised", "of the optimum"], {"PSRL", "UCRL2, scale 0.03"}),
        (Mazes(episode_length=4), ["reward", "steps, episode 1", "steps, episode 2"], {"random"}),
        (Navigation(3, 2, 1), ["reward", "practice episode", "later episode"], {"random"}),
    ],
)
def test_each_environment_has_its_own_figures_and_rules(environment, names, rows) -> None:
    assert list(figures(environment, evaluate_trials(None, environment, 10, seed=0))) == names
    assert rows < set(rules(environment, 0))


def test_gaussian_bandits_have_no_gittins_index() -> None:
    assert "Gittins index" not in rules(Bandits(3, 5, "gaussian"), 0)


def test_normalised_rewards_are_shares_of_the_published_number() -> None:
    environment = MDPs(num_episodes=2)
    found = figures(environment, evaluate_trials(None, environment, 200, seed=0))
    assert found["normalised"].mean == pytest.approx(found["reward"].mean / 41.54)
    assert found["of the optimum"].mean == pytest.approx(1.0, abs=0.05)


def test_steps_of_the_two_episodes_are_the_shortest_ways() -> None:
    environment = Mazes()
    trials = evaluate_trials(None, environment, 50, seed=0)
    found = figures(environment, trials)
    assert found["steps, episode 1"].mean == found["steps, episode 2"].mean
    assert float(trials[0].is_real.sum(dim=1).double().mean()) == 2 * found["steps, episode 1"].mean


def test_records_hold_the_learner_and_what_stands_beside_it(generator: torch.Generator) -> None:
    tables = {"5 pulls": trial_table(Greedy(3, generator), ShownTrials(Bandits(3, 5)), 20, seed=0)}
    (record,) = trial_records(tables, "bandit-snail", 0)
    assert (record["setting"], record["learner"], record["tasks"]) == ("5 pulls", "bandit-snail", 20)
    assert set(record["reward"]) == {"mean", "interval95"}
    assert LEARNER not in record["beside"]


def test_other_tasks_are_refused(generator: torch.Generator) -> None:
    with pytest.raises(UserError, match="trials in an environment were expected"):
        trial_table(Greedy(3, generator), GaussianProcesses(PointLayout(2, 2)), 5, seed=0)
