"""The section about images completed from some of their pixels, for `benchmarks/report/tables.py`."""

from typing import Any

from quickstudy.protocols.records import interval_text
from table_layout import Record, page_of, table

_LAST = "largest variance", "random"


def completion_section(record: Record | None, page: str | None = None) -> str:
    """Squared errors of the pixels not given, of all learners or those of a page; nothing where there is nothing."""
    if record is None:
        return ""
    learners = {name for name, recipe in record["learners"].items() if page in (None, page_of({"recipe": recipe}))}
    if not learners:
        return ""
    protocol, settings = record["protocol"], record["settings"]
    titles = list(next(iter(settings.values())))
    known = {name: rows for name, rows in settings.items() if name in learners or name not in record["learners"]}
    rows = [[_name(name, record), *(_figure(found[title]) for title in titles)] for name, found in known.items()]
    legend = (
        f"**Images completed**: squared error of the pixels not given, of {protocol['images']}; mean over "
        f"{protocol['num_images']:,} of them ± 95 % interval."
    )
    return "\n\n".join([legend, table(["", *titles], rows, 1), _next_pixels(record, learners)])


def _next_pixels(record: Record, learners: set[str]) -> str:
    curves = {name: choices for name, choices in record["next_pixel"].items() if name in learners}
    counts = [count for count in (10, 25, 50, 100) if count < len(next(iter(curves.values()))[_LAST[0]])]
    rows = [
        [f"`{name}`", choice, *(f"{choices[choice][count]:.4f}" for count in counts)]
        for name, choices in curves.items()
        for choice in _LAST
    ]
    legend = (
        "Squared error of whole images, given pixels known, where the next pixel to be shown is chosen by largest "
        f"variance and at random ({record['protocol']['next_images']:,} images):"
    )
    return f"{legend}\n\n{table(['', 'chosen by', *(f'{count} shown' for count in counts)], rows, 2)}"


def _name(name: str, record: Record) -> str:
    return f"`{name}`" if name in record["learners"] else name


def _figure(row: dict[str, Any]) -> str:
    return interval_text(row["squared_error"], 4)
