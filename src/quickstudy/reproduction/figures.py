"""The figures of shipped weights, and whether a training anew gives them again."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_FIGURES = Path(__file__).parent / "figures.json"


class Figure(NamedTuple):
    """A published figure of weights, and the command that measures it."""

    weights: str
    """Name of the weights."""
    setting: str
    """What was measured, for the table."""
    options: tuple[str, ...]
    """Options of `quickstudy evaluate`."""
    key: str
    """Where the figure is in the output of that command: names and places with dots between them."""
    scale: float
    """Factor for the table: 100 makes percents."""
    published: float | None
    """The paper's figure in units of the table; None if there is none under this protocol."""
    mean: float
    """Of the shipped weights, as the command gives it."""
    interval95: float
    """Half of the 95 % interval of the shipped weights."""


class Comparison(NamedTuple):
    """A figure beside the same figure of weights that were trained anew."""

    figure: Figure
    """Figure of the shipped weights."""
    mean: float
    """Mean of the weights that were trained anew, in units of the command's output."""
    interval95: float
    """Half of its 95 % interval."""

    @property
    def difference(self) -> float:
        """Of the weights trained anew from the shipped ones."""
        return self.mean - self.figure.mean

    @property
    def verdict(self) -> str:
        """Same where the difference lies within both intervals together; else higher or lower."""
        both = (self.interval95**2 + self.figure.interval95**2) ** 0.5
        if abs(self.difference) <= both:
            return "same"
        return "higher" if self.difference > 0 else "lower"


def figures_of(name: str) -> list[Figure]:
    """The figures of these weights; none if they were never measured.

    Args:
        name: Name of weights.
    """
    return [
        Figure(**{**record, "options": tuple(record["options"])}) for record in _records() if record["weights"] == name
    ]


def compared(figure: Figure, output: Mapping[str, Any]) -> Comparison:
    """The figure beside what its command gave for weights trained anew.

    Args:
        figure: The figure of the shipped weights.
        output: The output of `quickstudy evaluate --json`.
    """
    found: Any = output
    for part in figure.key.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return Comparison(figure, found["mean"], found["interval95"] or 0.0)


@cache
def _records() -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(_FIGURES.read_text(encoding="utf-8"))
    return records
