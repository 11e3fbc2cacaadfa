"""The text of a card holds its facts."""

from dataclasses import replace

import pytest

from quickstudy.cards import Card, card_of, markdown

FITTED = {
    "ways": 5,
    "shots": 5,
    "temperature": 1.25,
    "score": "distance",
    "lowest_known_score": -30.5,
    "lowest_log_probabilities": {"0.9": -0.01},
    "data": "omniglot",
    "classes": 236,
    "tasks": 300,
}
HALF = {"mean": 0.0125, "interval95": 0.002}
MEASURED = {
    "ways": 5,
    "shots": 5,
    "calibration_error_before": HALF,
    "calibration_error": HALF,
    "auroc": {"mean": 0.991, "interval95": 0.001},
    "coverage": {"0.9": {"mean": 0.905, "interval95": 0.01}},
}


@pytest.fixture(scope="module")
def card() -> Card:
    return replace(card_of("omniglot-protonet"), calibration=(FITTED,), calibration_figures=(MEASURED,))


def test_facts_figures_and_limits_are_there(card: Card) -> None:
    text = markdown(card)
    assert text.startswith("# omniglot-protonet\n")
    assert f"`{card.command}`" in text
    assert all(f"| {each['setting']} | {each['mean']:.2f} ±" in text for each in card.figures)
    assert all(f"- {each}" in text for each in card.limits)


def test_a_calibration_is_shown_with_what_it_gives(card: Card) -> None:
    row = "| 5-way 5-shot | 1.25 | distance ≥ -30.5 | 1.25 ± 0.20 % | 1.25 ± 0.20 % | 0.991 | 90.50 ± 1.00 % |"
    assert row in markdown(card)


def test_a_calibration_that_was_not_measured_leaves_its_cells_empty(card: Card) -> None:
    assert "| distance ≥ -30.5 |  |  |  |  |" in markdown(replace(card, calibration_figures=()))


def test_without_a_calibration_there_is_no_table_of_it(card: Card) -> None:
    assert "temperature" not in markdown(replace(card, calibration=()))


def test_the_last_of_several_trainings_is_called_so(card: Card) -> None:
    assert "the last of several trainings" not in markdown(card)
    assert "the last of several trainings" in markdown(replace(card, is_one_command=False))
