"""Trained weights: those that ship with the package, and those of a run folder."""

from pathlib import Path
from typing import Any

import torch

from quickstudy.core import Learner, UserError, kept_weights, load_checkpoint, load_weights, read_header
from quickstudy.recipes import RECIPES, build, default_arguments, stored_arguments

_FOLDER = Path(__file__).parent
_BEST, _LAST = "best.safetensors", "last.safetensors"


def available() -> list[str]:
    """Names that `load` knows: shipped weights, and learners that need none."""
    shipped = {path.stem for path in _FOLDER.glob("*.safetensors")}
    return sorted(shipped | {name for name in RECIPES if default_arguments(name) == {}})


def load(name: str | Path, *, gradients: bool = False) -> Learner:
    """A trained learner, ready in eval mode, by the name of its weights, from a run folder or from a file of one.

    Its parameters ask for no gradients, so that predictions hold no graphs, unless `gradients` are wanted or until
    `learner.train()`.

    Raises:
        UserError: if there is nothing of that name, or its weights are damaged, not numbers, or of another network.
    """
    header = describe(name)
    with torch.random.fork_rng(devices=[]):  # Weights are drawn only to be replaced: no reason to disturb the caller.
        learner = build(header["recipe"], header["arguments"]).learner
    path = _find(name)
    if path is not None:
        tensors, _ = load_checkpoint(path)
        load_weights(learner, kept_weights(tensors) if "position" in header else tensors, path)
    return learner.eval() if gradients else learner.eval().switch_gradients_off()


def adopt(learner: Learner, name: str | Path) -> list[str]:
    """Begin with other weights wherever name and shape agree, such as a trained encoder; returns what was taken.

    Raises:
        UserError: if there are no such weights, or nothing of them fits.
    """
    theirs, own = load(name).state_dict(), learner.state_dict()
    taken = {key: value for key, value in theirs.items() if key in own and own[key].shape == value.shape}
    if not any(value.ndim for value in taken.values()):  # Counters fit anything.
        raise UserError(
            f"Nothing of '{name}' fits: no tensor of it has the name and shape of one of {type(learner).__name__}'s. "
            "Start from weights with the same encoder."
        )
    learner.load_state_dict({**own, **taken})
    return sorted(taken)


def describe(name: str | Path) -> dict[str, Any]:
    """What is known of weights: the recipe, its arguments, and how the training went. Raises as `load` does."""
    path = _find(name)
    if path is None:
        return {"recipe": str(name), "arguments": {}}
    header = read_header(path)
    _refuse_header(header, path)
    return {**header, "arguments": stored_arguments(header["recipe"], header["arguments"])}


def _refuse_header(header: dict[str, Any], path: Path) -> None:
    """Raise UserError where a header does not say what the weights are."""
    before = header.get("before", [])
    for is_fine, expected in (
        (isinstance(header.get("recipe"), str), "the name of a recipe"),
        (isinstance(header.get("arguments"), dict), "the recipe's arguments"),
        (isinstance(before, list) and all(isinstance(each, dict) for each in before), "a list of what it began with"),
    ):
        if not is_fine:
            raise UserError(f"{path} is no checkpoint of a recipe: its header lacks {expected}. Train again.")
    if header["recipe"] not in RECIPES:
        raise UserError(
            f"{path} is of the recipe '{header['recipe']}', which this version of quickstudy does not have. "
            "Use the version that wrote it."
        )


def _find(name: str | Path) -> Path | None:
    """The checkpoint behind a name; None where the learner needs none."""
    shipped = _FOLDER / f"{name}.safetensors"
    if shipped.exists():
        return shipped
    if str(name) in available():
        return None
    folder = Path(name)
    if folder.is_dir():
        if (folder / _BEST).exists():
            return folder / _BEST
        raise UserError(_without_best(folder))
    if folder.suffix == ".safetensors" and folder.is_file():
        return folder
    raise UserError(
        f"'{name}' is neither a run folder nor a name of trained weights. There are: {', '.join(available())}. "
        + (f"Train it first: quickstudy train {name}" if str(name) in RECIPES else "")
    )


def _without_best(folder: Path) -> str:
    if not (folder / _LAST).exists():
        return f"{folder} holds no {_BEST}. Give the folder of a run, or begin one with --out {folder}."
    header = describe(folder / _LAST)
    position = header.get("position")
    if isinstance(position, dict) and position.get("failed_validations"):
        return (
            f"{folder} holds no {_BEST}: no validation gave finite numbers. "
            f"What it came to is in {folder / _LAST}; train anew with a lower learning rate."
        )
    return (
        f"{folder} holds no {_BEST}: the run has not been validated yet. "
        f"Continue it: quickstudy train {header['recipe']} --resume {folder}"
    )
