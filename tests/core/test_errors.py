from quickstudy.core import choose_one_of

NAMES = ["omniglot-cnp", "omniglot-snail", "omniglot-snail-paper", "gp-cnp", "mdp-snail", "maze-snail"]


def test_a_misspelled_name_is_answered_with_the_one_like_it() -> None:
    assert choose_one_of("omniglot-snale", NAMES).startswith("Did you mean omniglot-snail")


def test_a_part_of_names_is_answered_with_three_of_those_that_hold_it() -> None:
    assert choose_one_of("snail", NAMES).startswith("Did you mean omniglot-snail or omniglot-snail-paper or mdp-snail?")


def test_a_name_like_no_other_is_answered_with_all() -> None:
    assert choose_one_of("resnet", NAMES) == f"Choose one of: {', '.join(NAMES)}."
    assert choose_one_of("", NAMES) == f"Choose one of: {', '.join(NAMES)}."
