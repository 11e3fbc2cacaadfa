"""A card says what the header and the figures say, and what follows from them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import quickstudy
from quickstudy.cards import card_of
from quickstudy.cards.facts import command_of
from quickstudy.core import Header, Parent, UserError, save_trained
from quickstudy.pretrained import available, describe
from quickstudy.reproduction import figures_of


def test_it_says_what_the_weights_were_trained_on_and_by_which_command() -> None:
    card = card_of("omniglot-protonet")
    assert (card.trained_on, card.training_classes) == ("omniglot lake", 964)
    assert (card.command, card.is_one_command) == ("quickstudy train omniglot-protonet", True)
    assert (card.commit, card.seed, card.steps) == ("75dc38559505", 0, 14000)
    assert "It was trained on tasks of 60 classes and 1 example of each." in card.limits
    assert card_of("omniglot-completion-conv-cnp").trained_on == "omniglot lake"


def test_it_has_the_figures_that_reproduce_compares() -> None:
    found = {each["setting"]: each["mean"] for each in card_of("omniglot-protonet").figures}
    assert found == {each.setting: each.scale * each.mean for each in figures_of("omniglot-protonet")}


def test_several_trainings_are_not_called_one_command(tmp_path: Path) -> None:
    assert card_of("omniglot-mann-sequences").is_one_command
    save_trained(tmp_path / "best.safetensors", quickstudy.load("omniglot-lstm").state_dict(), begun_from("first"))
    assert not card_of(tmp_path).is_one_command


def begun_from(name: str) -> Header:
    return Header(recipe="omniglot-lstm", step=1, parents=(Parent(name, Header(recipe="omniglot-lstm", step=1)),))


def test_the_command_says_what_the_recipe_does_not_declare_that_it_starts_from() -> None:
    assert command_of(begun_from("first")) == "quickstudy train omniglot-lstm --start-from first"
    from_nothing = Header(recipe="omniglot-mann-sequences", step=1)
    assert command_of(from_nothing) == "quickstudy train omniglot-mann-sequences --start-from none"
    declared = replace(from_nothing, parents=(Parent("omniglot-mann-strings", from_nothing),))
    assert command_of(declared) == "quickstudy train omniglot-mann-sequences"


def test_the_command_has_the_options_that_differ_from_the_recipe() -> None:
    header = Header(recipe="omniglot-protonet", arguments={"ways": 30, "shots": 1, "final": False}, seed=3, minutes=10)
    assert command_of(header) == "quickstudy train omniglot-protonet --ways 30 --no-final --seed 3 --minutes 10"
    assert command_of(replace(header, arguments={}, seed=0, minutes=None)) == "quickstudy train omniglot-protonet"


def test_label_slots_and_common_predictions_are_limits() -> None:
    limits = " ".join(card_of("omniglot-maml").limits)
    assert "up to 5 classes" in limits
    assert "all queries of a task together" in limits


@pytest.mark.parametrize("name", [name for name in available() if describe(name).is_trained])
def test_all_trained_weights_have_a_card_that_json_can_hold(name: str) -> None:
    record = card_of(name).record()
    assert json.loads(json.dumps(record))["name"] == name
    assert record["idea"]


def test_learners_without_weights_have_no_card() -> None:
    with pytest.raises(UserError, match="no trained weights"):
        card_of("omniglot-nearest")
