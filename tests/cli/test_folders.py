"""Which folder a training writes to, and how one goes on."""

import errno
import json
import resource
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from quickstudy.cli import train as train_command
from quickstudy.cli.folders import new_folder
from quickstudy.core import UserError, load_checkpoint, read_header
from quickstudy.learners import ProtoNet
from quickstudy.training import loop

FEW = ("--test-tasks", 2)


@pytest.fixture
def run(quickstudy, tiny: str, tmp_path: Path) -> Path:
    """The folder of a training that is done."""
    folder = tmp_path / "run"
    assert quickstudy("train", tiny, *FEW, "--out", folder)[0] == 0
    return folder


def _refusal(quickstudy, *arguments: object) -> str:
    code, _, err = quickstudy(*arguments)
    assert code == 2
    assert "Traceback" not in err
    return " ".join(err.split())


def _rewrite(path: Path, change_header=lambda header: header, change_tensors=lambda tensors: tensors) -> None:
    """The same file with another header or other tensors, whatever they are."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["quickstudy"])
    save_file(change_tensors(tensors), path, metadata={"quickstudy": json.dumps(change_header(header))})


def test_a_run_without_a_name_gets_the_next_free_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/tiny-2").mkdir(parents=True)
    assert [new_folder("tiny", None).path.name for _ in range(2)] == ["tiny-1", "tiny-3"]


def test_the_folder_of_all_runs_is_not_resumed(quickstudy, tiny: str, run: Path) -> None:
    before = sorted(run.parent.iterdir())
    err = _refusal(quickstudy, "train", tiny, "--resume", run.parent)
    assert f"is not the folder of one run, but holds {run}. Give one of them." in err
    assert sorted(run.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "complaint"), [("notes.txt", "it holds notes.txt"), ("best.safetensors", "--start-from")]
)
def test_a_folder_of_something_else_is_not_resumed(
    quickstudy, tiny: str, tmp_path: Path, name: str, complaint: str
) -> None:
    (tmp_path / name).touch()
    assert complaint in _refusal(quickstudy, "train", tiny, "--resume", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_empty_folder_is_resumed_from_the_first_step(quickstudy, tiny: str, tmp_path: Path) -> None:
    (tmp_path / ".last.safetensors.abcd_123").touch()  # Of a training that was killed while it first wrote.
    code, _, err = quickstudy("train", tiny, *FEW, "--resume", tmp_path)
    assert code == 0
    assert "starting from the first step" in err
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("name", ["metrics.csv", "notes.txt", ".hidden"])
def test_files_of_ones_own_are_not_written_over(quickstudy, tiny: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    assert f"holds files already: {name}" in _refusal(quickstudy, "train", tiny, "--out", tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_that_is_refused_leaves_no_folder(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for out in ((), ("--out", "some/where")):
        _refusal(quickstudy, "train", "omniglot-protonet", "--data-root", "nowhere", *out)
        _refusal(quickstudy, "train", tiny, "--ways", 21, *out)
        assert list(tmp_path.iterdir()) == []


def test_a_test_that_could_not_be_held_is_refused_before_the_training(
    quickstudy, tmp_path: Path, made_up_omniglot: None
) -> None:
    command = ("omniglot-maml", "--start-from", "none", "--split", "vinyals", "--ways", 500)
    err = _refusal(quickstudy, "train", *command, "--out", tmp_path / "run")
    assert "500 ways" in err
    assert list(tmp_path.iterdir()) == []


def test_a_tasks_refusal_at_the_first_step_leaves_no_folder(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(learner, tasks):
        raise UserError("too many examples")

    monkeypatch.setattr(ProtoNet, "meta_loss", refuse)
    assert "too many examples" in _refusal(quickstudy, "train", tiny, "--out", tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def _stopping_at(step: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    take = loop._Training._step

    def stopping(training, fraction):
        if training.position.step == step:
            raise error
        return take(training, fraction)

    monkeypatch.setattr(loop._Training, "_step", stopping)
    monkeypatch.setattr(loop, "_SECONDS_BETWEEN_SAVES", 0.0)


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (OSError(errno.ENOSPC, "No space left on device"), 2)]
)
def test_what_stops_a_training_says_the_command_that_goes_on(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    folder = tmp_path / "a run"
    with monkeypatch.context() as patched:
        _stopping_at(7, error, patched)
        ended, _, err = quickstudy("train", tiny, *FEW, "--accelerator", "cpu", "--seed", 3, "--out", folder)
    assert ended == code
    command = err.splitlines()[-1].removeprefix("Go on with: ")
    words = shlex.split(command)
    assert words[:5] == ["quickstudy", "train", tiny, "--resume", str(folder)]
    assert sorted(words[5:]) == sorted(["--test-tasks", "2", "--accelerator", "cpu"])
    assert quickstudy(*words[1:])[0] == 0
    assert read_header(folder / "last.safetensors")["position"]["step"] == 12


def test_the_test_of_a_resumed_training_has_the_tasks_of_its_own_seed(
    quickstudy, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = []
    for name in ("whole", "parts"):
        options = ("--seed", 5, "--out", tmp_path / name)
        if name == "parts":
            with monkeypatch.context() as patched:
                _stopping_at(7, KeyboardInterrupt(), patched)
                quickstudy("train", tiny, *FEW, *options)
            options = ("--resume", tmp_path / name)
        records.append(json.loads(quickstudy("train", tiny, *FEW, *options, "--json")[1])["test"])
    assert records[0] == records[1]
    assert records[0][0]["seed"] == 5


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file can be larger than this: the nearest that a test comes to a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_is_told_in_one_message(quickstudy, tiny: str, tmp_path: Path, little_room: None) -> None:
    err = _refusal(quickstudy, "train", tiny, "--out", tmp_path / "run")
    assert "File too large" in err
    assert "Make room, or choose another folder" in err
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_last_checkpoint_falls_back_to_the_one_before(
    quickstudy, tiny: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "parts"
    with monkeypatch.context() as patched:
        _stopping_at(8, KeyboardInterrupt(), patched)
        quickstudy("train", tiny, *FEW, "--out", folder)
    whole = (folder / "last.safetensors").read_bytes()
    (folder / "last.safetensors").write_bytes(whole[: len(whole) // 2])
    code, _, err = quickstudy("train", tiny, *FEW, "--resume", folder)
    assert code == 0
    assert "last.safetensors is damaged: going on from last.previous.safetensors, which is of step 7" in err
    for name in ("last.safetensors", "best.safetensors"):
        one, other = (load_checkpoint(each / name)[0] for each in (run, folder))
        assert [key for key in one if not torch.equal(one[key], other[key])] == []


def _without(prefix: str):
    return lambda tensors: {name: value for name, value in tensors.items() if not name.startswith(prefix)}


def _as_integers(tensors):
    return {name: value.long() if name.startswith("learner.") else value for name, value in tensors.items()}


def _with_nan(tensors):
    tensors["learner.encoder.blocks.0.weight"][0] = torch.nan
    return tensors


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without("optimiser."), "not the state of its optimiser"),
        (_without("optimiser.0.exp_avg_sq"), "not the state of its optimiser"),
        (_without("random."), "no sound random state"),
        (_without("average."), "do not fit their recipe: 'module.encoder.blocks.0.weight' is missing, and"),
        (_without("learner.encoder.blocks.0.weight"), "'encoder.blocks.0.weight' is missing. Train again"),
        (_as_integers, "is of torch.int64, not torch.float32"),
        (_with_nan, "numbers of 'encoder.blocks.0.weight' are not finite"),
    ],
)
def test_a_last_checkpoint_that_lacks_something_is_refused_in_one_short_message(
    quickstudy, tiny: str, run: Path, change, complaint: str
) -> None:
    _rewrite(run / "last.safetensors", change_tensors=change)
    err = _refusal(quickstudy, "train", tiny, "--resume", run)
    assert complaint in err
    assert len(err) < 500


def test_weights_alone_in_place_of_the_last_checkpoint_are_refused(quickstudy, tiny: str, run: Path) -> None:
    (run / "last.safetensors").write_bytes((run / "best.safetensors").read_bytes())
    err = _refusal(quickstudy, "train", tiny, "--resume", run)
    assert "no position, as in a file of weights alone" in err
    assert "Delete last.safetensors and resume" in err
    (run / "last.safetensors").unlink()
    code, _, err = quickstudy("train", tiny, *FEW, "--resume", run)
    assert code == 0
    assert "last.safetensors is missing: going on from last.previous.safetensors" in err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda header: [header], "not a JSON object"),
        (lambda header: None, "not a JSON object"),
        (lambda header: {}, "lacks the number of its format"),
        (lambda header: {**header, "position": None}, "no position"),
        (lambda header: {**header, "position": {}}, "a position that is no position"),
        (lambda header: {**header, "position": {**header["position"], "step": "7"}}, "a position that is no position"),
        (lambda header: {**header, "position": {**header["position"], "losses": [None]}}, "a position that is"),
        (lambda header: {**header, "recipe": None}, "its header lacks the name of a recipe"),
        (lambda header: {**header, "arguments": []}, "its header lacks the recipe's arguments"),
        (lambda header: {**header, "seed": "0"}, "its header lacks a whole number as its seed"),
        (lambda header: {**header, "seed": None}, "its header has no seed"),
        (lambda header: {**header, "arguments": {**header["arguments"], "ways": "many"}}, "begun with ways = many"),
    ],
)
def test_a_last_checkpoint_with_another_header_is_refused_in_one_short_message(
    quickstudy, tiny: str, run: Path, change, complaint: str
) -> None:
    _rewrite(run / "last.safetensors", change_header=change)
    (run / "last.previous.safetensors").unlink()
    assert complaint in _refusal(quickstudy, "train", tiny, "--ways", 4, "--resume", run)


def test_an_option_that_the_header_does_not_name_was_at_its_default(quickstudy, tiny: str, run: Path) -> None:
    def forget(header):
        del header["arguments"]["average_decay"]
        return header

    _rewrite(run / "last.safetensors", change_header=forget)
    err = _refusal(quickstudy, "train", tiny, "--average-decay", 0.5, "--resume", run)
    assert "begun with average_decay = 0.9, and 0.5 was given" in err


def test_devices_that_do_not_agree_end_together() -> None:
    class Second:
        is_global_zero, world_size = False, 2

        def broadcast(self, outcome):
            return None, UserError("refused by the first")

    with pytest.raises(SystemExit) as stopped:
        train_command._agreed(Second(), lambda: pytest.fail("only the first process decides"))
    assert stopped.value.code == 2


def test_weights_begun_with_can_be_those_that_a_training_came_to(quickstudy, tiny: str, run: Path) -> None:
    (run / "best.safetensors").unlink()
    code, _, err = quickstudy(
        "train", tiny, *FEW, "--start-from", run / "last.safetensors", "--out", run.parent / "next"
    )
    assert code == 0
    assert "started from" in err
