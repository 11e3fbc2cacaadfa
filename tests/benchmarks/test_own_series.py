"""The training on one's own series: years in files, and every contender on the same tests."""

import json
from pathlib import Path

import pytest

import own_series
from quickstudy.datasets import series_files


def test_each_year_is_a_series_of_twelve_months_and_the_last_has_gaps(tmp_path: Path) -> None:
    pytest.importorskip("statsmodels")
    found = series_files.read(own_series.write_years(tmp_path / "years"))
    assert (found.names[0], found.names[-1], len(found.names)) == ("1950", "2010", 61)
    assert {len(values) for values in found.values[:-1]} == {12}
    assert len(found.values[-1]) <= 12


def test_a_learner_is_trained_by_the_command_and_stored_beside_others(tmp_path: Path) -> None:
    pytest.importorskip("statsmodels")
    out = tmp_path / "own_series.json"
    assert own_series.main(own_series.Options(learners=("series-cnp",), steps=1, tasks=2, out=out)) == 0
    (row,) = json.loads(out.read_text())["learners"]
    assert [each["setting"] for each in row["test"]] == ["points anywhere", "forecast"]
    assert len(row["compared_with"]) == 4
