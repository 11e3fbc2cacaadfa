"""The figures that `quickstudy reproduce` compares, for `benchmarks/tables.py`: those of each weights' own headline."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from accuracy_tables import of_the_paper
from instance_tables import label_of
from table_layout import Record

_WAYS_AND_SHOTS = ((5, 1), (20, 1))
_INSTANCES = ("2nd", "10th")


def reproducible(
    accuracies: Sequence[Record],
    published: Sequence[Record],
    instances: Sequence[Record],
    published_instances: Sequence[Record],
    functions: Sequence[Record],
) -> list[dict[str, Any]]:
    """The figures as `quickstudy.reproduction.figures` reads them."""
    return sorted(
        [
            *_accuracies(accuracies, published),
            *_instances(instances, published_instances),
            *_functions(functions),
        ],
        key=lambda figure: (figure["weights"], figure["setting"]),
    )


def _accuracies(records: Sequence[Record], published: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        is_own = record["data"] == "glyphs" or not record["recipe"].startswith("glyphs-")
        is_control = record["within_alphabet"] or record["shuffled_labels"] or record.get("inductive", False)
        is_headline = (record["ways"], record["shots"]) in _WAYS_AND_SHOTS and record["split"] in (None, "vinyals")
        if not (is_own and is_headline and record["trained_on"] and record["result"]) or is_control:
            continue
        theirs = [source["accuracy"] for source in of_the_paper(record, published)]
        words = f"{record['split'] or record['data']} {record['ways']}-way {record['shots']}-shot"
        setting = f"{words}, rotated" if record.get("rotated") else words
        accuracy = record["result"]["accuracy"]
        yield _figure(record, setting, "accuracy", 100.0, theirs[0] if theirs else None, accuracy)


def _instances(records: Sequence[Record], published: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        if not record["trained_on"] or not record["result"] or record["classes"] != 5:
            continue
        for name in _INSTANCES:
            place = int(name.rstrip("ndth")) - 1
            theirs = [
                source["accuracies"][name]
                for source in published
                if (source["label"], source["labels"], source["classes"])
                == (label_of(record), record["labels"], record["classes"])
            ]
            value = record["result"]["accuracy_by_instance"][place]
            rotated = ", rotated" * record.get("rotated", False)
            setting = f"{name} of 5 classes, {record['labels']}{rotated}"
            key = f"accuracy_by_instance.{place}"
            yield _figure(record, setting, key, 100.0, theirs[0] if theirs else None, value)


def _functions(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        if record["kind"] == "as tested" and record["result"]:
            first = record["result"]["test"][0]
            setting = f"{first['setting']}, nats"
            yield _figure(record, setting, "test.0.log_likelihood", 1.0, None, first["log_likelihood"])


def _figure(
    record: Record, setting: str, key: str, scale: float, published: float | None, value: Record
) -> dict[str, Any]:
    options = [word for word in shlex.split(record["command"])[3:] if word != "--json"]
    return {
        "weights": record["weights"],
        "setting": setting,
        "options": options,
        "key": key,
        "scale": scale,
        "published": published,
        "mean": value["mean"],
        "interval95": value["interval95"] or 0.0,
    }
