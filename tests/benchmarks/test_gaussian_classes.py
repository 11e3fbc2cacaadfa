"""Gaussian classes: every task has each class once, in random order, and the record has every learner."""

import json
from pathlib import Path

import pytest
import torch

import gaussian_classes
from gaussian_classes import Options, draw
from quickstudy.learners import Nearest


def test_every_task_has_each_class_once_and_asks_for_each_once() -> None:
    tasks = draw(50, torch.Generator().manual_seed(0))
    assert (tasks.support_y.sort(dim=1).values == torch.arange(5)).all()
    assert len({tuple(order.tolist()) for order in tasks.support_y}) > 20
    assert (tasks.query_y == torch.arange(5)).all()


def test_the_nearest_neighbour_is_nearly_always_right() -> None:
    assert gaussian_classes.accuracy(Nearest(), draw(500, torch.Generator().manual_seed(0))).mean > 0.99


def test_the_record_has_every_learner_beside_the_nearest_neighbour(tmp_path: Path) -> None:
    out = tmp_path / "gaussian.json"
    options = Options(learners=("srwm", "delta-net", "linear"), steps=2, tests=200, out=out)
    assert gaussian_classes.main(options) == 0
    stored = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert list(stored["results"]) == ["nearest", "srwm", "delta-net", "linear"]
    assert stored["results"]["srwm"]["with_wrong_labels"]["mean"] == pytest.approx(0.2, abs=0.1)
    assert stored["protocol"]["steps"] == 2


def test_a_single_test_task_ends_with_a_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert gaussian_classes.main(Options(tests=1, out=tmp_path / "none.json")) == 2
    assert "two tests or more" in capsys.readouterr().err
