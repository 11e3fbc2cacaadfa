"""What a file of weights says of itself: its recipe, how it was trained, and what it started from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from quickstudy.core.checkpoint import load_checkpoint, read_header, save_checkpoint
from quickstudy.core.errors import UserError

_FORMAT = 2
"""Of the JSON that this version writes. Files of the first format do not say their format."""
UNKNOWN = "unknown"
"""In place of a name that an older version did not store."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is stored with weights.

    Args:
        recipe: Name of the recipe, which with the arguments builds the experiment again.
        arguments: The recipe's arguments by name; sequences are tuples.
        seed: Seed of the training.
        minutes: For how long the training was to go on, if a clock ended it and not a number of steps.
        step: Optimiser steps done. None for weights that no single training gave.
        parents: What the training started from, in the order in which the weights were taken over.
        reinitialised: Parts of the learner, by name, that were drawn anew although the training started from parents.
        contents: Digests of the user's own pictures that this training saw. Those of the parents are in their headers.
        provenance: Commit, versions, machine, accelerator and threads of the training.
        validation: Figures of the validation that chose these weights, by name.
        stored: How the numbers were changed when they were stored, such as "half precision".
        averaged: Headers of the weights of which these are the mean.
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
    averaged: "tuple[Header, ...]" = ()
    position: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Make the arguments compare equal before and after they were stored: JSON has no tuples."""
        object.__setattr__(self, "arguments", {key: _with_tuples(value) for key, value in self.arguments.items()})

    @property
    def is_trained(self) -> bool:
        """Whether there were steps of training. A learner that needs none has a header too."""
        return self.step is not None or bool(self.averaged)

    @property
    def commit(self) -> str:
        """The commit of the sources that trained these weights."""
        return str(self.provenance.get("commit") or UNKNOWN)

    @property
    def start_from(self) -> str | None:
        """The names of the parents, as `--start-from` takes them. None for a training from nothing."""
        return ",".join(parent.name for parent in self.parents) or None

    def ancestors(self) -> "list[Header]":
        """All trainings that these weights come from, each once: itself, and what it started from or is the mean of."""
        found: list[Header] = []
        waiting = [self]
        while waiting:
            header = waiting.pop(0)
            if header not in found:
                found.append(header)
                waiting = [*(parent.header for parent in header.parents), *header.averaged, *waiting]
        return found

    def to_json(self) -> dict[str, Any]:
        """The same as JSON can hold it; what is empty is left out."""
        return {"format": _FORMAT, **self._written()}

    def _written(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["parents"] = [{"name": name, "header": header._written()} for name, header in self.parents]
        values["averaged"] = [header._written() for header in self.averaged]
        is_needed = ("recipe", "arguments")
        return {key: value for key, value in values.items() if key in is_needed or value not in (None, (), [], {})}

    @classmethod
    def from_json(cls, written: object, path: Path) -> "Header":
        """Read what `to_json` wrote, or what an older version wrote.

        Args:
            written: What the JSON text holds.
            path: The file that it came from, for messages.

        Raises:
            UserError: if it does not say what the weights are, or a later version wrote it.
        """
        if not isinstance(written, dict):
            raise UserError(f"{path} is damaged: its header is {written!r:.40}, not a JSON object. Train again.")
        if "format" not in written:
            written = _from_first_format(written, path)
        elif written["format"] != _FORMAT:
            raise UserError(
                f"{path} has a header of format {written['format']!r:.40}, but this version of quickstudy reads "
                f"formats up to {_FORMAT}. Use the version that wrote it."
            )
        return cls._read(written, path)

    @classmethod
    def _read(cls, written: dict[str, Any], path: Path) -> "Header":
        for name, (is_fine, expected) in _EXPECTED.items():
            if not is_fine(written.get(name, _ABSENT.get(name))):
                _refuse(path, expected)
        read = {each.name: written[each.name] for each in fields(cls) if each.name in written}
        for name in ("reinitialised", "contents"):
            read[name] = tuple(read.get(name, ()))
        read["parents"] = tuple(
            Parent(parent["name"], cls._read(parent["header"], path)) for parent in read.get("parents", ())
        )
        read["averaged"] = tuple(cls._read(each, path) for each in read.get("averaged", ()))
        return cls(**read)


class Parent(NamedTuple):
    """Weights that a training started from."""

    name: str
    """What `--start-from` was given: a name of weights, or a folder."""
    header: Header


def save_trained(path: Path, tensors: Mapping[str, Tensor], header: Header, *, keep_as: Path | None = None) -> None:
    """Write weights with their header; the file appears whole or not at all. See `save_checkpoint`."""
    save_checkpoint(path, tensors, header.to_json(), keep_as=keep_as)


def load_trained(path: Path) -> tuple[dict[str, Tensor], Header]:
    """Tensors and header of a file of weights.

    Raises:
        UserError: if there is no such file, it is damaged, or its header does not say what the weights are.
    """
    tensors, written = load_checkpoint(path)
    return tensors, Header.from_json(written, path)


def header_of(path: Path) -> Header:
    """The header alone, without reading the tensors; raises as `load_trained` does."""
    return Header.from_json(read_header(path), path)


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def _refuse(path: Path, expected: str) -> None:
    raise UserError(f"{path} is no checkpoint of a recipe: its header lacks {expected}. Train again.")


def _is(*kinds: type | None) -> Callable[[Any], bool]:
    """Whether a value is of one of these types; None stands for itself. True and False are no numbers."""
    return lambda value: (None if value is None else type(value)) in kinds


def _is_list_of(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(is_fine, value))


def _is_parent(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("header"), dict)


_EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "recipe": (_is(str), "the name of a recipe"),
    "arguments": (_is(dict), "the recipe's arguments"),
    "seed": (_is(int, None), "a whole number as its seed"),
    "minutes": (_is(int, float, None), "a number of minutes"),
    "step": (_is(int, None), "a number of steps"),
    "parents": (_is_list_of(_is_parent), "a list of what it began with"),
    "reinitialised": (_is_list_of(_is(str)), "a list of the parts drawn anew"),
    "contents": (_is_list_of(_is(str)), "a list of the pictures it was trained on"),
    "provenance": (_is(dict), "the sources and the machine of the training"),
    "validation": (_is(dict), "figures of a validation"),
    "stored": (_is(str, None), "how its numbers are stored"),
    "averaged": (_is_list_of(_is(dict)), "a list of what it is the mean of"),
    "position": (_is(dict, None), "the position of a training"),
}
"""What each field must be, and the words for it."""
_ABSENT: dict[str, Any] = {
    **dict.fromkeys(("parents", "reinitialised", "contents", "averaged"), ()),
    "provenance": {},
    "validation": {},
}
"""What a field is that is left out, where it is not None."""


_RENAMED = {
    "bent": "copies",
    "outer_rate": "learning_rate",
    "transductive": "is_transductive",
    "sharpens": "key_strength",
    "sharpest": "max_key_strength",
}
"""Arguments of the first format, and their names now."""
_SHARES = ("frozen_encoder",)
"""Arguments that were true or false in the first format, and are shares now."""
_UNSAID: dict[str, Mapping[str, Any]] = {
    "omniglot-mann": {"addresses": "after", "reads": "after", "erase": "first", "least_used": None},
    "omniglot-mann-s": {"short": 0.0},
    "omniglot-lstm": {"short": 0.0},
    "omniglot-protonet": {"views": 1},
}
"""By the beginning of a recipe's name: arguments that came after the first format, and what stood for them before."""
_PROVENANCE = ("quickstudy", "commit", "torch", "python", "machine", "accelerator", "threads")


def _from_first_format(written: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a header of the first format says, in today's format.

    That format had one flat list, `before`, of the arguments of all that a training came from, without their recipes.
    The first of them is of the weights that it started from; the rest counts as what those started from. Of a mean,
    the list also named what it is the mean of.
    """
    before, averaged = written.get("before", []), written.get("averaged", [])
    if not _is_list_of(_is(dict))(before):
        _refuse(path, "a list of what it began with")
    if not _is_list_of(_is(dict))(averaged):
        _refuse(path, "a list of what it is the mean of")
    start = written.get("start_from")
    if not _is(str, None)(start):
        _refuse(path, "the names of what it began with")
    own = ("recipe", "arguments", "seed", "minutes", "step", "stored", "position")
    of_mean = [part.get("arguments") for part in averaged]
    earlier = [_unknown(arguments) for arguments in before if arguments not in of_mean]
    if start is not None or earlier:
        first, *rest = earlier or [_unknown({})]
        first["parents"] = [{"name": UNKNOWN, "header": header} for header in rest]
        parents = [{"name": start or UNKNOWN, "header": first}]
    else:
        parents = []
    return {
        **{key: written[key] for key in own if key in written},
        "arguments": _with_precision(written),
        "parents": parents,
        "contents": written.get("trained_on", []),
        "provenance": {key: written[key] for key in _PROVENANCE if key in written},
        "validation": {
            key.removeprefix("validation_"): value for key, value in written.items() if key.startswith("validation_")
        },
        "averaged": [_part_of_mean(part, written) for part in averaged],
    }


def _with_precision(written: Mapping[str, Any]) -> Any:
    """The arguments, and among them the precision, which had a place of its own."""
    arguments = _with_todays_names(written.get("recipe"), written.get("arguments"))
    precision = written.get("precision")
    if isinstance(arguments, dict) and isinstance(precision, str):
        return {"precision": precision, **arguments}
    return arguments


def _unknown(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"recipe": UNKNOWN, "arguments": _with_todays_names(UNKNOWN, arguments)}


def _part_of_mean(part: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "recipe": whole.get("recipe"),
        "arguments": _with_todays_names(whole.get("recipe"), part.get("arguments")),
        "provenance": {"commit": part.get("commit") or UNKNOWN},
        **{key: part[key] for key in ("seed", "step") if key in part},
    }


def _with_todays_names(recipe: Any, arguments: Any) -> Any:
    """Arguments by the names that they have now, with those that came since; what are no arguments stays as it is."""
    if not isinstance(arguments, dict):
        return arguments
    found: dict[str, Any] = {}
    for beginning, unsaid in _UNSAID.items():
        if isinstance(recipe, str) and recipe.startswith(beginning):
            found |= unsaid
    for key, value in arguments.items():
        name = str(_RENAMED.get(key, key))
        found[name] = float(value) if name in _SHARES and isinstance(value, bool) else value
    return found
