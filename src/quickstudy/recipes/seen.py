"""Which of a user's own pictures weights were trained on: their headers keep a digest of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quickstudy.core import Experiment, UserError

_KEY = "trained_on"


def note_seen(header: dict[str, Any], experiment: Experiment, data_root: Path | None) -> None:
    """Add what this experiment trains on to a header, beside what is there already."""
    if experiment.contents is not None:
        header[_KEY] = sorted({*header.get(_KEY, ()), *experiment.contents(data_root)["train"]})


def inherit_seen(header: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Add what weights were trained on to the header of a training that starts from them."""
    if _KEY in before:
        header[_KEY] = sorted({*header.get(_KEY, ()), *before[_KEY]})


def refuse_seen(
    header: Mapping[str, Any],
    experiment: Experiment,
    data_root: Path | None,
    parts: tuple[str, ...] = ("validation", "test"),
) -> None:
    """Refuse validation and test pictures that these weights, or the weights they started from, were trained on.

    Raises:
        UserError: if such a picture is in one of these parts.
    """
    if experiment.contents is None or not header.get(_KEY):
        return
    contents, seen = experiment.contents(data_root), set(header[_KEY])
    for part in parts:
        leaked = sum(digest in seen for digest in contents[part])
        if leaked:
            raise UserError(
                f"{leaked} of the {len(contents[part])} {part} pictures are among those that these weights were "
                "trained on: the folder has changed since. Put its pictures back as they were, add more, or train anew."
            )
