"""The parts of a user's own series, and what the training ones give to a learner."""

from pathlib import Path

import pytest
import torch

from quickstudy.core import UserError
from quickstudy.datasets import series_files
from quickstudy.sources.own_series import OwnSeries
from quickstudy.tasks.series import SeriesLayout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten series of three points; the values of series i are i."""
    for index in range(10):
        (tmp_path / f"s{index}.csv").write_text("".join(f"{place},{index}\n" for place in range(3)))
    return tmp_path


def test_each_part_has_its_own_series(folder: Path) -> None:
    own, layout = OwnSeries(str(folder)), SeriesLayout(1, 2)
    found = {
        part: set(own.tasks(part, layout)(None).y_NP[:, 0].int().tolist()) for part in ("train", "validation", "test")
    }
    parts = series_files.split([f"s{index}" for index in range(10)])
    assert found == {part: set(getattr(parts, part).tolist()) for part in found}
    contents = own.contents(None)
    assert [len(contents[part]) for part in found] == [6, 2, 2]
    assert len(set().union(*contents.values())) == 10


def test_a_learner_measures_the_training_series_alone(folder: Path) -> None:
    own, measured = OwnSeries(str(folder), split_seed=3), []
    own.measured_by(lambda *points: measured.extend(points))(None)
    places, values = measured
    assert places.shape == values.shape == (18, 1)
    expected = series_files.split([f"s{index}" for index in range(10)], 3).train.tolist()
    assert values.unique().int().tolist() == expected
    x, y, count = own.training_points()
    assert torch.equal(x, places[:, 0])
    assert torch.equal(y, values[:, 0])
    assert count == 6


def test_a_folder_is_asked_for() -> None:
    with pytest.raises(UserError, match="--folder DIR"):
        OwnSeries("").contents(None)
