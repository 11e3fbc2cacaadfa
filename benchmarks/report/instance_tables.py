"""The rows about accuracy by instance, for `benchmarks/report/tables.py`: ours and the paper's, side by side."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from quickstudy.protocols.records import interval_text

Record = dict[str, Any]

INSTANCES = ("1st", "2nd", "3rd", "4th", "5th", "10th")
"""Which drawings of a class have a column."""
HEADINGS = ("learner", "whose", *INSTANCES)

_HUMAN, _PIXELS, _CODES, _FEED_FORWARD = "human", "kNN, pixels", "kNN, deep features", "feed-forward"
_LSTM, _FEED_FORWARD_MANN, _MANN = "LSTM", "MANN, feed-forward controller", "MANN"
_ORDER = (_HUMAN, _PIXELS, _CODES, _FEED_FORWARD, _LSTM, _FEED_FORWARD_MANN, _MANN)
_NUM_STRINGS = 5**5


class Group(NamedTuple):
    """Rows that may be compared: of the same labels and number of classes."""

    caption: str
    rows: list[list[str]]


def in_short(records: Iterable[Record]) -> list[Record]:
    """Of ours, or of the paper's: the two learners beside each other that the paper is about, in its first table."""
    return [record for record in records if _group(record) == ("one-hot", 5) and label_of(record) in (_LSTM, _MANN)]


def instance_groups(ours: Sequence[Record], published: Sequence[Record]) -> list[Group]:
    """All rows, similar learners together, ours first; nothing where nothing of ours was measured."""
    if not ours:
        return []
    keys = sorted({_group(record) for record in (*ours, *published)})
    return [_grouped(key, [record for record in (*ours, *published) if _group(record) == key]) for key in keys]


def legend(ours: Sequence[Record]) -> str:
    """What our figures are."""
    results = [record["result"] for record in ours]
    sequences = " or ".join(f"{count:,}" for count in sorted({result["sequences"] for result in results}))
    where = " or ".join(sorted({f"{result['data']} {result['split']}" for result in results}))
    copied = (
        " The kNN copies labels, whatever they are, so it stands where the paper has it, among the strings; "
        "its 1st is right only where it guesses the very first drawing."
    )
    return (
        "**Accuracy by instance**: percent correct at the 1st, 2nd, … 10th drawing of a class in a sequence. Every "
        f"label is shown with the next drawing. Ours: mean over {sequences} sequences of ten drawings of each class, "
        f"± 95 % interval, test classes of {where}."
    ) + copied * any(record["labels"] == "copied" for record in ours)


def sources(published: Sequence[Record]) -> str:
    """Where the paper's figures come from, and how they were got."""
    learners: dict[tuple[str, ...], list[str]] = {}
    for record in published:
        kind = f"- Table {record['table']}, {record['classes']} classes"
        learners.setdefault((kind, record["protocol"]), []).append(record["label"])
    papers = [
        f"The paper: {record['paper']}. Classes: {record['split']}. Figures {record['certainty']}. Protocol:"
        for record in published
    ]
    protocols = [f"{kind} ({'; '.join(labels)}): {how}." for (kind, how), labels in learners.items()]
    return "\n\n".join([*dict.fromkeys(papers), "\n".join(protocols)])


def label_of(record: Record) -> str:
    """What kind of learner it is, in the words that the paper's rows have too."""
    if _is_published(record):
        return str(record["label"])
    recipe, arguments = record["recipe"].split("-")[1], record["arguments"]
    if recipe == "mann":
        return _FEED_FORWARD_MANN if arguments.get("controller") == "feed-forward" else _MANN
    if recipe == "lstm":
        return _LSTM if arguments.get("is_recurrent", True) else _FEED_FORWARD
    return {"nearest": _PIXELS, "autoencoder": _CODES}.get(recipe, str(recipe))


def figure(record: Record, instance: str) -> str:
    """The accuracy at one of `INSTANCES`, in percent."""
    if _is_published(record):
        return f"{record['accuracies'][instance]:.1f}"
    return interval_text(record["result"]["accuracy_by_instance"][int(instance[:-2]) - 1], 2, times=100)


def _grouped(key: tuple[str, int], records: Sequence[Record]) -> Group:
    rows = [
        [label_of(record), _whose(record), *(figure(record, instance) for instance in INSTANCES)]
        for record in sorted(records, key=_place)
    ]
    return Group(_caption(*key, records), rows)


def _group(record: Record) -> tuple[str, int]:
    return "strings" if record["labels"] == "copied" else record["labels"], record["classes"]


def _caption(labels: str, classes: int, records: Sequence[Record]) -> str:
    if labels == "strings":
        return f"{classes} classes, named by strings; the 1st is a guess among {_NUM_STRINGS:,}:"
    ceilings = [record["result"]["first_instance_ceiling"] for record in records if not _is_published(record)]
    most = f"; more than {100 * ceilings[0]:.1f} at the 1st would be a leak" if ceilings else ""
    return f"{classes} classes, named one-hot{most}:"


def _whose(record: Record) -> str:
    if _is_published(record):
        return "the paper's"
    return ", ".join([f"ours, `{record['weights']}`", *_setting(record)])


def _setting(record: Record) -> list[str]:
    """What sets the weights apart from others of their kind."""
    arguments = record["arguments"]
    parts = ["labels copied"] if record["labels"] == "copied" else []
    if "key_strength" in arguments:
        parts.append("sharpened" if arguments["key_strength"] else "not sharpened")
    if arguments.get("blur"):
        parts.append("pixels blurred")
    if record.get("rotated", False):  # Older records lack it.
        parts.append("test classes in four rotations")
    if record["trained_on"] is None:
        return [*parts, "not trained"]
    if record["labels"] == "strings" and arguments.get("classes", record["classes"]) != record["classes"]:
        parts.append(f"trained on {arguments['classes']} classes")
    return [*parts, *_length(record)]


def _length(record: Record) -> list[str]:
    """How long it was trained."""
    if record["minutes"] is not None:
        return [f"{record['minutes']:g} minutes"]
    if not {"steps", "tasks_per_step"} <= set(record["arguments"]):
        return []
    others = record.get("trainings_before", 0)
    after = f" after {others} other training{'s' * (others > 1)}" if others else ""
    return [f"{record['arguments']['steps']:,} steps of {record['arguments']['tasks_per_step']}{after}"]


def _place(record: Record) -> tuple[int, str, bool]:
    label = label_of(record)
    return _ORDER.index(label) if label in _ORDER else len(_ORDER), label, _is_published(record)


def _is_published(record: Record) -> bool:
    return "paper" in record
