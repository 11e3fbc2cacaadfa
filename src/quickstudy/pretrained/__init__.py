"""Trained weights: those that ship with the package, and those of a run folder."""

from pathlib import Path
from typing import Any

import torch

from quickstudy.core import Learner, UserError, load_checkpoint, read_header
from quickstudy.recipes import RECIPES, build, default_arguments

_FOLDER = Path(__file__).parent
_BEST = "best.safetensors"


def available() -> list[str]:
    """Names that `load` knows: shipped weights, and learners that need none."""
    shipped = {path.stem for path in _FOLDER.glob("*.safetensors")}
    return sorted(shipped | {name for name in RECIPES if default_arguments(name) == {}})


def load(name: str | Path, *, gradients: bool = False) -> Learner:
    """A trained learner, ready in eval mode, by the name of its weights or from a run folder.

    Its parameters ask for no gradients, so that predictions hold no graphs, unless `gradients` are wanted or until
    `learner.train()`.

    Raises:
        UserError: if there is nothing of that name, or its weights are damaged.
    """
    header = describe(name)
    with torch.random.fork_rng(devices=[]):  # Weights are drawn only to be replaced: no reason to disturb the caller.
        learner = build(header["recipe"], header["arguments"]).learner
    path = _find(name)
    if path is not None:
        tensors, _ = load_checkpoint(path)
        try:
            learner.load_state_dict(tensors)
        except RuntimeError as error:
            raise UserError(f"The weights in {path} do not fit their recipe ({error}). Train again.") from None
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
    return read_header(path)


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
        raise UserError(
            f"{folder} holds no {_BEST}: the run has not looked at its validation classes yet. "
            f"Continue it with --resume {folder}."
        )
    if folder.suffix == ".safetensors" and folder.is_file():
        return folder
    raise UserError(
        f"'{name}' is neither a run folder nor a name of trained weights. There are: {', '.join(available())}. "
        + (f"Train it first: quickstudy train {name}" if str(name) in RECIPES else "")
    )
