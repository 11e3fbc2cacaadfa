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


@pytest.mark.parametrize("adam", [False, True])
def test_descent_learns_what_one_example_of_each_class_shows(adam: bool) -> None:
    right = online_learning.by_descent(_separable(), 3, 0.05 if adam else 0.5, adam=adam)
    assert right.shape == (2, 60)
    assert right[:, 10:].mean() > 0.95


def test_a_prediction_of_descent_does_not_know_its_own_label() -> None:
    x, y = _separable()
    right = online_learning.by_descent((x, y), 3, 0.5, adam=False)
    # At zero weights the first class is said, which is right here; of the others nothing is known yet.
    assert right[0, :3].tolist() == [1.0, 0.0, 0.0]


def test_the_best_rate_is_chosen_on_the_first_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online_learning, "_RATES", (1e-9, 0.5))
    assert online_learning.best_descent(_separable(), 3, adam=False)[0] == 0.5


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
        run / "best.safetensors", learner.state_dict(), {"recipe": "prototypes-vsml", "arguments": {}, "step": 1}
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
