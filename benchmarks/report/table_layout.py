"""How a table is written, for `benchmarks/report/tables.py` and its neighbours."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from quickstudy.recipes import find_recipe

Record = dict[str, Any]
"""What a benchmark left of one setting."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """Markdown; the first `left` columns are words, the others figures."""
    rule = [":--" if column < left else "--:" for column in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def page_of(record: Record) -> str:
    """The page in docs/learners of the learner that a record is of: a learner's files share their stem."""
    return _stem(record["recipe"])


@cache
def _stem(recipe: str) -> str:
    return type(find_recipe(recipe)().learner).__module__.rsplit(".", 1)[-1]
