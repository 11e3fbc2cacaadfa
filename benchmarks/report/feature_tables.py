"""The sections about features of frozen encoders and about small tables, for `benchmarks/report/tables.py`."""

from collections.abc import Sequence
from typing import Any

from quickstudy.protocols.records import interval_text, number
from table_layout import Record, table


def feature_section(records: Sequence[Record]) -> str:
    """Classifiers on the same features; nothing where they were not measured."""
    if not records:
        return ""
    columns = [(record, *key) for record in records for key in _settings(record["rows"])]
    names = list(dict.fromkeys(row["classifier"] for record in records for row in record["rows"]))
    headings = ["classifier", *(f"{_title(record)}, {ways}-way {shots}-shot" for record, ways, shots in columns)]
    rows = [
        [_shown(name), *(_accuracy(record, name, ways, shots) for record, ways, shots in columns)] for name in names
    ]
    counts = sorted({record["tasks"] for record in records})
    return (
        "**Features of frozen encoders**: percent of queries named correctly, one query of each class, mean over "
        f"{' or '.join(map(str, counts))} tasks ± 95 % interval. All classifiers read the same features of the same "
        f"tasks.\n\n{table(headings, rows, 1)}"
    )


def small_table_section(record: Record | None) -> str:
    """Few rows of the tables of scikit-learn; nothing where they were not measured."""
    if record is None:
        return ""
    rows = record["rows"]
    headings = ["table", "rows a class", "classifier", "accuracy", "log-loss"]
    cells = [
        [
            row["table"],
            str(row["rows"]),
            _shown(row["classifier"]),
            interval_text(row["accuracy"], 1, times=100),
            number(row["log_loss"]["mean"], 3),
        ]
        for row in rows
    ]
    return (
        f"**Small tables of scikit-learn**: mean over {record['draws']} draws of the examples ± 95 % interval, percent "
        f"and nats. Probabilities below {record['floor']:g} count as that. Forests have scikit-learn's settings; "
        f"regression and neighbours read standardised columns.\n\n{table(headings, cells, 3)}"
    )


def _settings(rows: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    return list(dict.fromkeys((row["ways"], row["shots"]) for row in rows))


def _title(record: Record) -> str:
    return str(record["data"]).replace("_", " ")


def _shown(name: str) -> str:
    return f"`{name}`" if "-" in name else name


def _accuracy(record: Record, name: str, ways: int, shots: int) -> str:
    for row in record["rows"]:
        if (row["classifier"], row["ways"], row["shots"]) == (name, ways, shots):
            return interval_text(row["accuracy"], 1, times=100)
    return "–"
