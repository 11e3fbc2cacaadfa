"""The sections about accuracy, for `benchmarks/report/tables.py`: our figures, with the papers' own beside them."""

from collections.abc import Sequence

from quickstudy.protocols.records import interval_text
from quickstudy.recipes import default_arguments
from table_layout import Record, page_of, table

_COUNTS = ((5, 1), (5, 5), (20, 1), (20, 5))
_COUNT_HEADINGS = [f"{ways}-way {shots}-shot" for ways, shots in _COUNTS]
_HEADINGS = ("learner", "trained on", "test classes")
_QUERIES = 15
"""Of each class, where a record does not say it."""


def accuracy_section(records: Sequence[Record], published: Sequence[Record]) -> str:
    """Accuracy on tasks whose support says what the classes are; nothing where there is none."""
    plain = [record for record in records if not _is_control(record) and not _is_uneven(record)]
    if not plain:
        return ""
    rows: dict[tuple[str, ...], dict[tuple[int, int], str]] = {}
    for record in plain:
        row = rows.setdefault(_row(record, plain), {})
        row[record["ways"], record["shots"]] = _figure(record) + _beside(record, plain, published)
    papers = {key: _papers_classes(key, plain, published) for key in rows}
    cells = [[*key, papers[key], *(row.get(counts, "") for counts in _COUNTS)] for key, row in rows.items()]
    whole = table([*_HEADINGS, "the paper's test classes", *_COUNT_HEADINGS], cells, 4)
    return "\n\n".join([_legend(plain), whole, *_other_shots(plain), *_sources(plain, published)])


def headline(records: Sequence[Record], published: Sequence[Record], weights: str) -> tuple[str, str]:
    """For README.md: 5-way 1-shot on the test classes that the papers' are closest to, ours and the paper's figure.

    Both are empty where there is none.
    """
    for record in records:
        is_other = _is_control(record) or _is_uneven(record) or record.get("inductive", False)
        is_plain = not (is_other or _is_rotated(record))
        setting = record["weights"], _classes(record), record["ways"], record["shots"]
        if is_plain and setting == (weights, "omniglot vinyals", 5, 1):
            way = ", transductive" if _is_transductive(record) else ""
            return _figure(record) + way, _beside(record, [record], published).strip(" ()")
    return "", ""


def control_section(records: Sequence[Record]) -> str:
    """The controls; nothing where there are none."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for record in filter(_is_control, records):
        rows.setdefault(_row(record, records), {})[_control(record)] = _figure(record)
    if not rows:
        return ""
    controls = sorted({control for row in rows.values() for control in row})
    cells = [[*key, *(row.get(control, "") for control in controls)] for key, row in rows.items()]
    return (
        "Controls: all classes of a task from one alphabet, which is harder; and support labels that say nothing, "
        f"where the accuracy must be chance.\n\n{table([*_HEADINGS, *controls], cells, 3)}"
    )


def uneven_section(records: Sequence[Record]) -> str:
    """Accuracy where classes differ in their shots, by how many they have; nothing where there is none."""
    measured = [record for record in records if _is_uneven(record) and record["result"] is not None]
    if not measured:
        return ""
    shots = sorted({int(count) for record in measured for count in record["result"]["accuracy_by_shots"]})
    headings = [*_HEADINGS, *(f"classes of {count} shot{'s' if count > 1 else ''}" for count in shots)]
    rows = [
        [
            *_row(record, measured),
            *(_percent(record["result"]["accuracy_by_shots"].get(str(count))) for count in shots),
        ]
        for record in measured
    ]
    layouts = " or ".join(sorted({"+".join(map(str, record["shots"])) for record in measured}))
    return (
        f"Classes with unequal numbers of examples, {layouts} in a task: the accuracy on the queries of classes with "
        f"as many shots.\n\n{table(headings, rows, 3)}"
    )


def _is_uneven(record: Record) -> bool:
    return isinstance(record["shots"], list)


def _percent(interval: dict[str, float] | None) -> str:
    return "" if interval is None else interval_text(interval, 2, times=100)


def _legend(records: Sequence[Record]) -> str:
    measured = [record["result"] for record in records if record["result"] is not None]
    tasks = " or ".join(f"{count:,}" for count in sorted({result["tasks"] for result in measured}))
    queries = " or ".join(str(count) for count in sorted({result["queries"] for result in measured}))
    return (
        f"Percent of queries classified correctly: mean over {tasks} tasks, {queries} queries a class, "
        "± 95 % interval. "
        "In brackets the paper's own figure, in the row whose test classes and queries are closest to its own. "
        "“In four rotations”: each character is four classes, so a task may have one character at two angles. "
        "“–”: the learner refuses the setting, such as a number of classes it was not built for."
    )


def _row(record: Record, records: Sequence[Record]) -> tuple[str, ...]:
    """What a row begins with; weights that can answer in two ways have two rows."""
    both = any(other["weights"] == record["weights"] and _is_transductive(other) for other in records)
    way = f", {'transductive' if _is_transductive(record) else 'inductive'}" if both else ""
    return f"`{record['weights']}`{way}", record["trained_on"] or "nothing", _where(record)


def _is_transductive(record: Record) -> bool:
    return bool(record.get("transductive", False))


def _sources(records: Sequence[Record], published: Sequence[Record]) -> list[str]:
    lines = {
        f"- `{source['learner']}`: {source['paper']}, table {source['table']}. "
        f"Classes: {source['split']}. Protocol: {source['protocol']}. Figures {source['certainty']}."
        for record in records
        for source in of_the_paper(record, published)
    }
    return ["The papers' figures:", "\n".join(sorted(lines))] if lines else []


def _beside(record: Record, records: Sequence[Record], published: Sequence[Record]) -> str:
    return "".join(
        f" ({source['accuracy']})"
        for source in of_the_paper(record, published)
        if _closest(source, record, records) is record
    )


def _papers_classes(key: tuple[str, ...], records: Sequence[Record], published: Sequence[Record]) -> str:
    """In which rotations the paper tests, for a row that has its figures; nothing for other rows."""
    row = [record for record in records if _row(record, records) == key]
    words = {True: "in four rotations", False: "upright", None: "not known"}
    found = {
        words[source["rotated"]]
        for record in row
        for source in of_the_paper(record, published)
        if _closest(source, record, records) is record
    }
    return " or ".join(sorted(found))


def _closest(source: Record, record: Record, records: Sequence[Record]) -> Record:
    """Of the records of the same weights, ways and shots the one whose protocol is most like the paper's."""

    def likeness(other: Record) -> tuple[bool, bool]:
        has_its_queries = _queries(other) == (source["queries"] or _QUERIES)
        return _is_rotated(other) == bool(source["rotated"]), has_its_queries

    same = ("weights", "data", "split", "ways", "shots")
    others = [
        other
        for other in records
        if all(other[key] == record[key] for key in same) and _is_transductive(other) == _is_transductive(record)
    ]
    return max(others, key=likeness)


def of_the_paper(record: Record, published: Sequence[Record]) -> list[Record]:
    """The figures of the paper under the protocol of this record."""
    # A paper trained and tested on Omniglot with 423 test classes says nothing of transfer, or of other classes.
    if _classes(record) != "omniglot vinyals" or (record["trained_on"] or "omniglot").startswith("glyphs"):
        return []
    setting = (_learner(record, published), record["data"], record["ways"], record["shots"])
    return [
        source
        for source in published
        if (source["learner"], source["dataset"], source["ways"], source["shots"]) == setting
        and source["transductive"] in (None, _is_transductive(record))
    ]


def _other_shots(records: Sequence[Record]) -> list[str]:
    """Which weights were trained at another number of shots than that of a cell."""
    names: dict[int, set[str]] = {}
    for record in records:
        shots = record.get("trained_shots", _default_shots(record["recipe"]))
        if record["trained_on"] is not None and isinstance(shots, int) and record["shots"] != shots:
            names.setdefault(shots, set()).add(f"`{record['weights']}`")
    return [
        f"Trained on tasks of {shots} shot{'s' * (shots > 1)} only, so the figures at other shots are of weights that "
        f"were not trained for them: {', '.join(sorted(weights))}."
        for shots, weights in sorted(names.items())
    ]


def _default_shots(recipe: str) -> object:
    """For records from before they said it: weights are trained with the recipe's defaults."""
    return default_arguments(recipe).get("shots")


def _is_rotated(record: Record) -> bool:
    return bool(record.get("rotated", False))


def _queries(record: Record) -> int:
    return int(record.get("queries", _QUERIES))


def _learner(record: Record, published: Sequence[Record]) -> str:
    """Whom a paper's figures are of: all that weights or recipe are called behind their data, or the learner alone."""
    known = {source["learner"] for source in published}
    variants = (record[key].split("-", 1)[-1] for key in ("weights", "recipe"))
    return next((variant for variant in variants if variant in known), page_of(record))


def _figure(record: Record) -> str:
    if record["result"] is None:
        return "–"
    return interval_text(record["result"]["accuracy"], 2, times=100)


def _is_control(record: Record) -> bool:
    return bool(record["within_alphabet"] or record["shuffled_labels"])


def _control(record: Record) -> str:
    counts = f"{record['ways']}-way {record['shots']}-shot"
    if record["within_alphabet"]:
        return f"{counts} within one alphabet"
    return f"{counts}, shuffled labels (chance: {100 / record['ways']:.0f})"


def _where(record: Record) -> str:
    parts = [_classes(record)]
    if _is_rotated(record):
        parts.append("in four rotations")
    if not _is_uneven(record) and _queries(record) != _QUERIES:
        parts.append("the paper's number of queries")
    return ", ".join(parts)


def _classes(record: Record) -> str:
    return " ".join(filter(None, [record["data"], record["split"]]))
