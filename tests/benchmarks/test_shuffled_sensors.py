"""A shuffle in mid-episode changes nothing for identical agents, and the figures are stored."""

import json
from pathlib import Path

import pytest
import torch

import shuffled_sensors
from quickstudy.core import Tasks
from quickstudy.tasks import Episodes, Layout


def _tasks() -> Tasks:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(10, 9, 28, 28, generator=generator)
    return Episodes(images, Layout(ways=5, shots=6, queries=2)).sample(3, generator)


def test_images_become_patches_and_labels_stay() -> None:
    tasks = _tasks()
    patched = shuffled_sensors.patched(tasks)
    assert patched.support_x.shape == (3, 30, 16, 100)
    assert torch.equal(patched.support_y, tasks.support_y)
    assert torch.equal(patched.support_x[0, 0, 0], tasks.support_x[0, 0].reshape(28, 28)[:10, :10].flatten())


def test_only_what_is_read_after_the_shuffle_changes_and_only_for_a_dense_network() -> None:
    torch.manual_seed(0)
    for name, learner in shuffled_sensors.contenders().items():
        found = shuffled_sensors.examined(learner.eval(), shuffled_sensors.patched(_tasks()), torch.Generator())
        usual, other, changes = found
        assert usual.shape == other.shape == (3, 6)
        assert torch.equal(usual[:, :3], other[:, :3])
        assert changes[:3].max() == 0
        if name == "identical agents":
            assert changes.max() < 1e-5
        else:
            assert changes[3:].min() > 1e-3


@pytest.mark.usefixtures("made_up_omniglot")
def test_figures_are_stored_and_drawn(tmp_path: Path) -> None:
    options = shuffled_sensors.Options(
        out=tmp_path / "sensors.json", steps=1, tasks=2, picture=tmp_path / "sensors.png"
    )
    assert shuffled_sensors.main(options) == 0
    learners = json.loads(options.out.read_text(), parse_constant=pytest.fail)["learners"]
    assert list(learners) == ["identical agents", "dense network"]
    assert all(len(row["shuffled"]) == 6 for row in learners.values())
    assert options.picture is not None
    assert options.picture.stat().st_size > 10_000


def test_missing_data_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = shuffled_sensors.Options(out=tmp_path / "sensors.json", data_root=tmp_path / "nowhere")
    assert shuffled_sensors.main(options) == 2
    assert capsys.readouterr().err.startswith("shuffled_sensors: ")


def test_the_stored_figures_show_the_difference() -> None:
    learners = json.loads(shuffled_sensors.Options().out.read_text())["learners"]
    agents, dense = learners["identical agents"], learners["dense network"]
    assert agents["largest change of a probability"] < 1e-5
    assert agents["shuffled"][-1]["mean"] == pytest.approx(agents["in order"][-1]["mean"], abs=2e-3)
    assert agents["shuffled"][-1]["mean"] > dense["shuffled"][-1]["mean"] + 0.2
