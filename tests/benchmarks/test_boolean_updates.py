"""BLUR by the number of updates, beside back-propagation in the same network."""

import json
from pathlib import Path

import pytest
import torch

import boolean_updates
from quickstudy.core import save_checkpoint
from quickstudy.learners import BLUR
from quickstudy.recipes import build
from quickstudy.tasks import BooleanPlane


def test_back_propagation_has_the_same_layers_and_learns() -> None:
    tasks = BooleanPlane(("or",)).sample(10, torch.Generator().manual_seed(0))
    other = boolean_updates.by_gradients(BLUR(2, hidden=(20,)), 0.003)
    assert other.sizes == (2, 20, 1)
    before, after = (boolean_updates.accuracy(other, tasks, updates)["mean"] for updates in (0, 60))
    assert before is not None
    assert after is not None
    assert after > max(0.85, before)


def test_figures_of_both_learners_are_written(tmp_path: Path) -> None:
    run = tmp_path / "boolean-blur"
    run.mkdir()
    header = {"format": 2, "recipe": "boolean-blur", "arguments": {}, "step": 1}
    save_checkpoint(run / "best.safetensors", build("boolean-blur", {}).learner.state_dict(), header)
    options = boolean_updates.Options(updates=(0, 2), tasks=3, out=tmp_path / "found.json")
    assert boolean_updates.main(str(run), options) == 0
    records = json.loads(options.out.read_text())["records"]
    assert len(records) == 10
    assert {each["learner"] for each in records} == {"BLUR", "back-propagation"}
    assert all(set(each["by_updates"]) == {"0", "2"} for each in records)


def test_what_cannot_be_measured_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert boolean_updates.main("omniglot-nearest") == 2
    assert "but a BLUR was expected" in capsys.readouterr().err
