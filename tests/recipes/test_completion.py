from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from quickstudy.cli import main
from quickstudy.core import Experiment, Header, Parent, UserError
from quickstudy.datasets import omniglot
from quickstudy.protocols.lineage import refuse_seen, training_pictures
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


def parts_of(folder: Path) -> list[set[int]]:
    """Which of the pictures, by their red, are in training, validation and test."""
    experiment = RECIPES["folder-completion-conv-cnp"](folder=str(folder), size=8, colour=True, support=(1, 9))
    sources = (experiment.train, experiment.validation, next(iter(experiment.test.values())))
    return [{int(image[0, 0, 0]) for image in source(None).images} for source in sources]


def test_a_folder_is_parted_into_training_validation_and_test(folder: Path) -> None:
    experiment = RECIPES["folder-completion-conv-cnp"](folder=str(folder), size=8, colour=True, support=(1, 9))
    assert experiment.train(None).images.shape[1:] == (3, 8, 8)
    train, validation, test = parts_of(folder)
    assert train | validation | test == {10 * number for number in range(20)}
    assert len(train) + len(validation) + len(test) == 20
    assert len(train) > 10
    assert validation
    assert test
    assert experiment.test.keys() == {"10 random pixels", "50 random pixels"}, "of 64"


def test_pictures_that_come_go_or_are_renamed_move_no_other_to_another_part(tmp_path: Path) -> None:
    for number in range(60):
        Image.new("RGB", (12, 9), (number, 0, 255)).save(tmp_path / f"{number}.png")
    before = parts_of(tmp_path)
    for number in range(30):
        (tmp_path / f"{number}.png").rename(tmp_path / f"renamed {60 - number}.png")
    for number in range(30, 36):
        (tmp_path / f"{number}.png").unlink()
    for number in range(60, 90):
        Image.new("RGB", (12, 9), (number, 0, 255)).save(tmp_path / f"{number}.png")
    gone, new = set(range(30, 36)), set(range(60, 90))
    assert [part - new for part in parts_of(tmp_path)] == [part - gone for part in before]


def test_weights_are_not_tested_on_pictures_that_they_were_trained_on(folder: Path) -> None:
    def experiment(of: Path) -> Experiment:
        return RECIPES["folder-completion-conv-cnp"](folder=str(of))

    header = Header(recipe="r", contents=tuple(training_pictures(experiment(folder), None)))
    train, validation, test = parts_of(folder)
    assert len(header.contents) == len(train)
    refuse_seen(header, experiment(folder), None)
    for red in test | validation:  # So few pictures are left that others take the place of these.
        (folder / f"{red // 10}.png").unlink()
    with pytest.raises(UserError, match=r"1 of the 1 test examples are among those .* trained on: the folder has"):
        refuse_seen(header, experiment(folder), None, parts=("test",))
    heir = Header(recipe="r", parents=(Parent("run", header),))
    with pytest.raises(UserError, match="1 of the 1 validation examples"):
        refuse_seen(heir, experiment(folder), None)
    refuse_seen(Header(recipe="r"), experiment(folder), None)


@pytest.mark.parametrize("how", ["evaluate", "--resume", "--start-from"])
def test_every_command_refuses_pictures_that_were_trained_on(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    runs = tmp_path_factory.mktemp("runs")
    sizes = ["--folder", folder, "--size", 8, "--support", 1, 5, "--channels", 4, "--blocks", 1]
    training = ["train", "folder-completion-conv-cnp", *sizes, "--tasks-per-step", 1, "--steps", 2, "--test-tasks", 0]

    def run(*words: object) -> int:
        return main([str(word) for word in words])

    assert run(*training, "--out", runs / "one") == 0
    assert run("evaluate", runs / "one", "--tasks", 2) == 0
    _, validation, test = parts_of(folder)
    for red in test | validation:
        (folder / f"{red // 10}.png").unlink()
    capsys.readouterr()
    commands = {
        "evaluate": ["evaluate", runs / "one", "--tasks", 2],
        "--resume": [*training, "--resume", runs / "one"],
        "--start-from": [*training, "--start-from", runs / "one", "--out", runs / "two"],
    }
    assert run(*commands[how]) == 2
    assert "the folder has changed since" in capsys.readouterr().err
    assert not (runs / "two").exists()


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
