"""Accuracy by instance is measured as the command measures it, and for those who read sequences only."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import instances
from quickstudy.cli import main as quickstudy_main
from quickstudy.core import UserError, save_checkpoint
from quickstudy.recipes import build


def trained(folder: Path, recipe: str = "omniglot-mann-sequences", **given: Any) -> Path:
    """A run of three steps, as far as its header knows."""
    arguments = {"split": "vinyals", "classes": 3, "size": 20, "tasks_per_step": 4, "steps": 3, **given}
    header = {"format": 2, "recipe": recipe, "arguments": arguments, "minutes": None, "step": 2}
    save_checkpoint(folder / "best.safetensors", build(recipe, arguments).learner.state_dict(), header)
    return folder


def options(tmp_path: Path, **given: Any) -> instances.Options:
    return instances.Options(out=tmp_path / "out", sequences=4, **given)


def test_known_weights_of_the_recipes_made_for_sequences_are_measured_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "omniglot-nearest" in instances.default_names()
    runs = [str(trained(tmp_path / "mann")), str(trained(tmp_path / "lstm", "omniglot-lstm"))]
    monkeypatch.setattr(instances.quickstudy, "available", lambda: [*runs, "glyphs-nearest", "omniglot-protonet"])
    assert instances.default_names() == runs


def test_slots_are_asked_for_as_many_classes_as_they_were_built_for_and_others_for_all(tmp_path: Path) -> None:
    def asked(name: object) -> tuple[str, list[instances.Setting]]:
        found = instances.reader(str(name))
        return found.labels, found.settings((5, 15))

    def both(*settings: tuple[int, int | None]) -> list[tuple]:
        """Upright, then in four rotations."""
        return [(*each, rotated) for rotated in (False, True) for each in settings]

    assert asked(trained(tmp_path / "slots")) == ("one-hot", both((3, None)))
    assert asked(trained(tmp_path / "strings", labels="strings")) == ("strings", both((5, None), (15, None)))
    assert asked(trained(tmp_path / "codes", "omniglot-autoencoder")) == ("copied", both((5, None), (15, None)))
    assert asked("omniglot-nearest") == ("copied", both((5, 20), (15, 20)))


def test_a_record_says_who_was_asked_what_and_holds_what_the_command_prints(
    tmp_path: Path, made_up_omniglot: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path / "small-mann", labels="one-hot", key_strength=False, controller="feed-forward")
    assert instances.main([str(run)], options(tmp_path)) == 0
    told = capsys.readouterr()
    assert "3 classes" in told.out
    assert "small-mann: 3 classes" in told.err
    text = (tmp_path / "out" / "instances-small-mann.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    record, rotated = json.loads(text)
    assert (record["rotated"], rotated["rotated"]) == (record["result"]["rotated"], True) == (False, True)
    assert "--rotated" in rotated["command"]
    telling = {"classes": 3, "labels": "one-hot", "controller": "feed-forward", "key_strength": False}
    assert record["arguments"] == {**telling, "size": 20, "tasks_per_step": 4, "steps": 3}
    expected = {"weights": "small-mann", "recipe": "omniglot-mann-sequences", "trained_on": "omniglot vinyals"}
    expected |= {"labels": "one-hot", "classes": 3, "minutes": None, "best_step": 2}
    assert {key: record[key] for key in expected} == expected
    assert "ten drawings of each class" in record["protocol"]
    assert len(record["result"]["accuracy_by_instance"]) == 10
    assert record["result"]["commit"]
    monkeypatch.chdir(tmp_path)
    assert quickstudy_main(shlex.split(record["command"])[1:]) == 0
    assert record["result"] == json.loads(capsys.readouterr().out)


def test_what_has_no_slots_has_a_record_for_each_number_of_classes(tmp_path: Path, made_up_omniglot: None) -> None:
    assert instances.main(["omniglot-nearest"], options(tmp_path, classes=(2, 4))) == 0
    records = json.loads((tmp_path / "out" / "instances-omniglot-nearest.json").read_text(encoding="utf-8"))
    assert [record["classes"] for record in records] == [2, 4, 2, 4]
    for record in records[:2]:
        result = record["result"]
        assert (result["classes"], result["sequences"], result["size"]) == (record["classes"], 4, 20)
        assert (record["labels"], record["trained_on"], record["arguments"]) == ("copied", None, {})
        assert [accuracy["mean"] for accuracy in result["accuracy_by_instance"]][1:] == [1.0] * 9
        assert "--size 20" in record["command"]
    assert records[0]["result"]["first_instance_ceiling"] == 0.75


def test_what_was_measured_before_a_mistake_is_kept(
    tmp_path: Path, made_up_omniglot: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, measure = str(trained(tmp_path / "mann")), instances.measure

    def measured(asked: instances.Reader, *others: Any) -> dict[str, Any]:
        if asked.weights.name == run:
            raise UserError("No.")
        return measure(asked, *others)

    monkeypatch.setattr(instances, "measure", measured)
    assert instances.main(["omniglot-nearest", run], options(tmp_path, classes=(2,))) == 2
    assert capsys.readouterr().err.endswith("instances: No.\n")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["instances-omniglot-nearest.json"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("omniglot-protonet", "'omniglot-protonet' is a ProtoNet, which reads no sequences."),
        ("no-such-weights", "'no-such-weights' is neither a run folder nor a name"),
    ],
)
def test_who_cannot_be_asked_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, complaint: str
) -> None:
    assert instances.main(["omniglot-nearest", name], options(tmp_path)) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"instances: {complaint}")
    assert told.out == ""
    assert not (tmp_path / "out").exists()
