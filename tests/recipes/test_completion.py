from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.cli import main
from quickstudy.core import UserError
from quickstudy.datasets import omniglot
from quickstudy.recipes import RECIPES


def sample(source, data_root=None, count=4, seed=0):
    return source(data_root).sample(count, torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("made_up_omniglot")
@pytest.mark.parametrize("name", ["omniglot-completion-cnp", "omniglot-completion-conv-cnp"])
def test_training_turns_drawings_of_other_alphabets_than_the_tests(name: str) -> None:
    experiment = RECIPES[name](jitter=False)
    seen, tested = experiment.train(None).images, next(iter(experiment.test.values()))(None).images
    split = omniglot.split("lake")
    assert len(seen) == 4 * 20 * len(split.train)
    assert len(tested) == 20 * len(split.test)
    assert torch.equal(tested[:20], torch.as_tensor(omniglot.load()[0][split.test[0]]))


@pytest.mark.usefixtures("made_up_omniglot")
def test_tests_ask_for_what_is_not_given_anywhere_and_from_the_top() -> None:
    tests = RECIPES["omniglot-completion-cnp"]().test
    shown = {title: sample(source) for title, source in tests.items()}
    assert {tasks.support_x.shape[1] for tasks in shown.values()} == {10, 50, 100, 300}
    assert all(tasks.support_x.shape[1] + tasks.query_x.shape[1] == 784 for tasks in shown.values())
    assert shown["100 pixels from the top"].support_x[..., 0].max() < 4 / 28
    assert shown["100 random pixels"].support_x[..., 0].max() > 0.9


def test_generated_drawings_are_new_in_training_and_fixed_in_the_test() -> None:
    experiment = RECIPES["glyphs-completion-conv-cnp"]()
    training, tested = experiment.train(None), next(iter(experiment.test.values()))(None)
    assert not hasattr(tested, "draw")
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(training.sample(2, generator).query_y[:, :9], training.sample(2, generator).query_y[:, :9])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty pictures, each of one colour of its own."""
    for number in range(20):
        Image.new("RGB", (12, 9), (10 * number, 0, 255 - number)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_a_folder_is_parted_into_training_validation_and_test(folder: Path) -> None:
    experiment = RECIPES["folder-completion-conv-cnp"](folder=str(folder), size=8, colour=True, support=(1, 9))
    sources = (experiment.train, experiment.validation, next(iter(experiment.test.values())))
    parts = [source(None).images for source in sources]
    assert [tuple(part.shape) for part in parts] == [(16, 3, 8, 8), (2, 3, 8, 8), (2, 3, 8, 8)]
    assert sorted(int(image[0, 0, 0]) for part in parts for image in part) == [10 * number for number in range(20)]
    assert experiment.test.keys() == {"10 random pixels", "50 random pixels"}, "of 64"


def test_pictures_that_are_missing_or_too_few_are_named(folder: Path) -> None:
    with pytest.raises(UserError, match="--folder DIR"):
        RECIPES["folder-completion-conv-cnp"]().train(None)
    for number in range(15):
        (folder / f"{number}.png").unlink()
    with pytest.raises(UserError, match="holds 5 pictures"):
        RECIPES["folder-completion-conv-cnp"](folder=str(folder)).train(None)


def test_from_pixels_to_weights_figures_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    sizes = ["--channels", "8", "--blocks", "1", "--tasks-per-step", "2", "--steps", "3", "--test-tasks", "2"]
    assert main(["train", "glyphs-completion-conv-cnp", "--out", str(out), *sizes]) == 0
    assert "completions.png" in capsys.readouterr().out
    with Image.open(out / "completions.png") as sheet:
        assert np.asarray(sheet).std() > 10
