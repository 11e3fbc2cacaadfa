import sys
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from quickstudy.core import UserError
from quickstudy.evaluation.plots import read_instances, save_instances

NAMES = [f"instance_{number}" for number in range(1, 11)]
VALIDATIONS = ((100, 0.2), (200, 0.4))


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """The log of a training that looked twice, at steps 100 and 200, and noted its loss once between."""
    path = tmp_path / "metrics.csv"
    validations = [
        f"{step},0.5,{','.join(f'{start + 0.04 * index:.2f}' for index in range(10))}" for step, start in VALIDATIONS
    ]
    path.write_text(
        "\n".join([f"step,loss,{','.join(NAMES)}", validations[0], "150,0.5" + 10 * ",", validations[1]]) + "\n"
    )
    return path


def test_curves_are_percentages_at_the_episodes_of_each_look(metrics: Path) -> None:
    episodes, curves = read_instances(metrics, tasks_per_step=16)
    assert episodes == [1600, 3200]
    assert list(curves) == [1, 2, 3, 4, 5, 10]
    assert curves[1] == pytest.approx([20, 40])
    assert curves[10] == pytest.approx([56, 76])


@pytest.mark.parametrize("text", ["step,loss,accuracy\n100,0.5,0.9\n", "step,loss,instance_1\n100,0.5,\n"])
def test_a_log_without_instances_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv has no accuracy by instance"):
        read_instances(tmp_path / "metrics.csv", 1)


def test_a_picture_is_written(metrics: Path, tmp_path: Path) -> None:
    save_instances(tmp_path / "instances.png", metrics, 16)
    with Image.open(tmp_path / "instances.png") as picture:
        assert picture.width > picture.height > 400
        assert len(picture.convert("RGB").getcolors(maxcolors=10**6)) > 100


def test_each_curve_is_named_at_its_end_and_no_name_covers_another(
    metrics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, heights = [], []

    def annotate(axes, name, place, **options):
        names.append(name)
        heights.append(place[1])

    monkeypatch.setattr("matplotlib.axes.Axes.annotate", annotate)
    save_instances(tmp_path / "instances.png", metrics, 16)
    assert names == ["10th", "5th", "4th", "3rd", "2nd", "1st"]
    assert heights[:2] == pytest.approx([76, 56])
    assert all(above - below >= 4.5 - 1e-9 for above, below in pairwise(heights))


def test_matplotlib_missing_says_what_to_install(
    metrics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"pip install 'quickstudy\[plots\]'"):
        save_instances(tmp_path / "instances.png", metrics, 16)
    assert not (tmp_path / "instances.png").exists()
