"""How a table is written, for `benchmarks/tables.py` and its neighbours."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from quickstudy.recipes import find_recipe

Record = dict[str, Any]
"""What a benchmark left of one setting."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """Markdown; the first `left` columns are words, the others figures."""
    rule = [":--" if column < left else "--:" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def number(value: float | None, digits: int, times: float = 1) -> str:
    """A figure as it was stored, times 100 for percent; a dash where it is null."""
    return "–" if value is None else f"{times * value:.{digits}f}"


def interval_text(found: Mapping[str, float | None], digits: int, times: float = 1) -> str:
    """A mean and its interval as they were stored; the mean alone where it has none."""
    mean = number(found["mean"], digits, times)
    return mean if found["interval95"] is None else f"{mean} ± {number(found['interval95'], digits, times)}"


def page_of(record: Record) -> str:
    """The page in docs/learners of the learner that a record is of: a learner's files share their stem."""
    return _stem(record["recipe"])


@cache
def _stem(recipe: str) -> str:
    return type(find_recipe(recipe)().learner).__module__.rsplit(".", 1)[-1]
