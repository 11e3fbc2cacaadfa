import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

import quickstudy as package
from quickstudy.core import load_checkpoint, read_header, save_checkpoint
from quickstudy.recipes import build

SMALL = ("--ways", 5, "--queries", 2, "--test-tasks", 10)
SEQUENCES = ("train", "omniglot-lstm", "--steps", 2, "--tasks-per-step", 2, "--test-tasks", 5)


def _start(*arguments: object, **options) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "quickstudy", "train", "glyphs-protonet", *map(str, (*SMALL, *arguments))]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_it_trains_evaluates_and_saves_a_picture(quickstudy, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, out, _ = quickstudy("train", "glyphs-protonet", *SMALL, "--steps", 30, "--out", folder, "--json")
    record = json.loads(out)
    assert code == 0
    assert record["test"][0]["setting"] == "5-way 1-shot"
    assert record == json.loads((folder / "evaluation.json").read_text())
    with Image.open(folder / "episode.png") as picture:
        assert picture.width > 200
    learner = package.load(folder)
    assert not learner.training
    assert learner.predict(
        learner.adapt(torch.rand(1, 5, 1, 28, 28), torch.arange(5)[None]), torch.rand(1, 2, 1, 28, 28)
    )
    assert quickstudy("evaluate", folder, "--tasks", 10)[0] == 0


def test_the_table_is_what_a_person_sees(quickstudy, tmp_path: Path) -> None:
    code, out, err = quickstudy("train", "glyphs-protonet", *SMALL, "--steps", 5, "--out", tmp_path / "run")
    assert code == 0
    assert "20-way 5-shot" in out
    assert "step 5" in err


def test_killed_at_a_random_moment_and_resumed_it_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    whole = _start("--steps", 120, "--out", tmp_path / "whole")
    killed = _start("--steps", 120, "--out", tmp_path / "killed")
    metrics = tmp_path / "killed/metrics.csv"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 1) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    resumed = _start("--steps", 120, "--resume", tmp_path / "killed")
    for process in (whole, resumed):
        _, err = process.communicate(timeout=250)
        assert process.returncode == 0, err
    for name in ("last.safetensors", "best.safetensors"):
        one, other = (load_checkpoint(tmp_path / run / name)[0] for run in ("whole", "killed"))
        assert [key for key in one if not torch.equal(one[key], other[key])] == []


def test_two_processes_train_one_learner(tmp_path: Path) -> None:
    process = _start("--steps", 6, "--devices", 2, "--accelerator", "cpu", "--out", tmp_path / "run")
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert load_checkpoint(tmp_path / "run/last.safetensors")[1]["position"]["step"] == 6
    assert (tmp_path / "run/evaluation.json").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["glyphs-protonett"], "no recipe 'glyphs-protonett'"),
        (["glyphs-nearest"], "nothing to train"),
        (["glyphs-protonet", "--way", "5"], "--ways"),
        (["glyphs-protonet", "--steps", "0"], "at least one step"),
        (["glyphs-protonet", "--minutes", "-1"], "needs some time"),
        (["glyphs-protonet", "--minutes", "1", "--steps", "5"], "only one of them"),
        (["glyphs-protonet", "--resume", "nowhere"], "no folder nowhere"),
        (["glyphs-protonet", "--accelerator", "cuda"], "No such devices"),
        (["omniglot-protonet", "--data-root", "nowhere"], "nowhere"),
        (["glyphs-protonet", "--out", "a file"], "choose another folder"),
        (["glyphs-protonet", "--start-from", "nowhere"], "neither a run folder nor a name"),
        (["omniglot-lstm", "--start-from", "glyphs-protonet"], "Nothing of 'glyphs-protonet' fits"),
    ],
)
def test_a_mistake_has_one_clear_message_and_exit_code_two(
    quickstudy, arguments: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has such a device")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").touch()
    code, _, err = quickstudy("train", *arguments)
    assert code == 2
    assert complaint in " ".join(err.split())
    assert "Traceback" not in err


def test_a_training_is_not_overwritten_nor_resumed_as_another(quickstudy, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    quickstudy("train", "glyphs-protonet", *SMALL, "--steps", 3, "--out", folder)
    code, _, err = quickstudy("train", "glyphs-protonet", *SMALL, "--steps", 3, "--out", folder)
    assert code == 2
    assert "already holds a training" in err
    code, _, err = quickstudy("train", "glyphs-protonet", "--ways", 7, "--queries", 2, "--resume", folder)
    assert code == 2
    assert "begun with ways = 5, and 7 was given" in err
    code, _, err = quickstudy("train", "omniglot-protonet", "--resume", folder)
    assert code == 2
    assert "holds a training of 'glyphs-protonet'" in err


def test_help_tells_a_recipes_own_options(quickstudy) -> None:
    code, out, _ = quickstudy("train", "omniglot-protonet", "--help")
    assert code == 0
    assert all(option in out for option in ("--split", "--ways", "--steps", "--minutes", "--resume"))


def test_it_starts_from_other_weights_and_remembers_which(quickstudy, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    torch.manual_seed(7)
    began_with = build("glyphs-protonet", {}).learner
    save_checkpoint(first / "best.safetensors", began_with.state_dict(), {"recipe": "glyphs-protonet", "arguments": {}})
    still = ("train", "glyphs-protonet", *SMALL, "--test-tasks", 0, "--steps", 1, "--learning-rate", 0)
    code, _, err = quickstudy(*still, "--start-from", first, "--out", second)
    assert code == 0
    assert f"started from {first}" in err
    weights, header = load_checkpoint(second / "last.safetensors")
    assert all(torch.equal(weights[f"learner.{name}"], value) for name, value in began_with.named_parameters())
    assert header["start_from"] == read_header(second / "best.safetensors")["start_from"] == str(first)

    code, _, err = quickstudy(*still, "--start-from", "glyphs-protonet", "--resume", second)
    assert code == 2
    assert f"begun with start_from = {first}, and glyphs-protonet was given" in " ".join(err.split())
    code, _, err = quickstudy(*still, "--resume", second)
    assert code == 0
    assert "started from" not in err


def test_of_several_weights_to_start_from_the_later_go_over_the_earlier(quickstudy, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for number, folder in enumerate(folders):
        weights = {
            name: torch.full_like(w, number) for name, w in build("glyphs-protonet", {}).learner.state_dict().items()
        }
        header = {"recipe": "glyphs-protonet", "arguments": {"ways": number}}
        save_checkpoint(folder / "best.safetensors", weights, header)
    still = ("train", "glyphs-protonet", *SMALL, "--test-tasks", 0, "--steps", 1, "--learning-rate", 0)
    code, _, err = quickstudy(*still, "--start-from", ",".join(map(str, folders)), "--out", tmp_path / "run")
    assert code == 0, err
    assert all(f"started from {folder}" in err for folder in folders)
    weights, header = load_checkpoint(tmp_path / "run" / "last.safetensors")
    assert (weights["learner.encoder.blocks.4.weight"] == 1).all()
    assert header["before"] == [{"ways": 0}, {"ways": 1}]


def test_a_training_on_sequences_ends_with_accuracy_by_instance_and_its_curves(
    quickstudy, tmp_path: Path, made_up_omniglot: None
) -> None:
    folder = tmp_path / "run"
    code, out, _ = quickstudy(*SEQUENCES, "--out", folder, "--json")
    record = json.loads(out)
    assert code == 0
    assert record == json.loads((folder / "evaluation.json").read_text())
    test = record["test"][0]
    assert (test["setting"], test["classes"], test["sequences"]) == ("5 classes, one-hot", 5, 5)
    assert len(test["accuracy_by_instance"]) == 10
    assert record["picture"] == str(folder / "instances.png")
    with Image.open(folder / "instances.png") as picture:
        assert picture.width > 400
    again = json.loads(quickstudy("evaluate", folder, "--instances", "--tasks", 5, "--json")[1])
    assert again["size"] == 20
    assert again["accuracy_by_instance"] == test["accuracy_by_instance"]


def test_without_a_library_to_draw_with_the_figures_are_kept(
    quickstudy, tmp_path: Path, made_up_omniglot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = quickstudy(*SEQUENCES, "--out", tmp_path / "run")
    assert code == 2
    assert "quickstudy[plots]" in " ".join(err.split())
    assert "drawing of its class" in out
    assert len(json.loads((tmp_path / "run/evaluation.json").read_text())["test"]) == 1


def test_a_learner_of_functions_is_measured_beside_the_oracle_and_drawn(quickstudy, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, out, _ = quickstudy("train", "gp-cnp", "--steps", 3, "--test-tasks", 20, "--out", folder, "--json")
    assert code == 0
    further, everywhere = json.loads(out)["test"]
    assert (further["setting"], everywhere["setting"]) == ("further points", "all points")
    assert further["prior"]["mean"] < further["oracle"]["mean"]
    assert 0 <= further["coverage90"]["mean"] <= 1
    for name in ("functions", "calibration", "likelihood"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 400
    sizes = [each["support"] for each in json.loads((folder / "evaluation.json").read_text())["by_support"]]
    assert (sizes[0], sizes[-1]) == (3, 9)
    assert sizes == sorted(sizes)
    code, out, _ = quickstudy("evaluate", folder, "--tasks", 20, "--json")
    assert code == 0
    assert json.loads(out)["test"] == [further, everywhere]
    code, out, _ = quickstudy("evaluate", folder, "--tasks", 20)
    assert "of the way" in out
    code, _, err = quickstudy("evaluate", folder, "--ways", 20)
    assert code == 2
    assert "--ways" in err
