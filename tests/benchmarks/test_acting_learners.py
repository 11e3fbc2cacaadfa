import json
import shutil
from pathlib import Path

import pytest
import torch

import acting_learners
import quickstudy.pretrained
from acting_learners import Options, share_more


def test_a_learner_is_compared_with_rules_in_the_same_worlds(tmp_path: Path) -> None:
    options = Options(tasks=20, beside=("Thompson", "knows the task"), folder=tmp_path)
    assert acting_learners.main(("bandit-rl2",), options) == 0
    record = json.loads((tmp_path / "acting-bandit-rl2.json").read_text())
    assert list(record["beside"]) == ["Thompson", "knows the task"]
    thompson = record["beside"]["Thompson"]
    assert thompson["learner_more"]["mean"] == pytest.approx(record["reward"]["mean"] - thompson["reward"]["mean"])
    more = record["regret"]["mean"] / thompson["regret"]["mean"] - 1
    assert thompson["learner_regret_more"]["mean"] == pytest.approx(more)
    assert "learner_regret_more" not in record["beside"]["knows the task"]


def test_weights_in_a_file_give_their_name_to_the_record(tmp_path: Path) -> None:
    mine = tmp_path / "runs" / "mine.safetensors"
    mine.parent.mkdir()
    shutil.copyfile(Path(quickstudy.pretrained.__file__).parent / "bandit-rl2.safetensors", mine)
    assert acting_learners.main((str(mine),), Options(tasks=2, beside=("random",), folder=tmp_path)) == 0
    assert (tmp_path / "acting-mine.json").exists()


def test_an_unknown_rule_is_refused(tmp_path: Path, capsys) -> None:
    assert acting_learners.main(("bandit-rl2",), Options(tasks=2, beside=("nobody",), folder=tmp_path)) == 2
    assert "nobody" in capsys.readouterr().err


def test_what_acts_in_no_world_is_refused(tmp_path: Path, capsys) -> None:
    assert acting_learners.main(("sinusoid-maml",), Options(tasks=2, folder=tmp_path)) == 2
    assert "sinusoid-maml" in capsys.readouterr().err


def test_pairs_that_differ_by_a_factor_have_no_interval() -> None:
    other_T = torch.tensor([1.0, 2.0, 5.0])
    found = share_more(1.5 * other_T, other_T)
    assert found.mean == pytest.approx(0.5)
    assert found.interval95 == pytest.approx(0.0, abs=1e-6)
