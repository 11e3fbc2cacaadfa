import json
from pathlib import Path

import acting_rules
from acting_rules import PUBLISHED, Options
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
