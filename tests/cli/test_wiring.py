"""What the commands do with their options: which tasks an evaluation asks, and what a training must not have seen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from quickstudy.core import Experiment, Header, Parent, header_of, load_checkpoint, save_trained
from quickstudy.datasets import omniglot
from quickstudy.learners import Nearest
from quickstudy.recipes import build

SMALL = ("--ways", 5, "--queries", 1, "--pool", "None", "--tasks-per-step", 1, "--steps", 1, "--test-tasks", 0)
SCRATCH = ("train", "omniglot-protonet", *SMALL)


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training is validated on two tasks instead of hundreds, to be quick."""

    def short(name: str, arguments: dict[str, Any]) -> Experiment:
        return replace(build(name, arguments), validation_tasks=2)

    monkeypatch.setattr("quickstudy.cli.train.build", short)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Tensor]]:
    """Whatever a nearest neighbour is shown and asked, in the order of the calls."""
    seen: dict[str, list[Tensor]] = {"support_x": [], "support_y": [], "query_x": []}
    adapt, predict = Nearest.adapt, Nearest.predict

    def noted_adapt(self: Nearest, support_x: Tensor, support_y: Tensor, *more: Any, **options: Any) -> Any:
        seen["support_x"].append(support_x)
        seen["support_y"].append(support_y)
        return adapt(self, support_x, support_y, *more, **options)

    def noted_predict(self: Nearest, state: Any, query_x: Tensor) -> Any:
        seen["query_x"].append(query_x)
        return predict(self, state, query_x)

    monkeypatch.setattr(Nearest, "adapt", noted_adapt)
    monkeypatch.setattr(Nearest, "predict", noted_predict)
    return seen


def _evaluated(quickstudy, *options: object) -> dict[str, Any]:
    code, out, err = quickstudy("evaluate", "omniglot-nearest", "--tasks", 20, "--json", *options)
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("split", ["lake", "vinyals"])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_an_evaluation_asks_for_the_part_of_the_split_upright_and_as_it_was_drawn(
    quickstudy, few_characters, asked, split: str, part: str
) -> None:
    _evaluated(quickstudy, "--split", split, "--part", part, "--ways", 8)
    shown = few_characters.read(torch.cat([image.flatten(0, -3) for image in asked["support_x"] + asked["query_x"]]))
    assert {seen.orientation for seen in shown} == {(0, False)}
    assert {seen.character for seen in shown} == set(getattr(omniglot.split(split), part))


def test_ways_shots_and_queries_are_those_asked_for(quickstudy, few_characters, asked) -> None:
    record = _evaluated(quickstudy, "--ways", 6, "--shots", 2, "--queries", 3)
    assert {each.shape[1] for each in asked["support_x"]} == {12}
    assert sum(each.shape[0] * each.shape[1] for each in asked["query_x"]) == 20 * 18
    assert (record["ways"], record["shots"], record["queries"], record["tasks"]) == (6, 2, 3, 20)


def test_within_alphabet_all_classes_of_a_task_are_of_one_alphabet(quickstudy, few_characters, asked) -> None:
    alphabets = []
    for option in ((), ("--within-alphabet",)):
        asked["support_x"].clear()
        record = _evaluated(quickstudy, *option)
        tasks = [few_characters.read(task) for batch in asked["support_x"] for task in batch]
        alphabets.append([len({seen.character // 8 for seen in task}) for task in tasks])
    assert max(alphabets[0]) > 1
    assert set(alphabets[1]) == {1}
    assert record["sampling"] == "within one alphabet"


def test_the_seed_decides_the_tasks_of_an_evaluation(quickstudy, few_characters, asked) -> None:
    drawn = []
    for seed in (0, 0, 1):
        asked["support_x"].clear()
        _evaluated(quickstudy, "--seed", seed)
        drawn.append(torch.cat(asked["support_x"]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_glyphs_are_those_of_the_part_asked_for(quickstudy, few_characters, asked) -> None:
    for part in ("validation", "test"):
        asked["support_x"].clear()
        code, _, err = quickstudy("evaluate", "glyphs-nearest", "--part", part, "--tasks", 4)
        assert code == 0, err
        shown = few_characters.read(torch.cat([image.flatten(0, -3) for image in asked["support_x"]]))
        assert {seen.kind for seen in shown} == {part}


def _weights(folder: Path, arguments: dict[str, Any], before: Sequence[dict[str, Any]] = ()) -> Path:
    """A run folder of ProtoNet weights that say so of their training."""
    learner = build("omniglot-protonet", {}).learner
    save_trained(folder / "best.safetensors", learner.state_dict(), _header(arguments, *before))
    return folder


def _header(arguments: dict[str, Any], *before: dict[str, Any]) -> Header:
    parents = (Parent("first", _header(*before)),) if before else ()
    return Header(recipe="omniglot-protonet", arguments=arguments, step=1, parents=parents)


VINYALS = {"split": "vinyals", "final": True}
LAKE = {"split": "lake", "final": True}
TUNED = {"split": "lake", "final": False}


@pytest.mark.parametrize(
    ("arguments", "before", "part"),
    [
        (VINYALS, [], "test"),
        (LAKE, [], "validation"),
        (LAKE, [VINYALS], "test"),
        (LAKE, [LAKE, VINYALS], "test"),
        (TUNED, [LAKE], "validation"),
    ],
)
def test_an_evaluation_on_what_weights_or_their_ancestors_were_trained_on_is_refused(
    quickstudy, few_characters, tmp_path: Path, arguments: dict, before: list[dict], part: str
) -> None:
    folder = _weights(tmp_path / "run", arguments, before)
    command = ("evaluate", folder, "--split", "lake", "--tasks", 2, "--queries", 1)
    code, out, err = quickstudy(*command, "--part", part)
    assert (code, out) == (2, "")
    assert "were trained on the split" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("arguments", "part"), [(LAKE, "test"), (TUNED, "validation"), (VINYALS, "train")])
def test_an_evaluation_on_what_was_not_trained_on_is_not_refused(
    quickstudy, few_characters, tmp_path: Path, arguments: dict, part: str
) -> None:
    folder = _weights(tmp_path / "run", arguments)
    assert quickstudy("evaluate", folder, "--split", "lake", "--part", part, "--tasks", 2, "--queries", 1)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "before", "trained"),
    [
        (VINYALS, [], ("--split", "lake")),
        (LAKE, [VINYALS], ("--split", "lake")),
        (LAKE, [], ("--split", "lake", "--no-final")),
        (TUNED, [LAKE], ("--split", "lake", "--no-final")),
    ],
)
def test_a_training_does_not_start_from_weights_that_have_seen_its_test_or_validation(
    quickstudy, few_characters, tmp_path: Path, arguments: dict, before: list[dict], trained: tuple[str, ...]
) -> None:
    folder = _weights(tmp_path / "start", arguments, before)
    code, _, err = quickstudy(*SCRATCH, *trained, "--start-from", folder, "--out", tmp_path / "run")
    assert code == 2
    assert "were trained on the split" in err
    assert not (tmp_path / "run").exists()


def test_of_several_starts_none_may_have_seen_the_test(quickstudy, few_characters, tmp_path: Path) -> None:
    sound, leaking = _weights(tmp_path / "sound", LAKE), _weights(tmp_path / "leaking", VINYALS)
    for order in ((sound, leaking), (leaking, sound)):
        starts = ",".join(map(str, order))
        code, _, err = quickstudy(*SCRATCH, "--split", "lake", "--start-from", starts, "--out", tmp_path / "run")
        assert code == 2
        assert "were trained on the split 'vinyals'" in err


def _before(path: Path) -> list[Any]:
    """On what all trainings that weights come from were, but for the last one."""
    telling = ("split", "final", "ways")
    ancestors = header_of(path).ancestors()[1:]
    return [{key: value for key, value in each.arguments.items() if key in telling} for each in ancestors]


def test_the_header_remembers_ancestors_of_ancestors(quickstudy, few_characters, tmp_path: Path) -> None:
    grandparents = [{"split": "lake", "ways": 7}, {"split": "lake", "ways": 8}]
    parent = {"split": "lake", "ways": 9}
    earlier = [parent, *grandparents]
    start = _weights(tmp_path / "start", parent, grandparents)
    code, _, err = quickstudy(*SCRATCH, "--start-from", start, "--out", tmp_path / "run")
    assert code == 0, err
    for name in ("last", "best"):
        assert _before(tmp_path / f"run/{name}.safetensors") == earlier
    code, _, err = quickstudy(*SCRATCH, "--start-from", tmp_path / "run", "--out", tmp_path / "child")
    assert code == 0, err
    assert _before(tmp_path / "child/best.safetensors") == [{"split": "lake", "final": True, "ways": 5}, *earlier]


def test_resumed_a_training_still_knows_its_ancestors(quickstudy, few_characters, tmp_path: Path) -> None:
    start = _weights(tmp_path / "start", LAKE, [TUNED])
    assert quickstudy(*SCRATCH, "--start-from", start, "--out", tmp_path / "run")[0] == 0
    assert quickstudy(*SCRATCH, "--resume", tmp_path / "run")[0] == 0
    header = header_of(tmp_path / "run/last.safetensors")
    assert header.start_from == str(start)
    assert _before(tmp_path / "run/last.safetensors") == [LAKE, TUNED]


def _ended(folder: Path) -> dict[str, Tensor]:
    tensors, _ = load_checkpoint(folder / "last.safetensors")
    return {name: value for name, value in tensors.items() if name.startswith("learner.") and name.endswith("weight")}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_seed_decides_the_first_weights(quickstudy, few_characters, tmp_path: Path) -> None:
    ends = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        torch.manual_seed(len(ends) + 5)  # Whatever was drawn before.
        # Steps so short leave the weights as they were drawn.
        still = ("--seed", seed, "--learning-rate", 1e-30, "--out", tmp_path / name)
        assert quickstudy(*SCRATCH, *still)[0] == 0
        ends.append(_ended(tmp_path / name))
    assert _same(ends[0], ends[1])
    assert not _same(ends[0], ends[2])


def test_the_seed_decides_the_tasks(quickstudy, few_characters, tmp_path: Path) -> None:
    start = _weights(tmp_path / "start", LAKE)
    ends = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        options = ("--seed", seed, "--start-from", start, "--out", tmp_path / name)
        assert quickstudy(*SCRATCH, *options)[0] == 0
        ends.append(_ended(tmp_path / name))
    assert _same(ends[0], ends[1])
    assert not _same(ends[0], ends[2])


def test_a_resumed_training_keeps_its_seed(quickstudy, few_characters, tmp_path: Path) -> None:
    assert quickstudy(*SCRATCH, "--seed", 3, "--out", tmp_path / "run")[0] == 0
    code, _, err = quickstudy(*SCRATCH, "--seed", 4, "--resume", tmp_path / "run")
    assert code == 2
    assert "begun with seed = 3, and 4 was given" in err
    assert quickstudy(*SCRATCH, "--resume", tmp_path / "run")[0] == 0
    assert header_of(tmp_path / "run/last.safetensors").seed == 3


def test_a_frozen_encoder_stays_as_it_started(quickstudy, few_characters, tmp_path: Path) -> None:
    start = _weights(tmp_path / "start", LAKE)
    small = ("--max-ways", 3, "--ways", 3, "--shots", 1, "--pool", "None", "--generated", 0, "--tasks-per-step", 1)
    command = ("train", "omniglot-transformer", *small, "--steps", 1, "--test-tasks", 0)
    code, _, err = quickstudy(*command, "--frozen-encoder", 1, "--start-from", start, "--out", tmp_path / "run")
    assert code == 0, err
    began, _ = load_checkpoint(start / "best.safetensors")
    ended, _ = load_checkpoint(tmp_path / "run/last.safetensors")
    shared = [name for name in began if f"learner.{name}" in ended]
    assert shared
    assert all(torch.equal(began[name], ended[f"learner.{name}"]) for name in shared)
    nothing = ("--start-from", "none")
    code, _, err = quickstudy(*command, "--frozen-encoder", 1, *nothing, "--out", tmp_path / "other")
    assert code == 2
    assert "would keep its random first weights" in err
