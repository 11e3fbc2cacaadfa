"""The sections about values of functions, for `benchmarks/report/tables.py`: learners beside the exact posterior."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quickstudy.protocols.records import interval_text, number, ratio_text, spread
from speed_tables import machines
from table_layout import Record, table

_EXACT = "exact posterior"
_HEADINGS = ("learner", "points", "log-likelihood", _EXACT, "share of the gap", "squared error", "in 90 %")


@dataclass(frozen=True)
class _Row:
    """One learner in one setting."""

    record: Record
    figures: Mapping[str, Any]

    @property
    def learner(self) -> str:
        return f"`{self.record['weights']}`"

    @property
    def kind(self) -> str:
        return str(self.record["kind"])

    @property
    def setting(self) -> str:
        return str(self.figures["setting"])

    @property
    def exact(self) -> str:
        return _mean(self.figures["oracle"])

    def points(self) -> str:
        """The setting and, where it is unusual, the place."""
        if self.kind == "as tested":
            return self.setting
        return f"{self.setting}, {self.kind}: {_place(self.figures)}"

    def cells(self) -> list[str]:
        covered = self.figures["coverage90"]
        return [
            self.learner,
            self.points(),
            _figure(self.figures["log_likelihood"]),
            self.exact,
            _share(self.figures["share_closed"]),
            number(self.figures["squared_error"]["mean"], 4),
            "–" if covered is None else f"{number(covered['mean'], 1, times=100)} %",
        ]


def in_short(records: Iterable[Record]) -> list[Record]:
    """For README.md: as tested and by the points given, of the first test alone."""
    return [
        {**record, "result": {**record["result"], "test": record["result"]["test"][:1]}}
        for record in records
        if record["result"] is not None and record["kind"] in ("as tested", "by support")
    ]


def function_section(records: Sequence[Record]) -> str:
    """How likely the true values are, as tested and elsewhere, then by points given; nothing where there is nothing."""
    rows = list(_rows(records))
    if not rows:
        return ""
    tasks = " or ".join(f"{count:,}" for count in sorted({row.figures["tasks"] for row in rows}))
    legend = (
        f"**Functions**: log-likelihood of true values in nats a query, mean over {tasks} tasks ± 95 % interval, "
        "beside that of the exact posterior. “share of the gap”: the part of the gap between the prior, which sees no "
        "support, and the exact posterior that the learner closes. "
        "“in 90 %”: the share of values in the central 90 % intervals."
    )
    parts = [legend, table(_HEADINGS, [row.cells() for row in rows if row.kind != "by support"], 2)]
    by_support = [_by_support(group) for group in _groups([row for row in rows if row.kind == "by support"])]
    if by_support:
        parts += ["Log-likelihood by number of given points:", *by_support]
    return "\n\n".join(parts)


def regression_section(record: Record | None) -> str:
    """A learnt regressor beside fitted Gaussian processes; nothing where none was measured."""
    if record is None:
        return ""
    sizes = record["sizes"]
    contenders = list(sizes[0]["contenders"])
    headings = ["", *(f"{size['support']} points" for size in sizes)]
    found = [[_name(name, record), *(_likelihood(size, name) for size in sizes)] for name in contenders]
    rates = [[_name(name, record), *(_rate(size, name) for size in sizes)] for name in sizes[0]["tasks_per_second"]]
    ratios = [
        [f"{_name(our, record)} beside {other}", *(ratio_text(size["ratio"][our][other]) for size in sizes)]
        for our in sizes[0]["ratio"]
        for other in sizes[0]["ratio"][our]
        if our in record["learners"]
    ]
    counts = ", ".join(f"{size['tasks']:,}" for size in sizes)
    protocol = record["protocol"]
    return "\n\n".join(
        [
            "**Regression beside Gaussian processes fitted to each task** (scikit-learn "
            f"{protocol['scikit-learn']}, by marginal likelihood). Tasks: {protocol['tasks']}; {counts} of them, "
            f"{protocol['queries']} queries each. Log-likelihood in nats a query, mean ± 95 % interval, in brackets "
            "the median task; the exact posterior knows each task's kernel:",
            table(headings, found, 1),
            "Tasks per second, from reading the points to answering the queries. Learners take "
            f"{protocol['at_once']} tasks at once unless a row says otherwise, the others one after another:",
            table(headings, rates, 1),
            "Ratio of these speeds: the median of the rounds, and in brackets the lowest and the highest:",
            table(headings, ratios, 1),
            *machines([record]),
        ]
    )


def _rows(records: Iterable[Record]) -> Iterator[_Row]:
    for record in records:
        for figures in [] if record["result"] is None else record["result"]["test"]:
            yield _Row(record, figures)


def _groups(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Rows of the same functions: of the same exact posterior at every number of points given."""
    learners: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        test = row.setting.rpartition(", ")[0]
        learners.setdefault((row.learner, test), []).append(row)
    groups: dict[tuple[str, ...], list[_Row]] = {}
    for found in learners.values():
        key = tuple(f"{row.figures['support']} {row.exact}" for row in found if row.figures["support"])
        groups.setdefault(key, []).extend(found)
    return list(groups.values())


def _by_support(rows: Sequence[_Row]) -> str:
    sizes = sorted({row.figures["support"] for row in rows})
    test = rows[0].setting.rpartition(", ")[0]
    lines: dict[str, dict[int, str]] = {}
    for row in rows:
        lines.setdefault(row.learner, {})[row.figures["support"]] = _figure(row.figures["log_likelihood"])
    lines[_EXACT] = {row.figures["support"]: row.exact for row in rows}
    cells = [[name, *(figures.get(size, "–") for size in sizes)] for name, figures in lines.items()]
    return table([test or "points given", *map(str, sizes)], cells, 1)


def _place(figures: Mapping[str, Any]) -> str:
    (low, high), (query_low, query_high) = figures["range"], figures["query_range"]
    if (low, high) == (query_low, query_high):
        return f"{low:g} to {high:g}"
    return f"queries {query_low:g} to {query_high:g}"


def _name(name: str, record: Record) -> str:
    """A learner's weights as code, whatever is said behind them."""
    weights = next((each for each in record["learners"] if name == each or name.startswith(f"{each}, ")), None)
    return name if weights is None else f"`{weights}`{name.removeprefix(weights)}"


def _likelihood(size: Mapping[str, Any], name: str) -> str:
    row = size["contenders"][name]
    return f"{_figure(row['log_likelihood'])} ({row['median_log_likelihood']:.3f})"


def _rate(size: Mapping[str, Any], name: str) -> str:
    rate = spread(size["tasks_per_second"][name])["median"]
    return f"{rate:,.{0 if rate >= 100 else 1 if rate >= 10 else 2}f}"


def _figure(interval: Mapping[str, float | None]) -> str:
    return interval_text(interval, 3)


def _share(closed: float | None) -> str:
    if closed is None:
        return "–"
    return f"{100 * closed:.1f} %" if closed >= 0 else "none"  # How far it went astray, the likelihood says.


def _mean(interval: Mapping[str, float | None] | None) -> str:
    return "–" if interval is None else number(interval["mean"], 3)
