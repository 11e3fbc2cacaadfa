import json
from pathlib import Path

import pytest

import acting_rules
from acting_rules import PUBLISHED, SIMULATED, Options, standard_errors_apart
from quickstudy.protocols.trial_rewards import rules
from quickstudy.tasks import Bandits, MDPs


def test_every_rule_has_its_reward_beside_what_was_published(tmp_path: Path) -> None:
    options = Options(tasks=20, pulls=(10,), arms=(5,), episodes=(1,), out=tmp_path / "found.json")
    assert acting_rules.main(options) == 0
    first, second = json.loads((tmp_path / "found.json").read_text())["settings"]
    assert (first["setting"], second["setting"]) == ("10 pulls, 5 arms", "1 episodes")
    assert set(first["published"]) <= set(first["reward"])
    assert first["reward"]["random"]["mean"] > 0


def test_what_was_published_is_of_rules_that_there_are() -> None:
    names = set(rules(Bandits(), 0)) | set(rules(MDPs(), 0))
    assert all(set(published) <= names for published in PUBLISHED.values())
    assert all(set(simulated) <= names for _, simulated in SIMULATED.values())


def test_the_distance_of_two_means_counts_both_standard_errors() -> None:
    assert standard_errors_apart({"mean": 5.5, "interval95": 1.96 * 0.3}, 5.0, 0.4) == pytest.approx(1.0)


@pytest.mark.skipif(not Options().out.exists(), reason="The rules were not measured.")
def test_rules_get_what_another_simulation_gives() -> None:
    settings = json.loads(Options().out.read_text())["settings"]
    apart = [number for each in settings for number in each["standard_errors_apart"].values()]
    assert len(apart) >= 20
    assert max(apart) < 3.5
    # By chance, about one of twenty is further away than two.
    assert sum(number > 2 for number in apart) <= 3
