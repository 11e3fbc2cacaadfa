"""Learnt and fitted regressors answer the same tasks, and the fitted ones are what they say."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import gp_contenders
import gp_regression
from quickstudy.core import Tasks, save_checkpoint
from quickstudy.recipes import build
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.tasks.kernels import Stationary

SMALL = {"sizes": (5, 8), "tasks": 3, "at_once": 2, "rounds": 1, "seconds": 0.001}
FITTED = ["fitted GP, RBF", "fitted GP, best of two"]


def few() -> dict[str, gp_contenders.Contender]:
    return {
        name: gp_contenders.Fitted(each) for name, each in zip(FITTED, (("RBF",), ("RBF", "Matérn 5/2")), strict=True)
    }


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "gp-cnp-1"
    save_checkpoint(
        folder / "best.safetensors",
        build("gp-cnp", {}).learner.state_dict(),
        {"format": 2, "recipe": "gp-cnp", "arguments": {}, "step": 0},
    )
    return folder


@pytest.fixture(scope="module")
def record(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gp_regression, "keep_freed_memory", lambda: None)
        patch.setattr(gp_regression, "fitted", few)
        out = tmp_path_factory.mktemp("results") / "gp_regression.json"
        assert gp_regression.main([str(weights)], gp_regression.Options(out=out, **SMALL)) == 0
    stored: dict[str, Any] = json.loads(out.read_text())
    return stored


def pure_noise(num_support: int) -> Tasks:
    generator = torch.Generator().manual_seed(1)
    x = 4 * torch.rand(2, num_support, 1, generator=generator) - 2
    y = 0.3 * torch.randn(2, num_support, 1, generator=generator)
    return Tasks(x, y, torch.tensor([[[0.1], [500.0]]]).expand(2, 2, 1), torch.zeros(2, 2, 1))


@pytest.mark.parametrize("kernels", [("RBF",), ("Matérn 5/2",)])
def test_the_deviation_that_is_predicted_includes_the_noise(kernels: tuple[str, ...]) -> None:
    quiet = GaussianProcesses(PointLayout(40, 20), Stationary(length=1.0), noise=0.3)
    tasks = quiet.sample(3, torch.Generator().manual_seed(0))
    said: Any = gp_contenders.Fitted(kernels)(tasks)
    assert said.mean.shape == (3, 20, 1)
    assert (said.stddev > 0.2).all()  # Of the function alone it would be less than 0.1 in most places.
    assert float(said.stddev.mean()) == pytest.approx(0.32, abs=0.05)
    error = (tasks.query_y - said.mean).square().mean().sqrt()
    assert float(error) == pytest.approx(0.32, abs=0.06)


def test_far_from_all_points_the_prediction_is_the_prior() -> None:
    said: Any = gp_contenders.Fitted(("RBF",))(pure_noise(40))
    assert said.mean[:, 1].abs().max() < 1e-3
    assert (said.stddev[:, 1] > said.stddev[:, 0]).all()


def test_of_several_kernels_the_likeliest_answers() -> None:
    rough = GaussianProcesses(PointLayout(20, 30), Stationary("matern 3/2", 0.4), noise=0.02)
    smooth = GaussianProcesses(PointLayout(20, 30), Stationary(length=0.6), noise=0.02)
    for curves, right, wrong in ((rough, "Matérn 3/2", "RBF"), (smooth, "RBF", "Matérn 3/2")):
        tasks = curves.sample(2, torch.Generator().manual_seed(1))
        one, other, best = (gp_contenders.Fitted(each)(tasks) for each in ((right,), (wrong,), (wrong, right)))
        assert torch.equal(one.mean, best.mean)
        assert not torch.equal(other.mean, best.mean)


def test_waves_are_found_of_short_and_of_long_periods() -> None:
    for period in (0.5, 1.0, 1.4):
        waves = GaussianProcesses(PointLayout(30, 30), Stationary("periodic", 1.0, 1.0, period=period), noise=0.05)
        tasks, oracle = waves.sample_with_oracle(1, torch.Generator().manual_seed(0))
        found = gp_contenders.Fitted(("periodic",))(tasks)
        gap = oracle.posterior.log_prob(tasks.query_y).mean() - found.log_prob(tasks.query_y).mean()
        assert float(gap) < 0.4, period


def test_a_fitted_process_is_the_exact_posterior_where_it_finds_the_truth() -> None:
    curves = GaussianProcesses(PointLayout(80, 30), Stationary(length=0.5), noise=0.1)
    tasks, oracle = curves.sample_with_oracle(3, torch.Generator().manual_seed(2))
    said: Any = gp_contenders.Fitted(("RBF",))(tasks)
    torch.testing.assert_close(said.mean, oracle.posterior.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(said.stddev, oracle.posterior.stddev, atol=0.03, rtol=0)


def test_the_usual_ways_to_fit_are_there() -> None:
    usual: Any = gp_contenders.fitted()
    assert [each.kernels for each in usual.values()] == [("RBF",), ("RBF",), ("Matérn 5/2",), gp_contenders.KERNELS]
    assert [each.restarts for each in usual.values()] == [0, 4, 0, 0]


def test_every_contender_answers_every_size(record: dict[str, Any]) -> None:
    assert [(size["support"], size["tasks"]) for size in record["sizes"]] == [(5, 3), (8, 3)]
    for size in record["sizes"]:
        assert list(size["contenders"]) == ["gp-cnp-1", *FITTED, "exact posterior"]
        for row in size["contenders"].values():
            assert 0 <= row["coverage90"]["mean"] <= 1
            assert all(math.isfinite(row[name]["mean"]) for name in ("log_likelihood", "squared_error"))
        assert set(size["tasks_per_second"]) == {"gp-cnp-1", "gp-cnp-1, one at a time", *FITTED}
        assert list(size["ratio"]["gp-cnp-1"]) == FITTED
        for name in FITTED:
            (ours,), (theirs,) = (size["tasks_per_second"][each] for each in ("gp-cnp-1", name))
            assert size["ratio"]["gp-cnp-1"][name]["median"] == pytest.approx(ours / theirs)


def test_differences_are_of_the_same_tasks(record: dict[str, Any]) -> None:
    rows = record["sizes"][0]["contenders"]
    ours, oracle = (rows[name]["log_likelihood"]["mean"] for name in ("gp-cnp-1", "exact posterior"))
    assert rows["gp-cnp-1"]["minus"]["exact posterior"]["mean"] == pytest.approx(ours - oracle)
    assert rows["exact posterior"]["minus"]["gp-cnp-1"]["mean"] == pytest.approx(oracle - ours)
    assert "gp-cnp-1" in rows[FITTED[0]]["minus"]


def test_batches_of_any_size_hold_as_many_tasks_as_were_asked_for(weights: Path) -> None:
    processes = gp_regression.tasks_of(str(weights))
    drawn = gp_regression.draw_tasks(processes, 7, 5, gp_regression.Options(at_once=2))
    assert [tuple(tasks.support_x.shape) for tasks, _ in drawn] == [(2, 7, 1), (2, 7, 1), (1, 7, 1)]
    assert drawn[0][0].query_x.shape == (2, 50, 1)


def test_stored_figures_are_shown_and_drawn_without_measuring(
    record: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, picture = tmp_path / "stored.json", tmp_path / "docs" / "gp_regression.png"
    out.write_text(json.dumps(record))
    monkeypatch.setattr(gp_regression, "measure", None)
    assert gp_regression.main([], gp_regression.Options(out=out, stored=True, picture=picture)) == 0
    assert "fitted GP" in capsys.readouterr().out
    with Image.open(picture) as image:
        assert image.width > image.height > 400


def test_figures_of_a_single_task_are_shown_and_drawn_without_intervals(
    record: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = json.loads(json.dumps(record))
    for size in alone["sizes"]:
        for row in size["contenders"].values():
            row["log_likelihood"]["interval95"] = None
            for difference in row["minus"].values():
                difference["interval95"] = None
    out, picture = tmp_path / "stored.json", tmp_path / "gp_regression.png"
    out.write_text(json.dumps(alone))
    assert gp_regression.main([], gp_regression.Options(out=out, stored=True, picture=picture)) == 0
    assert "None" not in capsys.readouterr().out
    assert picture.exists()


def test_weights_of_no_curves_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.json"
    assert gp_regression.main(["glyphs-nearest"], gp_regression.Options(out=out)) == 2
    assert "not on curves of Gaussian processes" in capsys.readouterr().err
    assert not out.exists()


def test_without_the_library_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.gaussian_process.kernels", None)
    monkeypatch.setattr(gp_regression, "keep_freed_memory", lambda: None)
    assert gp_regression.main([str(weights)], gp_regression.Options(out=tmp_path / "x.json", **SMALL)) == 2
    assert "pip install" in capsys.readouterr().err
