import json
from pathlib import Path

import pytest

from quickstudy.core import save_checkpoint
from quickstudy.recipes import build

SMALL = {"units": 4, "arms": 3, "pulls": 4}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with the weights that the recipe starts with."""
    folder = tmp_path_factory.mktemp("acting")
    header = {"format": 2, "recipe": "bandit-rl2", "arguments": SMALL, "step": 0}
    save_checkpoint(folder / "best.safetensors", build("bandit-rl2", SMALL).learner.state_dict(), header)
    return folder


def test_json_holds_the_reward_and_the_rules_beside_it(quickstudy, weights: Path) -> None:
    code, out, _ = quickstudy("evaluate", weights, "--tasks", 30, "--seed", 2, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["tasks"], found["seed"]) == (30, 2)
    (record,) = found["test"]
    assert record["setting"] == "4 pulls, 3 arms"
    assert 0 < record["reward"]["mean"] < 4
    assert {"random", "Thompson", "Gittins index"} <= set(record["beside"])


def test_the_table_has_a_row_for_each_rule(quickstudy, weights: Path) -> None:
    code, out, _ = quickstudy("evaluate", weights, "--tasks", 30)
    assert code == 0
    for row in ("this learner", "greedy", "UCB1", "knows the task"):
        assert row in out


def test_pictures_are_left_where_they_are_wanted(quickstudy, weights: Path, tmp_path: Path) -> None:
    code, _, error = quickstudy("evaluate", weights, "--tasks", 20, "--pictures", tmp_path / "new", "--json")
    assert code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"rewards.png", "regrets.png", "trial.png"}
    assert "regrets.png" in error


def test_options_of_classes_and_functions_are_refused(quickstudy, weights: Path) -> None:
    for option in (("--ways", 3), ("--support", 3)):
        code, _, error = quickstudy("evaluate", weights, *option)
        assert code == 2
        assert "acts in worlds that its recipe chooses" in error


def test_a_training_ends_with_a_table_and_pictures(quickstudy, tmp_path: Path) -> None:
    options = ("--units", 4, "--arms", 2, "--pulls", 3, "--steps", 2, "--tasks-per-step", 4, "--test-tasks", 20)
    code, out, _ = quickstudy("train", "bandit-rl2", *options, "--out", tmp_path / "run")
    assert code == 0
    assert "Thompson" in out
    assert {"best.safetensors", "evaluation.json", "rewards.png", "trial.png"} <= {
        path.name for path in (tmp_path / "run").iterdir()
    }
