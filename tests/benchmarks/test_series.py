"""Real series are asked about as said: points apart from those given, and figures in units of the series."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

import series
from gp_contenders import Fitted
from quickstudy.core import Tasks, save_checkpoint
from quickstudy.recipes import build


def _line(count: int = 300) -> series.Series:
    """Of a wave about a thousand, in years."""
    x = torch.arange(count, dtype=torch.float64) + 1900
    return x, 1000 + 40 * (x / 7).sin()


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_what_is_asked_for_was_not_given_and_is_no_more_than_200_points() -> None:
    x, y = _line()
    for size, asked in ((10, 200), (150, 150)):
        tasks = series.draw((x, y), size, _seeded())
        assert tasks.support_x.shape == tasks.support_y.shape == (1, size, 1)
        assert tasks.query_x.shape == tasks.query_y.shape == (1, asked, 1)
        assert len(torch.cat([tasks.support_x, tasks.query_x], dim=1).unique()) == size + asked
        value_at = dict(zip(x.tolist(), y.tolist(), strict=True))
        for places, values in ((tasks.support_x, tasks.support_y), (tasks.query_x, tasks.query_y)):
            assert [value_at[place] for place in places.flatten().tolist()] == values.flatten().tolist()


def _standard(count: int) -> Independent:
    return Independent(Normal(torch.zeros(1, count, 1), 2 * torch.ones(1, count, 1)), 1)


def test_the_figures_are_of_a_known_prediction_in_units_of_the_series() -> None:
    truth = torch.tensor([0.0, 2.0, 3.0, -3.5])[None, :, None]  # The central 90 % go up to 1.645 deviations of two.
    found = series.figures(_standard(4), truth, torch.tensor(5.0))
    assert float(found["coverage90"]) == 0.75
    assert float(found["squared_error"]) == pytest.approx((4 + 9 + 12.25) / 4 / 25)
    nats = -0.5 * math.log(2 * math.pi * 4) - (4 + 9 + 12.25) / 4 / 8
    assert float(found["log_likelihood"]) == pytest.approx(nats + math.log(5), rel=1e-5)


def test_a_prediction_stretched_with_its_series_has_the_same_figures() -> None:
    truth = torch.tensor([0.0, 2.0, 3.0])[None, :, None]
    wide = Independent(Normal(7 * torch.ones(1, 3, 1), 20 * torch.ones(1, 3, 1)), 1)
    one = series.figures(_standard(3), truth, torch.tensor(1.5))
    other = series.figures(wide, 7 + 10 * truth, torch.tensor(15.0))
    for name, value in one.items():
        assert float(other[name]) == pytest.approx(float(value), rel=1e-5)


def test_the_fitted_process_is_told_points_in_units_of_its_own_and_answers_in_those_of_the_series() -> None:
    tasks = series.draw(_line(), 40, _seeded())
    seen: list[Tasks] = []

    def asked(units: Tasks) -> Independent:
        seen.append(units)
        return Independent(Normal(torch.zeros_like(units.query_x), torch.ones_like(units.query_x)), 1)

    said: Any = series.fitted(tasks, asked)  # type: ignore[arg-type]
    (units,) = seen
    assert (float(units.support_x.min()), float(units.support_x.max())) == pytest.approx((-2.0, 2.0))
    assert float(units.support_y.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(units.support_y.std()) == pytest.approx(1.0)
    assert torch.allclose(said.mean, tasks.support_y.mean().expand(1, 200, 1))
    assert torch.allclose(said.stddev, tasks.support_y.std().expand(1, 200, 1))


def test_a_fitted_process_follows_a_wave_about_a_thousand() -> None:
    tasks = series.draw(_line(), 60, _seeded())
    said = series.fitted(tasks, Fitted(("RBF",)))
    found = series.figures(said, tasks.query_y, _line()[1].std())
    assert float(found["squared_error"]) < 0.5


def test_without_statsmodels_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.datasets", None)
    run, out = _untrained(tmp_path), tmp_path / "series.json"
    assert series.main(str(run), series.Options(out=out)) == 2
    assert "pip install '.[dev]'" in capsys.readouterr().err
    assert not out.exists()


def _untrained(folder: Path) -> Path:
    run, arguments = folder / "mine", {"hidden": 16}
    header = {"format": 2, "recipe": "gp-general", "arguments": arguments, "step": 0}
    save_checkpoint(run / "best.safetensors", build("gp-general", arguments).learner.state_dict(), header)
    return run


def test_a_size_is_asked_about_where_a_fifth_of_the_series_is_left_and_fitted_where_that_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = {"short": _line(20), "long": _line(320)}
    fits: list[int] = []

    def unfitted(tasks: Tasks, gaussian_process: Fitted) -> Independent:
        fits.append(tasks.support_x.shape[1])
        return Independent(Normal(1000 * torch.ones_like(tasks.query_y), 40 * torch.ones_like(tasks.query_y)), 1)

    monkeypatch.setattr(series, "load_series", lambda: made_up)
    monkeypatch.setattr(series, "fitted", unfitted)
    out = tmp_path / "series.json"
    options = series.Options(sizes=(10, 17, 200, 250), repeats=8, out=out)
    assert series.main(str(_untrained(tmp_path)), options) == 0
    stored = json.loads(out.read_text(), parse_constant=pytest.fail)
    asked = [(record["series"], record["support"]) for record in stored["records"]]
    assert asked == [("short", 10), ("long", 10), ("long", 17), ("long", 200), ("long", 250)]
    assert fits == [10] * 8 + [10] * 8 + [17] * 8 + [200] * 2, "from 200 points on a quarter of the draws"
    assert [record["fitted GP, RBF"] is None for record in stored["records"]] == [False] * 4 + [True]
    assert (stored["benchmark"], stored["learner"]) == ("series", "mine")
    for record in stored["records"]:
        assert set(record["learner"]) == {"coverage90", "squared_error", "log_likelihood"}
        assert 0 <= record["learner"]["coverage90"]["mean"] <= 1


def test_the_real_series_are_whole_and_in_order() -> None:
    found = series.load_series()
    assert {name: len(x) for name, (x, _) in found.items()} == {
        "nile": 100,
        "sunspots": 309,
        "co2": 2225,
        "elnino": 732,
    }
    for x, y in found.values():
        assert x.dtype == y.dtype == torch.float64
        assert (x.diff() > 0).all()
        assert y.isfinite().all()
    assert _ends(found["nile"][0]) == (1871, 1970)
    assert _ends(found["sunspots"][0]) == (1700, 2008)
    assert _ends(found["elnino"][0]) == pytest.approx((1950, 2010 + 11 / 12))
    assert float(found["nile"][1][0]) == 1120.0


def _ends(x: Tensor) -> tuple[float, float]:
    return float(x[0]), float(x[-1])


def test_a_learner_is_measured_on_the_real_series(tmp_path: Path) -> None:
    out = tmp_path / "series.json"
    assert series.main(str(_untrained(tmp_path)), series.Options(sizes=(10,), repeats=1, out=out)) == 0
    records = json.loads(out.read_text(), parse_constant=pytest.fail)["records"]
    assert [record["series"] for record in records] == ["nile", "sunspots", "co2", "elnino"]
    for record in records:
        assert record["learner"]["squared_error"]["interval95"] is None
        assert record["fitted GP, RBF"]["squared_error"]["mean"] > 0
