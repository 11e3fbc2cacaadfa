"""The sections about a regressor's limit and about real series, for `benchmarks/report/tables.py`."""

from collections.abc import Mapping
from typing import Any

from quickstudy.protocols.records import number
from table_layout import Record, table

_FITTED = "fitted GP, RBF"


def mixture_section(record: Record | None) -> str:
    """How near a regressor comes to the Bayes mixture; nothing where that was not measured."""
    if record is None:
        return ""
    sizes, protocol = record["sizes"], record["protocol"]
    headings = ["points given", *(str(size["support"]) for size in sizes)]
    names = {
        f"`{record['learner']}`": "learner",
        "Bayes mixture": "mixture",
        "of half the draws": "mixture of half the draws",
        "exact posterior": "exact posterior",
        "prior": "prior",
    }
    rows = [[title, *(number(size[key]["mean"], 3) for size in sizes)] for title, key in names.items()]
    rows.append(
        ["share of the gap to the mixture", *(f"{number(size['share_closed'], 1, times=100)} %" for size in sizes)]
    )
    return (
        "**Beside the best prediction without knowledge of the kernel**: the Bayes mixture over the prior, "
        f"{protocol['draws']:,} kernels drawn for each task and weighted by the task's marginal likelihood; "
        f"{sizes[0]['tasks']} tasks of each size, {protocol['queries']} queries each, nats a query. With few draws, "
        f"this underestimates the mixture, and more so with more points.\n\n{table(headings, rows, 1)}"
    )


def series_section(record: Record | None) -> str:
    """Real series in their own units; nothing where they were not measured."""
    if record is None:
        return ""
    headings = ["series", "points given", "in 90 %", "squared error", "nats"]
    headings += [f"{_FITTED}: in 90 %", "squared error", "nats"]
    rows = [
        [each["series"], str(each["support"]), *_cells(each["learner"]), *_cells(each[_FITTED])]
        for each in record["records"]
    ]
    protocol = record["protocol"]
    points = protocol["points"].replace("asked for", "are queries")  # Older records have the first wording.
    figures = protocol["figures"][0].upper() + protocol["figures"][1:]
    return (
        f"**Real series in their own units**, `{record['learner']}` beside a Gaussian process fitted to the same "
        f"points, up to 200 of them. {figures}; points {points}.\n\n{table(headings, rows, 1)}"
    )


def _cells(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["–"] * 3
    return [
        f"{number(found['coverage90']['mean'], 1, times=100)} %",
        number(found["squared_error"]["mean"], 4),
        number(found["log_likelihood"]["mean"], 3),
    ]
