"""Learners trained on a user's own series, from the files to a completed one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import quickstudy
from quickstudy.cli import main
from quickstudy.core import UserError, unchecked_distributions
from quickstudy.datasets import series_files
from quickstudy.recipes import build

NAMES = ["series-cnp", "series-attentive-cnp"]
QUICK = {"steps": 1, "tasks_per_step": 2, "warmup_steps": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve waves about 1,000 of 10 to 21 points."""
    (tmp_path / "mine").mkdir()
    for index in range(12):
        x = 2000 + np.arange(10 + index)
        rows = "".join(f"{place},{1000 + 50 * np.sin(place + index):.4f}\n" for place in x)
        (tmp_path / "mine" / f"волна {index}.csv").write_text("year,level\n" + rows, encoding="utf-8")
    return tmp_path / "mine"


@pytest.mark.parametrize("name", NAMES)
def test_training_forecasts_in_its_share_of_the_steps_and_tests_do_both(name: str, folder: Path) -> None:
    experiment = build(name, {"folder": str(folder), "forecasts": 0.5, **QUICK})
    generator = torch.Generator().manual_seed(0)
    kinds = set()
    for _ in range(20):
        tasks = experiment.train(None).sample(4, generator)
        kinds.add(bool((tasks.support_x.amax(dim=1) <= tasks.query_x[:, tasks.support_x.shape[1] :].amin(dim=1)).all()))
    assert kinds == {True, False}
    assert set(experiment.test) == {"points anywhere", "forecast"}
    assert set(build(name, {"folder": str(folder), "forecasts": 0.0}).train(None).parts[0].layout.order) == set(
        "random"
    )
    experiment.before_training(None)
    with unchecked_distributions():
        assert torch.isfinite(experiment.learner(experiment.train(None).sample(2, generator)))


def test_the_learner_takes_the_units_of_the_training_series(folder: Path) -> None:
    experiment = build("series-cnp", {"folder": str(folder)})
    experiment.before_training(None)
    units = experiment.learner.units
    assert 2000 < float(units.place_origin) < 2021
    assert float(units.value_origin) == pytest.approx(1000, abs=20)
    assert float(units.value_unit) == pytest.approx(35, abs=5)


def test_a_training_is_compared_and_completes_a_new_series(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    quick = ["--steps", "2", "--tasks-per-step", "2", "--warmup-steps", "0", "--test-tasks", "4", "--json"]
    assert main(["train", "series-cnp", "--folder", str(folder), *quick, "--out", str(run)]) == 0
    assert json.loads(capsys.readouterr().out)["recipe"] == "series-cnp"
    assert (run / "functions.png").exists()
    assert main(["evaluate", str(run), "--tasks", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["setting"] for each in found["test"]] == ["points anywhere", "forecast"]
    beside = {(each["setting"], each["learner"]) for each in found["compared_with"]}
    assert beside == {(test, name) for test in ("points anywhere", "forecast") for name in ("mean curve", "gp-general")}
    assert main(["evaluate", str(run), "--tasks", "4", "--support", "3"]) == 0
    assert "3 given" in capsys.readouterr().out

    new = tmp_path / "new.csv"
    new.write_text("year,level\n2000,1010\n2001,\n2002,NaN\n2003,990\n")
    assert main(["predict", "--learner", str(run), "--support", str(new), "--query", str(new), "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert len(answers) == 4
    assert all(800 < each["mean"] < 1200 for each in answers)
    whole = tmp_path / "whole.csv"
    whole.write_text("year,level\n2000,1010\n2001,1010\n2002,1010\n2003,990\n")
    assert quickstudy.adapt(whole, run).predict(whole)[0].interval90 is not None


def test_a_series_of_the_training_is_no_test_of_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    quick = ["--steps", "1", "--tasks-per-step", "2", "--warmup-steps", "0", "--test-tasks", "0"]
    assert main(["train", "series-cnp", "--folder", str(folder), *quick, "--out", str(run)]) == 0
    files = sorted(folder.iterdir())
    parts = series_files.split([path.stem for path in files])
    shutil.copy(files[parts.train[0]], files[parts.test[0]])
    assert main(["evaluate", str(run), "--tasks", "2"]) == 2
    assert "1 of the 2 test examples are among those that these weights were trained on" in capsys.readouterr().err


def test_what_cannot_be_trained_on_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match="--folder DIR"):
        build("series-cnp", {}).train(None)
    with pytest.raises(UserError, match="forecasts = 1"):
        build("series-cnp", {"forecasts": 1.0})
