"""Runs of digits, and softmax regression beside VSML."""

import json
from pathlib import Path

import pytest
import torch

import online_learning
from quickstudy.core import save_checkpoint
from quickstudy.learners import VSML
from quickstudy.networks.shared_cells import dense_cells
from quickstudy.recipes import build


def _separable() -> online_learning.Runs:
    y = torch.arange(60).repeat(2, 1) % 3
    x = torch.eye(3)[y] + 0.01
    return x, y


def test_runs_take_no_example_twice() -> None:
    data = torch.arange(20.0)[:, None], torch.arange(20)
    x, y = online_learning.in_random_order(data, online_learning.Options(examples=10, runs=5))
    assert x.shape == (5, 10, 1)
    assert all(len(run.unique()) == 10 for run in y)
    assert torch.equal(x.squeeze(-1).long(), y)


def test_vsml_is_measured_with_cells_for_the_size_of_the_data() -> None:
    learner = VSML(dense_cells(6, 2)).eval()
    right = online_learning.by_messages(learner, _separable(), 3)
    assert right.shape == (2, 60)


def test_figures_of_all_learners_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, run = build("prototypes-vsml", {}).learner, tmp_path / "prototypes-vsml"
    run.mkdir()
    save_checkpoint(
        run / "best.safetensors",
        learner.state_dict(),
        {"format": 2, "recipe": "prototypes-vsml", "arguments": {}, "step": 1},
    )
    monkeypatch.setattr(online_learning, "_SIZES", ((3, 2, 12),))
    out = tmp_path / "found.json"
    options = online_learning.Options(examples=12, runs=2, out=out)
    assert online_learning.main(str(run), options) == 0
    records = json.loads(out.read_text())["records"]
    assert [each["learner"] for each in records] == ["VSML", "VSML", "SGD", "Adam"]
    assert all(len(each["by_example"]) == 12 for each in records)


def test_weights_of_another_learner_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert online_learning.main("omniglot-nearest") == 2
    assert "but a VSML was expected" in capsys.readouterr().err
