"""The section about the official runs of Lake et al. (2015), for `benchmarks/report/tables.py`."""

from quickstudy.protocols.one_shot_runs import PEOPLE
from quickstudy.protocols.records import interval_text
from table_layout import Record, table


def official_sentence(records: list[Record]) -> str:
    """The smallest error, in a sentence; nothing where nothing was measured."""
    if not records:
        return ""
    name, error = records[0]["weights"], interval_text(records[0]["error"], 2, 100)
    return (
        f"In the 20 official one-shot runs of Lake et al. (2015), 20-way within one alphabet, `{name}` is wrong in "
        f"{error} % of the answers, and people in {PEOPLE} %."
    )


def official_section(records: list[Record]) -> str:
    """Errors, the smallest first; nothing where nothing was measured."""
    if not records:
        return ""
    legend = (
        "**The 20 official runs of Lake et al. (2015)**: 20 characters of one alphabet, one drawing of each, and one "
        "new drawing of each by another person; percent of the 400 answers that are wrong, mean over runs ± 95 % "
        f"interval. People: {PEOPLE}, Bayesian program learning: 3.3, both from the paper."
    )
    rows = [[f"`{record['weights']}`", interval_text(record["error"], 2, 100)] for record in records]
    return f"{legend}\n\n{table(['learner', 'error'], rows, 1)}"
