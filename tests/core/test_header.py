"""Headers come back from a file exactly, and what is no header is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from quickstudy.core import (
    Header,
    Parent,
    UserError,
    header_of,
    in_half_precision,
    load_trained,
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
    child = Header(recipe="child", parents=(Parent("left", left), Parent("right", right)))
    assert [each.recipe for each in child.ancestors()] == ["child", "left", "root", "right"]
    assert root.ancestors() == [root]


def test_what_a_training_started_from_is_said_as_the_command_line_takes_it() -> None:
    assert WHOLE.start_from == "omniglot-encoder,runs/other"
    assert Header(recipe="r").start_from is None


def test_weights_are_trained_if_there_were_steps() -> None:
    assert Header(recipe="r", step=0).is_trained
    assert not Header(recipe="r", arguments={"steps": 5}).is_trained


def test_the_commit_is_unknown_where_it_is_not_stored() -> None:
    assert (WHOLE.commit, Header(recipe="r").commit) == ("0123abc", "unknown")


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
def test_a_value_of_the_wrong_kind_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=f"is no checkpoint of a recipe: .*{complaint}.*Train again"):
        Header.from_json({**stored(WHOLE), **change}, PATH)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"parents": None}, "a list of what it began with"),
        ({"parents": {}}, "a list of what it began with"),
        ({"parents": [{"name": "a"}]}, "a list of what it began with"),
        ({"parents": [{"name": "a", "header": {}}]}, "the name of a recipe"),
        ({"parents": [{"name": "a", "header": {"recipe": "b", "arguments": 5}}]}, "the recipe's arguments"),
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


@pytest.mark.parametrize("written", [None, [], [1], 7, "text"], ids=str)
def test_what_is_no_object_is_refused(written: object) -> None:
    with pytest.raises(UserError, match="not a JSON object"):
        Header.from_json(written, PATH)


@pytest.mark.parametrize("number", [1, 3, "2", None, [1] * 1000], ids=["earlier", "later", "text", "null", "list"])
def test_the_format_of_another_version_is_refused_with_what_to_do(number: object) -> None:
    with pytest.raises(UserError, match=r"reads format 2\. Use the version that wrote it") as refused:
        Header.from_json({**stored(WHOLE), "format": number}, PATH)
    assert len(str(refused.value)) < 300


def test_a_header_from_before_headers_had_a_format_is_refused() -> None:
    with pytest.raises(UserError, match=r"lacks the number of its format\. Train again"):
        Header.from_json({"recipe": "r", "arguments": {}, "before": [{"split": "lake"}]}, PATH)


def test_half_precision_rounds_numbers_with_a_point_alone_and_says_so() -> None:
    weights, header = in_half_precision(
        {"w": torch.tensor([1 / 3]), "steps": torch.tensor(2**20 + 1)}, Header(recipe="r")
    )
    assert weights["w"].dtype == torch.float16
    assert weights["steps"] == 2**20 + 1
    assert header.is_in_half_precision
    assert not Header(recipe="r").is_in_half_precision


def test_numbers_that_half_precision_does_not_hold_are_refused() -> None:
    with pytest.raises(UserError, match="too large for half precision"):
        in_half_precision({"w": torch.tensor([1e6])}, Header(recipe="r"))
