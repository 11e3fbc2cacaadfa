import csv
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

import quickstudy as package
from quickstudy.cli import train as train_command
from quickstudy.core import categorical, header_of, load_checkpoint, load_trained, save_checkpoint
from quickstudy.learners import ProtoNet
from quickstudy.recipes import build

FEW = ("--test-tasks", 5)
STILL = ("--test-tasks", 0, "--steps", 1, "--learning-rate", 0)
SEQUENCES = ("train", "omniglot-lstm", "--steps", 2, "--tasks-per-step", 2, "--test-tasks", 5)


def _run_apart(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """A training in a process of its own, which is gone afterwards whatever happens."""
    command = [sys.executable, str(Path(__file__).parent / "tiny.py"), "train", "tiny", *map(str, (*FEW, *arguments))]
    with subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=240)
        finally:
            with suppress(ProcessLookupError):  # The processes that it started, too.
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _losses(folder: Path) -> list[tuple[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


def _assert_same_weights(one: Path, other: Path) -> None:
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = (load_checkpoint(folder / name)[0] for folder in (one, other))
        assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []


def test_it_trains_evaluates_and_saves_a_picture(quickstudy, tiny: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, out, _ = quickstudy("train", tiny, *FEW, "--out", folder, "--json")
    record = json.loads(out)
    assert code == 0
    assert record["test"][0]["setting"] == "3-way 1-shot"
    assert record == json.loads((folder / "evaluation.json").read_text())
    assert record["picture"] == str(folder / "episode.png")
    with Image.open(folder / "episode.png") as picture:
        assert picture.width > 200
    learner = package.load(folder)
    assert not learner.training
    state = learner.adapt(torch.rand(1, 5, 1, 8, 8), torch.arange(5)[None])
    assert learner.predict(state, torch.rand(1, 2, 1, 8, 8)).probs.shape == (1, 2, 5)


def test_the_table_is_what_a_person_sees(quickstudy, tiny: str, tmp_path: Path) -> None:
    code, out, err = quickstudy("train", tiny, *FEW, "--out", tmp_path / "run")
    assert code == 0
    assert "3-way 5-shot" in out
    assert "step 12" in err


def test_killed_while_it_writes_and_resumed_it_ends_bit_for_bit_the_same(quickstudy, tiny: str, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    ended = _run_apart("--out", killed, KILLED_AT="8")  # Between two rows of the log.
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert [path.name for path in killed.glob(".*")] != []
    assert quickstudy("train", tiny, *FEW, "--out", whole)[0] == 0
    code, _, err = quickstudy("train", tiny, *FEW, "--resume", killed)
    assert code == 0, err
    _assert_same_weights(whole, killed)
    assert _losses(whole) == _losses(killed)
    assert [path.name for path in killed.glob(".*")] == []


def test_two_processes_train_one_learner(tmp_path: Path) -> None:
    ended = _run_apart("--steps", 2, "--devices", 2, "--accelerator", "cpu", "--out", tmp_path / "run")
    assert ended.returncode == 0, ended.stderr
    assert load_checkpoint(tmp_path / "run/last.safetensors")[1]["position"]["step"] == 2
    assert (tmp_path / "run/evaluation.json").exists()


def test_a_training_that_sees_no_numbers_at_validation_ends_with_one_message(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = ProtoNet.predict

    def blind(learner, state, query_x):
        said = predict(learner, state, query_x)
        return said if learner.training else categorical(said.logits * math.nan)

    monkeypatch.setattr(ProtoNet, "predict", blind)
    code, _, err = quickstudy("train", tiny, *FEW, "--out", tmp_path / "run")
    assert code == 1
    assert err.count("gave negative log-likelihood nan and is skipped") == 3
    assert "The last 3 validations gave no finite numbers, up to step 12" in err
    assert "Go on with" not in err


def test_weights_that_are_no_numbers_are_not_evaluated(quickstudy, tmp_path: Path) -> None:
    weights = build("glyphs-protonet", {}).learner.state_dict()
    weights["encoder.blocks.0.weight"][:] = math.inf
    save_checkpoint(tmp_path / "best.safetensors", weights, {"format": 2, "recipe": "glyphs-protonet", "arguments": {}})
    code, out, err = quickstudy("evaluate", tmp_path, "--tasks", 2)
    assert (code, out) == (2, "")
    assert "numbers of 'encoder.blocks.0.weight' are not finite" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["glyphs-protonett"], "no recipe 'glyphs-protonett'"),
        (["glyphs-nearest"], "nothing to train"),
        (["glyphs-protonet", "--way", "5"], "--ways"),
        (["glyphs-protonet", "--steps", "0"], "whole number from 1"),
        (["glyphs-protonet", "--minutes", "-1"], "needs some time"),
        (["glyphs-protonet", "--minutes", "nan"], "needs some time"),
        (["glyphs-protonet", "--minutes", "inf"], "needs some time"),
        (["glyphs-protonet", "--seed", "-1"], "--seed -1 was given"),
        (["glyphs-protonet", "--seed", str(2**64)], "to 2^63"),
        (["glyphs-protonet", "--devices", "-1"], "--devices -1 was given"),
        (["glyphs-protonet", "--num-nodes", "0"], "--num-nodes 0 was given"),
        (["glyphs-protonet", "--test-tasks", "-1"], "--test-tasks -1 was given"),
        (["glyphs-protonet", "--tasks-per-step", "0"], "tasks_per_step = 0 was given"),
        (["glyphs-protonet", "--learning-rate", "nan"], "learning_rate = nan was given"),
        (["glyphs-protonet", "--average-decay", "1.5"], "average_decay = 1.5 was given"),
        (["glyphs-protonet", "--tasks-per-step", "3", "--devices", "2"], "cannot be shared evenly by 2 processes"),
        (["gp-cnp", "--hidden", "-1"], "hidden = -1 was given"),
        (["omniglot-maml", "--channels", "0"], "channels = 0 was given"),
        (["omniglot-snail", "--ways", "2", "30"], "ways = (2, 30) was given, but there are 20 label slots"),
        (["gp-tnp", "--heads", "3"], "3 heads do not divide 64 channels"),
        (["glyphs-protonet", "--minutes", "1", "--steps", "5"], "only one of them"),
        (["glyphs-protonet", "--resume", "nowhere"], "no folder nowhere"),
        (["glyphs-protonet", "--accelerator", "cuda"], "No such devices"),
        (["omniglot-protonet", "--data-root", "nowhere"], "nowhere"),
        (["glyphs-protonet", "--out", "a file"], "Choose another folder"),
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


def test_a_training_is_not_overwritten_nor_resumed_as_another(quickstudy, tiny: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    quickstudy("train", tiny, *FEW, "--steps", 1, "--out", folder)
    code, _, err = quickstudy("train", tiny, *FEW, "--steps", 1, "--out", folder)
    assert code == 2
    assert "already holds a training" in err
    code, _, err = quickstudy("train", tiny, "--ways", 4, "--resume", folder)
    assert code == 2
    assert "begun with ways = 3, and 4 was given" in err
    code, _, err = quickstudy("train", "omniglot-protonet", "--resume", folder)
    assert code == 2
    assert "holds a training of 'tiny'" in err


def test_help_tells_a_recipes_own_options(quickstudy) -> None:
    code, out, _ = quickstudy("train", "omniglot-protonet", "--help")
    assert code == 0
    assert all(option in out for option in ("--split", "--ways", "--steps", "--minutes", "--resume"))
    assert " characters options" in out  # Without the name of what they belong to.


def test_it_starts_from_other_weights_and_remembers_which(quickstudy, tiny: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    torch.manual_seed(7)
    began_with = build(tiny, {}).learner
    save_checkpoint(first / "best.safetensors", began_with.state_dict(), {"format": 2, "recipe": tiny, "arguments": {}})
    still = ("train", tiny, *STILL)
    code, _, err = quickstudy(*still, "--start-from", first, "--out", second)
    assert code == 0
    assert f"started from {first}" in err
    weights, header = load_trained(second / "last.safetensors")
    assert all(torch.equal(weights[f"learner.{name}"], value) for name, value in began_with.named_parameters())
    assert header.start_from == header_of(second / "best.safetensors").start_from == str(first)

    code, _, err = quickstudy(*still, "--start-from", "glyphs-protonet", "--resume", second)
    assert code == 2
    assert f"begun with start_from = {first}, and glyphs-protonet was given" in " ".join(err.split())
    code, _, err = quickstudy(*still, "--resume", second)
    assert code == 0
    assert "started from" not in err


def test_of_several_weights_to_start_from_the_later_go_over_the_earlier(quickstudy, tiny: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for number, folder in enumerate(folders):
        weights = {name: torch.full_like(w, number) for name, w in build(tiny, {}).learner.state_dict().items()}
        header = {"format": 2, "recipe": tiny, "arguments": {"ways": 2 + number}}
        save_checkpoint(folder / "best.safetensors", weights, header)
    still = ("train", tiny, *STILL)
    code, _, err = quickstudy(*still, "--start-from", ",".join(map(str, folders)), "--out", tmp_path / "run")
    assert code == 0, err
    assert all(f"started from {folder}" in err for folder in folders)
    weights, header = load_trained(tmp_path / "run" / "last.safetensors")
    assert (weights["learner.encoder.blocks.3.weight"] == 1).all()
    assert [parent.name for parent in header.parents] == list(map(str, folders))
    assert [parent.header.arguments for parent in header.parents] == [{"ways": 2}, {"ways": 3}]
    assert header.reinitialised == ()


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


@pytest.mark.parametrize("recipe", [SEQUENCES, ("train", "gp-cnp", "--hidden", 4, "--steps", 1, "--test-tasks", 2)])
def test_without_a_library_to_draw_with_a_training_ends_well(
    quickstudy, recipe: tuple, tmp_path: Path, made_up_omniglot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = quickstudy(*recipe, "--out", tmp_path / "run", "--json")
    assert code == 0
    assert err.count("quickstudy[plots]") == 1
    record = json.loads(out)
    assert record == json.loads((tmp_path / "run/evaluation.json").read_text())
    assert record["picture"] is None
    assert len(record["test"]) >= 1
    assert list((tmp_path / "run").glob("*.png")) == []


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
    assert "share of the gap" in out
    code, _, err = quickstudy("evaluate", folder, "--ways", 20)
    assert code == 2
    assert "--ways" in err


@pytest.fixture
def declared(tiny: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the tiny recipe declare what it starts from."""

    def declare(start: str) -> None:
        monkeypatch.setattr(train_command, "build", lambda *given: replace(build(*given), starts_from=start))

    return declare


def test_a_training_starts_from_what_its_recipe_declares_unless_other_weights_are_given(
    quickstudy, tiny: str, declared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, other = tmp_path / "shipped", tmp_path / "other"
    monkeypatch.setattr("quickstudy.pretrained._FOLDER", shipped)
    for seed, path in enumerate((shipped / "first.safetensors", other / "best.safetensors")):
        torch.manual_seed(seed)
        save_checkpoint(path, build(tiny, {}).learner.state_dict(), {"format": 2, "recipe": tiny, "arguments": {}})
    declared("first")
    for options, start in (((), "first"), (("--start-from", other), str(other)), (("--start-from", "none"), None)):
        folder = tmp_path / str(start).replace("/", "-")
        code, _, err = quickstudy("train", tiny, *STILL, *options, "--out", folder)
        assert code == 0, err
        assert ("started from" in err) == (start is not None)
        assert header_of(folder / "last.safetensors").start_from == start
        assert quickstudy("train", tiny, *STILL, "--resume", folder)[0] == 0
        assert header_of(folder / "last.safetensors").start_from == start
    code, _, err = quickstudy("train", tiny, *STILL, "--start-from", "none", "--resume", tmp_path / "first")
    assert code == 2
    assert "begun with start_from = first, and none was given" in " ".join(err.split())


def test_weights_that_a_recipe_starts_from_and_that_are_not_there_are_to_be_trained_first(
    quickstudy, tiny: str, declared, tmp_path: Path
) -> None:
    declared("omniglot-cnp-paper")
    code, _, err = quickstudy("train", tiny, *STILL, "--out", tmp_path / "run")
    assert code == 2
    assert "Train them first: quickstudy train omniglot-cnp-paper" in " ".join(err.split())
    assert not (tmp_path / "run").exists()


def test_a_training_builds_its_experiment_once(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    monkeypatch.setattr(train_command, "build", lambda *given: (built.append(given), build(*given))[1])
    assert quickstudy("train", tiny, *STILL, "--out", tmp_path / "run")[0] == 0
    assert len(built) == 1


def test_what_was_drawn_anew_beside_an_encoder_is_noted(quickstudy, tmp_path: Path, made_up_omniglot: None) -> None:
    small = ("--max-ways", 3, "--ways", 3, "--shots", 1, "--pool", "None", "--generated", 0, "--tasks-per-step", 1)
    command = ("train", "omniglot-transformer", *small, *STILL, "--start-from", "omniglot-encoder")
    code, _, err = quickstudy(*command, "--out", tmp_path / "run")
    assert code == 0, err
    header = header_of(tmp_path / "run/last.safetensors")
    names = {name.split(".")[0] for name in build(header.recipe, header.arguments).learner.state_dict()}
    assert header.reinitialised == tuple(sorted(names - {"encoder"}))


def test_a_resumed_training_keeps_its_precision(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = quickstudy("train", tiny, *STILL, "--precision", "64-true", "--out", tmp_path / "run")
    assert code == 0, err
    found: list[str] = []
    make = train_command.launched

    def noted(accelerator, devices, num_nodes, wanted):
        found.append(wanted)
        return make(accelerator, devices, num_nodes, wanted)

    monkeypatch.setattr(train_command, "launched", noted)
    code, _, err = quickstudy("train", tiny, "--test-tasks", 0, "--resume", tmp_path / "run")
    assert (code, found) == (0, ["64-true"]), err
    code, _, err = quickstudy("train", tiny, "--precision", "bf16-mixed", "--resume", tmp_path / "run")
    assert code == 2
    assert "was begun with precision = 64-true" in err


def test_a_processor_without_bfloat16_trains_in_32_bits_and_says_so(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quickstudy.training.devices.has_fast_bfloat16", lambda: False)
    code, _, err = quickstudy("train", tiny, *STILL, "--precision", "bf16-mixed", "--out", tmp_path / "run")
    assert code == 0, err
    assert "no bfloat16 arithmetic: the precision is 32-true" in err
    header = header_of(tmp_path / "run/last.safetensors")
    assert (header.arguments["precision"], header.provenance["precision"]) == ("bf16-mixed", "32-true")
