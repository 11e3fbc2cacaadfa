"""A card as Markdown, which a terminal shows as well as a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from quickstudy.cards.facts import Card


def markdown(card: Card, heading: str = "#") -> str:
    """All that a card says.

    Args:
        card: The card.
        heading: The marks before its title.
    """
    parts = [
        f"{heading} {card.name}",
        card.idea,
        _facts(card),
        _figures(card.figures),
        _calibration(card),
        "\n".join(f"- {each}" for each in card.limits),
    ]
    return "\n\n".join(filter(None, parts))


def _facts(card: Card) -> str:
    classes = f", {card.training_classes:,} characters" if card.training_classes else ""
    stored = f", {card.stored}" if card.stored else ""
    start = f", from {', '.join(card.starts_from)}" if card.starts_from else ""
    seed = "" if card.seed is None else f", seed {card.seed}"
    note = "" if card.is_one_command else " (the last of several trainings)"
    lines = {
        "learner": f"{card.learner}, {card.parameters:,} numbers, {card.megabytes:.2f} MB{stored}",
        "trained on": f"{card.trained_on or 'generated tasks'}{classes}{start}",
        "command": f"`{card.command}`{note}",
        "commit": f"{card.commit}{seed}",
    }
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def _figures(figures: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [each["setting"], f"{each['mean']:.2f} ± {each['interval95']:.2f}", _optional(each["published"])]
        for each in figures
    ]
    return table(("figure", "measured", "the paper's"), rows)


def _calibration(card: Card) -> str:
    measured = {(each["ways"], each["shots"]): each for each in card.calibration_figures}
    rows = []
    for each in card.calibration:
        found = measured.get((each["ways"], each["shots"]))
        rows.append(
            [
                f"{each['ways']}-way {each['shots']}-shot",
                f"{each['temperature']:.2f}",
                f"{each['score']} ≥ {each['lowest_known_score']:.3g}",
                *(["", "", "", ""] if found is None else _measured(found)),
            ]
        )
    headings = ("calibration", "temperature", "known if", "error before", "error", "AUROC", "in sets of 90 %")
    return table(headings, rows)


def _measured(found: Mapping[str, Any]) -> list[str]:
    return [
        _percent(found["calibration_error_before"]),
        _percent(found["calibration_error"]),
        f"{found['auroc']['mean']:.3f}",
        _percent(found["coverage"]["0.9"]),
    ]


def _percent(value: Mapping[str, float]) -> str:
    return f"{100 * value['mean']:.2f} ± {100 * value['interval95']:.2f} %"


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown; nothing without rows. The first column is of words.

    Args:
        headings: Of the columns.
        rows: The cells.
    """
    if not rows:
        return ""
    rule = [":--" if place == 0 else "--:" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))
