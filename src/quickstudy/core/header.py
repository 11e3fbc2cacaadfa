"""What a file of weights says of itself: its recipe, how it was trained, and what it started from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from quickstudy.core.checkpoint import load_checkpoint, read_header, save_checkpoint
from quickstudy.core.errors import UserError

UNKNOWN = "unknown"
"""In place of a name that an older version did not store."""
_HALF = "half precision"
_FORMAT = 2
"""Of the JSON that this version writes."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is stored with weights.

    Args:
        recipe: Name of the recipe, which with the arguments builds the experiment again.
        arguments: The recipe's arguments by name; sequences are tuples.
        seed: Seed of the training.
        minutes: For how long the training was to go on, if a clock ended it and not a number of steps.
        step: Optimiser steps done. None for a learner that needs no training.
        parents: What the training started from, in the order in which the weights were taken over.
        reinitialised: Parts of the learner, by name, that were drawn anew although the training started from parents.
        contents: Digests of the user's own pictures that this training saw. Those of the parents are in their headers.
        provenance: Commit, versions, machine, accelerator and threads of the training.
        validation: Figures of the validation that chose these weights, by name.
        stored: How the numbers were changed when they were stored, as `in_half_precision` says.
        calibration: What `core.calibrated.Calibration.to_json` gives, for a classifier.
        position: How far a training has come that can be resumed; `training.run` reads and writes it.
    """

    recipe: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    minutes: float | None = None
    step: int | None = None
    parents: "tuple[Parent, ...]" = ()
    reinitialised: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    provenance: Mapping[str, str | int] = field(default_factory=dict)
    validation: Mapping[str, float | None] = field(default_factory=dict)
    stored: str | None = None
    calibration: tuple[Mapping[str, Any], ...] = ()
    position: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Make the arguments compare equal before and after they were stored: JSON has no tuples."""
        object.__setattr__(self, "arguments", {key: _with_tuples(value) for key, value in self.arguments.items()})

    @property
    def is_trained(self) -> bool:
        """Whether there were steps of training. A learner that needs none has a header too."""
        return self.step is not None

    @property
    def is_in_half_precision(self) -> bool:
        """Whether the numbers were rounded when they were stored."""
        return self.stored == _HALF

    @property
    def commit(self) -> str:
        """The commit of the sources that trained these weights."""
        return str(self.provenance.get("commit") or UNKNOWN)

    @property
    def start_from(self) -> str | None:
        """The names of the parents, as `--start-from` takes them. None for a training from nothing."""
        return ",".join(parent.name for parent in self.parents) or None

    def ancestors(self) -> "list[Header]":
        """All trainings that these weights come from, each once: itself, and what it started from."""
        found: list[Header] = []
        waiting = [self]
        while waiting:
            header = waiting.pop(0)
            if header not in found:
                found.append(header)
                waiting = [*(parent.header for parent in header.parents), *waiting]
        return found

    def to_json(self) -> dict[str, Any]:
        """The same as JSON can hold it; what is empty is left out."""
        return {"format": _FORMAT, **self._written()}

    def _written(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["parents"] = [{"name": name, "header": header._written()} for name, header in self.parents]
        is_needed = ("recipe", "arguments")
        return {key: value for key, value in values.items() if key in is_needed or value not in (None, (), [], {})}

    @classmethod
    def from_json(cls, written: object, path: Path) -> "Header":
        """Read what `to_json` wrote.

        Args:
            written: What the JSON text holds.
            path: The file that it came from, for messages.

        Raises:
            UserError: if it does not say what the weights are, or a version with another format wrote it.
        """
        if not isinstance(written, dict):
            raise UserError(f"{path} is damaged: its header is {written!r:.40}, not a JSON object. Train again.")
        if "format" not in written:
            _refuse(path, "the number of its format")
        if written["format"] != _FORMAT:
            raise UserError(
                f"{path} has a header of format {written['format']!r:.40}, but this version of quickstudy reads format "
                f"{_FORMAT}. Use the version that wrote it, or train again."
            )
        return cls._read(written, path)

    @classmethod
    def _read(cls, written: dict[str, Any], path: Path) -> "Header":
        for name, (is_fine, expected) in _EXPECTED.items():
            if not is_fine(written.get(name, _ABSENT.get(name))):
                _refuse(path, expected)
        read = {each.name: written[each.name] for each in fields(cls) if each.name in written}
        for name in ("reinitialised", "contents", "calibration"):
            read[name] = tuple(read.get(name, ()))
        read["parents"] = tuple(
            Parent(parent["name"], cls._read(parent["header"], path)) for parent in read.get("parents", ())
        )
        return cls(**read)


class Parent(NamedTuple):
    """Weights that a training started from."""

    name: str
    """What `--start-from` was given: a name of weights, or a folder."""
    header: Header
    """What is stored with these weights."""


def save_trained(path: Path, tensors: Mapping[str, Tensor], header: Header, *, keep_as: Path | None = None) -> None:
    """Write weights with their header. The file appears as a whole or not at all.

    Args:
        path: The file.
        tensors: Weights by name.
        header: What is stored with them.
        keep_as: Name under which the file that was there before is kept; None replaces it.
    """
    save_checkpoint(path, tensors, header.to_json(), keep_as=keep_as)


def load_trained(path: Path) -> tuple[dict[str, Tensor], Header]:
    """Tensors and header of a file of weights.

    Args:
        path: The file.

    Raises:
        UserError: if there is no such file, it is damaged, or its header does not say what the weights are.
    """
    tensors, written = load_checkpoint(path)
    return tensors, Header.from_json(written, path)


def in_half_precision(tensors: Mapping[str, Tensor], header: Header) -> tuple[dict[str, Tensor], Header]:
    """The same weights with numbers of half the size, as the package stores them.

    Args:
        tensors: Weights by name.
        header: What is stored with them.

    Raises:
        UserError: if a number is too large.
    """
    halved = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    for name, value in halved.items():
        if not value.isfinite().all():
            raise UserError(
                f"{name} of '{header.recipe}' holds numbers too large for half precision. Store all digits."
            )
    return halved, replace(header, stored=_HALF)


def header_of(path: Path) -> Header:
    """The header alone, without reading the tensors; raises as `load_trained` does.

    Args:
        path: The file.
    """
    return Header.from_json(read_header(path), path)


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def _refuse(path: Path, expected: str) -> None:
    raise UserError(f"{path} is no checkpoint of a recipe: its header lacks {expected}. Train again.")


def _is_of(*kinds: type | None) -> Callable[[Any], bool]:
    """Whether a value is of one of these types. Booleans do not count as numbers."""
    return lambda value: (None if value is None else type(value)) in kinds


def _is_list_of(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(is_fine, value))


def _is_parent(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("header"), dict)


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "recipe": (_is_of(str), "the name of a recipe"),
    "arguments": (_is_of(dict), "the recipe's arguments"),
    "seed": (_is_of(int, None), "a whole number as its seed"),
    "minutes": (_is_of(int, float, None), "a number of minutes"),
    "step": (_is_of(int, None), "a number of steps"),
    "parents": (_is_list_of(_is_parent), "a list of what it began with"),
    "reinitialised": (_is_list_of(_is_of(str)), "a list of the parts drawn anew"),
    "contents": (_is_list_of(_is_of(str)), "a list of the pictures it was trained on"),
    "provenance": (_is_of(dict), "the sources and the machine of the training"),
    "validation": (_is_of(dict), "figures of a validation"),
    "stored": (_is_of(str, None), "how its numbers are stored"),
    "calibration": (_is_list_of(_is_of(dict)), "a list of the settings of a calibration"),
    "position": (_is_of(dict, None), "the position of a training"),
}
"""What each field must be, and the words for it."""
_ABSENT: dict[str, Any] = {
    **dict.fromkeys(("parents", "reinitialised", "contents", "calibration"), ()),
    "provenance": {},
    "validation": {},
}
"""What a field is that is left out, where it is not None."""
