"""Headers come back from a file exactly, those of older versions too, and what is no header is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from quickstudy.core import (
    Header,
    Parent,
    UserError,
    first_format,
    header_of,
    load_trained,
    read_header,
    save_checkpoint,
    save_trained,
)

PATH = Path("weights.safetensors")
WHOLE = Header(
    recipe="omniglot-protonet",
    arguments={"ways": 60, "shots": (1, 5), "pool": ((60, 6), (1, 2)), "learning_rate": 1e-3, "split": "lake"},
    seed=7,
    minutes=1.5,
    step=0,
    parents=(
        Parent("omniglot-encoder", Header(recipe="omniglot-encoder", arguments={"ways": 5}, contents=("c",))),
        Parent("runs/other", Header(recipe="omniglot-cnp", parents=(Parent("a", Header(recipe="b")),), step=3)),
    ),
    reinitialised=("head", "encoder.norm"),
    contents=("a", "b"),
    provenance={"commit": "0123abc", "threads": 1},
    validation={"accuracy": 0.1 + 0.2, "oracle": None},
    stored="half precision",
    averaged=(Header(recipe="omniglot-protonet", seed=1, step=5),),
    calibration=({"ways": 5, "temperature": 1.5, "lowest_log_probabilities": {"0.9": -0.1}},),
    position={"step": 3, "best_score": None, "losses": [0.5]},
)


def stored(written: Header) -> Any:
    return json.loads(json.dumps(written.to_json(), allow_nan=False))


@pytest.mark.parametrize("written", [WHOLE, Header(recipe="omniglot-nearest")], ids=["whole", "nearly empty"])
def test_a_header_comes_back_exactly(written: Header, tmp_path: Path) -> None:
    assert Header.from_json(stored(written), PATH) == written
    path = tmp_path / "a.safetensors"
    save_trained(path, {"x": torch.ones(2)}, written)
    assert header_of(path) == written
    tensors, found = load_trained(path)
    assert found == written
    assert torch.equal(tensors["x"], torch.ones(2))


def test_what_is_empty_is_not_written() -> None:
    assert Header(recipe="r").to_json() == {"format": 2, "recipe": "r", "arguments": {}}


def test_arguments_are_equal_before_and_after_they_were_stored() -> None:
    assert Header(recipe="r", arguments={"pool": [60, 6]}) == Header(recipe="r", arguments={"pool": (60, 6)})


def test_the_checkpoint_before_is_kept_under_another_name(tmp_path: Path) -> None:
    path, before = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for step in (1, 2):
        save_trained(path, {"x": torch.ones(2)}, Header(recipe="r", step=step), keep_as=before)
    assert (header_of(path).step, header_of(before).step) == (2, 1)


def test_ancestors_are_the_whole_tree_with_itself_first_and_each_once() -> None:
    root = Header(recipe="root")
    left = Header(recipe="left", parents=(Parent("root", root),))
    right = Header(recipe="right", parents=(Parent("root again", root),))
    mean = Header(recipe="mean", averaged=(Header(recipe="part", parents=(Parent("left", left),)),))
    child = Header(recipe="child", parents=(Parent("left", left), Parent("right", right), Parent("mean", mean)))
    assert [each.recipe for each in child.ancestors()] == ["child", "left", "root", "right", "mean", "part"]
    assert root.ancestors() == [root]


def test_what_a_training_started_from_is_said_as_the_command_line_takes_it() -> None:
    assert WHOLE.start_from == "omniglot-encoder,runs/other"
    assert Header(recipe="r").start_from is None


def test_weights_are_trained_if_there_were_steps_or_they_are_a_mean() -> None:
    assert Header(recipe="r", step=0).is_trained
    assert Header(recipe="r", averaged=(Header(recipe="r"),)).is_trained
    assert not Header(recipe="r", arguments={"steps": 5}).is_trained


def test_the_commit_is_unknown_where_it_is_not_stored() -> None:
    assert (WHOLE.commit, Header(recipe="r").commit) == ("0123abc", "unknown")


FORMER = {
    "recipe": "omniglot-snail",
    "arguments": {"split": "lake", "bent": 3, "shots": [1, 3]},
    "seed": 0,
    "minutes": None,
    "precision": "32-true",
    "start_from": "omniglot-protonet",
    "trained_on": ["a", "b"],
    "quickstudy": "0.1.0",
    "commit": "751c209838b7",
    "threads": 1,
    "before": [{"split": "lake", "bent": 1}, {"split": "vinyals"}, {"split": "lake"}],
    "step": 2250,
    "validation_accuracy": 0.9218,
    "stored": "half precision",
}


def test_a_header_of_an_older_version_is_read() -> None:
    grandparents = tuple(
        Parent("unknown", Header(recipe="unknown", arguments={"split": split})) for split in ("vinyals", "lake")
    )
    parent = Header(recipe="unknown", arguments={"split": "lake", "copies": 1}, parents=grandparents)
    assert Header.from_json(FORMER, PATH) == Header(
        recipe="omniglot-snail",
        arguments={
            "split": "lake",
            "copies": 3,
            "shots": (1, 3),
            "precision": "32-true",
            "views": 1,
            "filters": 128,
            "keys": (64, 256, 512),
        },
        seed=0,
        step=2250,
        parents=(Parent("omniglot-protonet", parent),),
        contents=("a", "b"),
        provenance={"quickstudy": "0.1.0", "commit": "751c209838b7", "threads": 1},
        validation={"accuracy": 0.9218},
        stored="half precision",
    )


def test_a_header_of_an_older_version_is_written_in_todays_format(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"x": torch.ones(2)}, FORMER)
    found = header_of(path)
    save_trained(path, {"x": torch.ones(2)}, found)
    assert read_header(path)["format"] == 2
    assert header_of(path) == found


def test_a_mean_of_an_older_version_lists_each_training_once() -> None:
    one, two = {"steps": 1}, {"steps": 2, "bent": 1}
    parts = [
        {"arguments": one, "seed": 1, "start_from": "s1", "commit": "1abc", "step": 5},
        {"arguments": two, "seed": 2, "start_from": None, "commit": None, "step": None},
    ]
    found = Header.from_json({"recipe": "r", "arguments": one, "before": [two, {"steps": 3}], "averaged": parts}, PATH)
    assert found.averaged == (
        Header(recipe="r", arguments=one, seed=1, step=5, provenance={"commit": "1abc"}),
        Header(recipe="r", arguments={"steps": 2, "copies": 1}, seed=2, provenance={"commit": "unknown"}),
    )
    assert found.parents == (Parent("unknown", Header(recipe="unknown", arguments={"steps": 3})),)
    assert [each.arguments["steps"] for each in found.ancestors()] == [1, 3, 1, 2]


def test_a_start_of_an_older_version_is_remembered_without_its_arguments() -> None:
    found = Header.from_json({"recipe": "r", "arguments": {}, "start_from": "a,b"}, PATH)
    assert found.start_from == "a,b"
    assert found.parents[0].header == Header(recipe="unknown")


def test_arguments_that_came_later_are_what_they_stood_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_format, "_UNSAID", {"omniglot-mann": {"reads": "after"}})

    def arguments(recipe: str, **more: Any) -> Any:
        return Header.from_json({"recipe": recipe, "arguments": {"ways": 5}, **more}, PATH).arguments

    assert arguments("omniglot-mann-sequences") == {"ways": 5, "reads": "after"}
    assert arguments("omniglot-mann", arguments={"reads": "before"}) == {"reads": "before"}
    assert arguments("omniglot-cnp") == arguments("omniglot-mann", format=2) == {"ways": 5}


def test_what_was_true_or_false_is_a_share_now() -> None:
    written = {"recipe": "r", "arguments": {"frozen_encoder": True, "jitter": True}}
    found = Header.from_json(written, PATH).arguments
    assert type(found["frozen_encoder"]) is float
    assert found == {"frozen_encoder": 1.0, "jitter": True}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"recipe": None}, "its header lacks the name of a recipe"),
        ({"arguments": []}, "its header lacks the recipe's arguments"),
        ({"seed": "0"}, "its header lacks a whole number as its seed"),
        ({"seed": True}, "its header lacks a whole number as its seed"),
        ({"minutes": "1"}, "lacks a number of minutes"),
        ({"step": 1.5}, "lacks a number of steps"),
        ({"stored": 1}, "lacks how its numbers are stored"),
        ({"position": []}, "lacks the position of a training"),
    ],
    ids=str,
)
@pytest.mark.parametrize("of", [FORMER, stored(WHOLE)], ids=["older", "today's"])
def test_a_value_of_the_wrong_kind_is_refused(of: dict[str, Any], change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=f"is no checkpoint of a recipe: .*{complaint}.*Train again"):
        Header.from_json({**of, **change}, PATH)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"parents": None}, "a list of what it began with"),
        ({"parents": {}}, "a list of what it began with"),
        ({"parents": [{"name": "a"}]}, "a list of what it began with"),
        ({"parents": [{"name": "a", "header": {}}]}, "the name of a recipe"),
        ({"parents": [{"name": "a", "header": {"recipe": "b", "arguments": 5}}]}, "the recipe's arguments"),
        ({"averaged": [7]}, "a list of what it is the mean of"),
        ({"averaged": [{}]}, "the name of a recipe"),
        ({"reinitialised": [7]}, "a list of the parts drawn anew"),
        ({"contents": "a"}, "a list of the pictures it was trained on"),
        ({"provenance": []}, "the sources and the machine"),
        ({"validation": 0.5}, "figures of a validation"),
    ],
    ids=str,
)
def test_a_list_or_figure_of_the_wrong_kind_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=f"lacks {complaint}"):
        Header.from_json({**stored(WHOLE), **change}, PATH)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"before": None}, "a list of what it began with"),
        ({"before": [7]}, "a list of what it began with"),
        ({"averaged": None}, "a list of what it is the mean of"),
        ({"averaged": [{"arguments": 5}]}, "the recipe's arguments"),
        ({"start_from": 7}, "the names of what it began with"),
        ({"trained_on": [7]}, "a list of the pictures it was trained on"),
    ],
    ids=str,
)
def test_a_list_of_the_wrong_kind_is_refused_of_an_older_version_too(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=f"lacks {complaint}"):
        Header.from_json({**FORMER, **change}, PATH)


@pytest.mark.parametrize("written", [None, [], [1], 7, "text"], ids=str)
def test_what_is_no_object_is_refused(written: object) -> None:
    with pytest.raises(UserError, match="not a JSON object"):
        Header.from_json(written, PATH)


@pytest.mark.parametrize("number", [3, "2", None, [1] * 1000], ids=["later", "text", "null", "list"])
def test_the_format_of_a_later_version_is_refused_with_what_to_do(number: object) -> None:
    with pytest.raises(UserError, match=r"reads formats up to 2\. Use the version that wrote it") as refused:
        Header.from_json({**stored(WHOLE), "format": number}, PATH)
    assert len(str(refused.value)) < 300
