"""Headers of the first format, translated: weights from before headers were typed. It goes when none are left."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from quickstudy.core.errors import UserError

UNKNOWN = "unknown"
"""In place of a name that an older version did not store."""

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
_ONE_VIEW = {"views": 1}
_UNSAID: dict[str, Mapping[str, Any]] = {
    "omniglot-mann$": _ONE_VIEW,
    "omniglot-metanet$": _ONE_VIEW,
    "omniglot-snail$": {"views": 1, "filters": 128, "keys": (64, 256, 512)},
    "omniglot-transformer": _ONE_VIEW,
    "omniglot-mann": {"addresses": "after", "reads": "after", "erase": "first", "least_used": None},
    "omniglot-mann-s": {"short": 0.0},
    "omniglot-lstm": {"short": 0.0},
    "omniglot-protonet": {"views": 1},
}
"""By the beginning of a recipe's name, whose end is "$": arguments that came after the first format, and their value
before."""
_PROVENANCE = ("quickstudy", "commit", "torch", "python", "machine", "accelerator", "threads")


def from_first_format(written: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a header of the first format says, in today's format.

    That format had one flat list, `before`, of the arguments of all that a training came from, without their recipes.
    The first of them is of the weights that it started from; the rest counts as what those started from. Of a mean,
    the list also named what it is the mean of.

    Args:
        written: The header as it is in the file.
        path: The file, for messages.

    Raises:
        UserError: if the header does not say what the weights are.
    """
    before, averaged = written.get("before", []), written.get("averaged", [])
    if not is_list_of(is_of(dict))(before):
        refuse(path, "a list of what it began with")
    if not is_list_of(is_of(dict))(averaged):
        refuse(path, "a list of what it is the mean of")
    start = written.get("start_from")
    if not is_of(str, None)(start):
        refuse(path, "the names of what it began with")
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
        if isinstance(recipe, str) and f"{recipe}$".startswith(beginning):
            found |= unsaid
    for key, value in arguments.items():
        name = str(_RENAMED.get(key, key))
        found[name] = float(value) if name in _SHARES and isinstance(value, bool) else value
    return found


def refuse(path: Path, expected: str) -> None:
    """Raise UserError where a header lacks something.

    Args:
        path: The file.
        expected: What the header should hold.

    Raises:
        UserError: always.
    """
    raise UserError(f"{path} is no checkpoint of a recipe: its header lacks {expected}. Train again.")


def is_of(*kinds: type | None) -> Callable[[Any], bool]:
    """A function that checks whether a value is of one of these types. Booleans do not count as numbers.

    Args:
        kinds: The types; None stands for the value None.
    """
    return lambda value: (None if value is None else type(value)) in kinds


def is_list_of(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A function that checks whether a value is a list whose items all pass a check.

    Args:
        is_fine: The check of an item.
    """
    return lambda value: isinstance(value, list | tuple) and all(map(is_fine, value))
