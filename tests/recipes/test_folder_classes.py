"""Learners trained on a user's own classes, from the folder to names."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import quickstudy
from quickstudy.cli import main
from quickstudy.core import UserError, unchecked_distributions
from quickstudy.recipes import RECIPES, build

NAMES = [name for name in RECIPES if name.startswith("folder-") and "completion" not in name]
SMALL = {"ways": (2, 2), "steps": 1, "tasks_per_step": 1, "warmup_steps": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight classes of five images: bars at places and in colours of their own."""
    for index in range(8):
        path = tmp_path / "mine" / f"g{index // 2}" / f"класс {index}"
        path.mkdir(parents=True)
        for number in range(5):
            shades = np.full((40, 40, 3), 255, dtype=np.uint8)
            shades[8 + 3 * index : 11 + 3 * index, 5 + number : 30 + number] = [20 * index, 30 * number, 60]
            Image.fromarray(shades).save(path / f"{number}.png")
    return tmp_path / "mine"


def options(folder: Path, **changed: object) -> dict[str, object]:
    return {"folder": str(folder), "grouped": True, **SMALL, **changed}


@pytest.mark.parametrize("name", NAMES)
def test_every_such_learner_has_a_loss_on_training_classes_and_answers_in_the_test(name: str, folder: Path) -> None:
    experiment = build(name, options(folder))
    generator = torch.Generator().manual_seed(0)
    with unchecked_distributions():
        assert torch.isfinite(experiment.learner.train()(experiment.train(None).sample(1, generator)))
        experiment.learner.eval()
        for source in experiment.test.values():
            tasks = source(None).sample(1, generator)
            found = experiment.learner.predict(
                experiment.learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x
            )
            assert found.probs.shape[:2] == tasks.query_y.shape


def test_parts_share_no_image_and_groups_stay_together(folder: Path) -> None:
    experiment = build("folder-protonet", options(folder))
    assert experiment.contents is not None
    contents = experiment.contents(None)
    assert [len(contents[part]) for part in ("train", "validation", "test")] == [20, 10, 10]
    assert len(set().union(*contents.values())) == 40


def test_colour_images_of_any_size_have_three_channels(folder: Path) -> None:
    experiment = build("folder-protonet", options(folder, colour=True, size=20))
    tasks = experiment.train(None).sample(1, torch.Generator().manual_seed(0))
    assert tasks.support_x.shape[2:] == (3, 20, 20)
    assert experiment.starts_from is None


def test_rotations_make_four_classes_of_each_in_training_alone(folder: Path) -> None:
    still, turned = (build("folder-protonet", options(folder, rotated=each)) for each in (False, True))
    assert len(turned.train(None).images) == 4 * len(still.train(None).images)
    assert len(turned.validation(None).images) == len(still.validation(None).images)


def test_what_cannot_be_trained_on_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match="--folder DIR"):
        build("folder-protonet", {}).train(None)
    with pytest.raises(UserError, match="16 pixels or more"):
        build("folder-protonet", {"size": 8})
    with pytest.raises(UserError, match="--ways"):
        build("folder-protonet", options(folder, ways=9)).train(None)
    (folder / "g0" / "класс 0" / "0.png").unlink()
    with pytest.raises(UserError, match=r"need 5 images of every class, .*класс 0 \(4\)"):
        build("folder-protonet", options(folder)).train(None)
    with pytest.warns(UserWarning, match=r"too few images: g0/класс 0 \(4\)"):
        contents = build("folder-protonet", options(folder, skip_unusable=True)).contents(None)
    assert sum(map(len, contents.values())) == 35


@pytest.mark.parametrize("colour", [False, True])
def test_a_training_is_evaluated_on_its_test_classes_and_names_new_images(
    folder: Path, tmp_path: Path, colour: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    run, kind = tmp_path / "run", ["--colour"] if colour else []
    steps = ["--steps", "1", "--tasks-per-step", "1", "--warmup-steps", "0", "--test-tasks", "2", "--ways", "2", "2"]
    start = [] if colour else ["--start-from", "none"]
    own = ["--folder", str(folder), "--grouped", *kind, *steps, *start, "--out", str(run)]
    code = main(["train", "folder-protonet", *own, "--json"])
    assert code == 0
    assert json.loads(capsys.readouterr().out)["recipe"] == "folder-protonet"
    asked = ["--ways", "2", "--queries", "2", "--tasks", "2", "--json"]
    assert main(["evaluate", str(run), *asked]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == str(folder)
    task = quickstudy.adapt(folder / "g0", run)
    query = next((folder / "g0").glob("*/4.png"))
    (answer,) = task.predict(query)
    assert answer.label in task.names
    quickstudy.save_task(tmp_path / "task.safetensors", task)
    (again,) = quickstudy.load_task(tmp_path / "task.safetensors").predict(query)
    assert again.probabilities == pytest.approx(answer.probabilities)


def test_images_of_the_training_are_no_test_of_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    quick = ["--steps", "1", "--tasks-per-step", "1", "--warmup-steps", "0", "--test-tasks", "0", "--ways", "2", "2"]
    assert main(["train", "folder-protonet", "--folder", str(folder), "--grouped", *quick, "--out", str(run)]) == 0
    for group in folder.iterdir():  # All classes together.
        for path in group.iterdir():
            (tmp_path / "flat").mkdir(exist_ok=True)
            (tmp_path / "flat" / path.name).symlink_to(path)
    assert main(["evaluate", str(run), "--data", str(tmp_path / "flat"), "--ways", "2", "--queries", "2"]) == 2
    assert "are among those that these weights were trained on" in capsys.readouterr().err
