"""The card of weights, for people and for programs."""

import json


def test_a_card_names_command_and_commit(quickstudy) -> None:
    code, out, err = quickstudy("card", "omniglot-protonet")
    assert (code, err) == (0, "")
    assert "quickstudy train omniglot-protonet" in out
    assert "75dc38559505" in out


def test_json_is_one_object(quickstudy) -> None:
    code, out, _ = quickstudy("card", "gp-general", "--json")
    assert code == 0
    assert json.loads(out)["name"] == "gp-general"


def test_unknown_weights_are_refused(quickstudy) -> None:
    code, _, err = quickstudy("card", "no-such-weights")
    assert code == 2
    assert "no-such-weights" in err
