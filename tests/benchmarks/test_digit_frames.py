"""The size of the ink decides how well digits are named, and the figures of each size are stored."""

import json
from pathlib import Path

import numpy as np
import pytest

import digit_frames
from quickstudy.learners import Nearest


def test_drawings_alike_within_a_digit_are_all_named() -> None:
    digits = np.arange(10).repeat(7)
    drawings = np.zeros((70, 1, 28, 28), dtype=np.float32)
    drawings[np.arange(70), 0, digits] = 1
    found = digit_frames.accuracies(Nearest().eval(), drawings, digits, digit_frames.Options(tasks=3))
    assert found.tolist() == [1.0, 1.0, 1.0]


def test_each_size_is_measured_on_the_same_tasks_and_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "digit_frames.json"
    options = digit_frames.Options(name="omniglot-nearest", sides=(0.64, 0.64, 0.05), tasks=4, out=out)
    assert digit_frames.main(options) == 0
    stored = json.loads(out.read_text())
    first, second, tiny = (row["accuracy"]["mean"] for row in stored["rows"])
    assert first == second > tiny + 0.1
    assert 0.4 <= stored["chosen_side"] < 0.64
    assert len(capsys.readouterr().out.splitlines()) == 3
