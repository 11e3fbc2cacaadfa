import json


def test_it_names_recipes_and_weights(quickstudy) -> None:
    code, out, _ = quickstudy("list", "--json")
    listed = json.loads(out)
    assert code == 0
    assert {"omniglot-protonet", "omniglot-cnp", "glyphs-protonet"} <= {row["name"] for row in listed["recipes"]}
    assert "omniglot-nearest" in listed["weights"]


def test_the_table_has_a_line_for_each_recipe(quickstudy) -> None:
    code, out, _ = quickstudy("list")
    assert code == 0
    assert "glyphs-protonet" in out


def test_all_weights_are_named_those_that_share_a_recipe_too(quickstudy) -> None:
    _, out, _ = quickstudy("list")
    _, listed, _ = quickstudy("list", "--json")
    assert "omniglot-mann-strings" in json.loads(listed)["weights"]
    assert all(name in out for name in json.loads(listed)["weights"])


def test_help_names_the_commands(quickstudy) -> None:
    code, out, _ = quickstudy("--help")
    assert code == 0
    assert all(command in out for command in ("list", "train", "evaluate"))


def test_an_unknown_command_is_a_users_mistake(quickstudy) -> None:
    code, _, err = quickstudy("tarin")
    assert code == 2
    assert "no command 'tarin'" in err
