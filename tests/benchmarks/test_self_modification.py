"""The command for Fitness Monotonic Execution runs every setting and its controls, and draws them."""

import json
from pathlib import Path

import pytest
from PIL import Image

import self_modification
from self_modification import Options


def test_the_command_writes_every_setting_and_a_picture(tmp_path: Path) -> None:
    sizes = {"iterations": 3, "redrawn_iterations": 2, "swapping_iterations": 2, "cart_pole_iterations": 1}
    options = Options(seeds=2, **sizes, out=tmp_path / "out.json", picture=tmp_path / "out.png")
    assert self_modification.main(options) == 0
    records = json.loads(options.out.read_text())["records"]
    assert [record["base"] for record in records[:6]] == [None, 1, 2, 4, 10, 10]
    groups = ["arm redrawn"] * 2 + ["arm swaps"] * 2 + ["cart-pole"] * 3
    assert [record["group"] for record in records[6:]] == groups
    for record in records:
        assert len(record["reward_by_seed"]) == 2
        assert all(sum(executions) == 32 * record["iterations"] for executions in record["executions_by_bucket"])
        assert sum(record["reward_by_seed"]) / 2 == pytest.approx(record["reward"]["mean"])
    with Image.open(options.picture) as picture:
        assert picture.width > 500


def test_the_control_changes_nothing_and_one_of_each_pair_sees_no_reward() -> None:
    found = {(each.group, each.title): each.matrix for each in self_modification.settings(Options())}
    assert found["fixed arm", "base 10, no self-modification"].rule == "none"
    for group in ("arm redrawn", "arm swaps"):
        assert found[group, "reward is an input"].feeds_reward
        assert not found[group, "reward is no input"].feeds_reward
    assert found["cart-pole", "base 10"].num_observed == 4
    assert found["cart-pole", "base 10, no self-modification"].rule == "none"


def test_some_environments_can_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Options(groups=("arm redrawn",))
    assert {each.group for each in self_modification.settings(options)} == {"arm redrawn"}
    assert self_modification.main(Options(groups=("maze",), out=tmp_path / "out.json")) == 2
    assert "--groups maze" in capsys.readouterr().err
