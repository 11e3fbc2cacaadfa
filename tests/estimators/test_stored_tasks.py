"""What a learner learnt is kept in a file and used on another machine."""

from pathlib import Path

import numpy as np
import pytest
import torch

import quickstudy
from quickstudy.core import UserError
from quickstudy.estimators import stored_tasks
from quickstudy.estimators.answers import Wanted
from quickstudy.learners import NearestState


@pytest.mark.parametrize("learner", ["auto", "omniglot-transformer", "omniglot-reptile", "omniglot-mann"])
def test_a_stored_task_answers_the_same(classes: Path, new: list[Path], tmp_path: Path, learner: str) -> None:
    task = quickstudy.adapt(classes, learner, num_draws=2)
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    restored = quickstudy.load_task(tmp_path / "task.safetensors")
    for before, after in zip(task.predict(new), restored.predict(new), strict=True):
        assert after.label == before.label
        assert after.probabilities == pytest.approx(before.probabilities, abs=1e-6)


def test_a_stored_task_still_knows_none_of_these(classes: Path, new: list[Path], tmp_path: Path) -> None:
    task = quickstudy.adapt(classes, "omniglot-protonet")
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    restored = quickstudy.load_task(tmp_path / "task.safetensors")
    wanted = Wanted(none_of_these=True, coverage=0.9)
    before, after = (each.predict(new, wanted) for each in (task, restored))
    assert [each.is_none_of_these for each in before] == [each.is_none_of_these for each in after]
    assert [each.possible for each in before] == [each.possible for each in after]


@pytest.mark.parametrize("header", ["x,y", "x,z,y"])
def test_a_stored_table_answers_the_same(tmp_path: Path, header: str) -> None:
    numbers = np.random.default_rng(0).normal(size=(20, header.count(",") + 1)).round(3)
    file = tmp_path / "t.csv"
    file.write_text("\n".join([header, *(",".join(map(str, row)) for row in numbers)]))
    task = quickstudy.adapt(file)
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    assert quickstudy.load_task(tmp_path / "task.safetensors").predict(file) == task.predict(file)


def test_other_weights_are_refused(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "task.safetensors"
    quickstudy.save_task(path, quickstudy.adapt(classes, "omniglot-cnp"))
    monkeypatch.setattr(stored_tasks, "digest", lambda learner: "another")
    with pytest.raises(UserError, match="made with other weights"):
        quickstudy.load_task(path)


def test_missing_weights_are_named(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "task.safetensors"
    task = quickstudy.adapt(classes, "omniglot-cnp")
    task.adapted.chosen = task.adapted.chosen._replace(name="runs/of-mine")
    quickstudy.save_task(path, task)
    with pytest.raises(UserError, match="'runs/of-mine', which are not here"):
        quickstudy.load_task(path)
    assert quickstudy.load_task(path, "omniglot-cnp").names == task.names


def test_other_files_are_refused(tmp_path: Path) -> None:
    state = NearestState(torch.ones(1, 2, 3), torch.ones(1, 2, 1, dtype=torch.bool))
    quickstudy.save_state(tmp_path / "state.safetensors", state)
    with pytest.raises(UserError, match="holds no adapted task"):
        quickstudy.load_task(tmp_path / "state.safetensors")
    with pytest.raises(UserError, match=r"There is no file .*Make it with: quickstudy adapt"):
        quickstudy.load_task(tmp_path / "missing.safetensors")
