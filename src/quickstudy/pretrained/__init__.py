"""Trained weights: those that ship with the package, and those of a run folder."""

from pathlib import Path
from typing import NamedTuple

import torch

from quickstudy.core import (
    Calibration,
    Experiment,
    Header,
    Learner,
    Parent,
    UserError,
    choose_one_of,
    header_of,
    kept_weights,
    load_trained,
    load_weights,
)
from quickstudy.recipes import RECIPES, build, default_arguments

_FOLDER = Path(__file__).parent
_BEST, _LAST = "best.safetensors", "last.safetensors"


class Trained(NamedTuple):
    """Weights that were opened."""

    header: Header
    """How they were trained."""
    experiment: Experiment
    """What the recipe built; its learner has the weights and is in eval mode."""


class Adopted(NamedTuple):
    """What a learner took over from other weights."""

    parents: tuple[Parent, ...]
    """The weights, with their headers."""
    taken: tuple[tuple[str, ...], ...]
    """The names of the tensors that came from each parent."""
    reinitialised: tuple[str, ...]
    """The parts of the learner of which nothing came from any parent, by the shortest names that say so."""


def available() -> list[str]:
    """Names that `load` knows: shipped weights, and learners that need none."""
    shipped = {path.stem for path in _FOLDER.glob("*.safetensors")}
    return sorted(shipped | {name for name in RECIPES if default_arguments(name) == {}})


def load(name: str | Path, *, gradients: bool = False) -> Learner:
    """A trained learner, ready in eval mode.

    Args:
        name: Name of the weights, a run folder, or a file in one.
        gradients: Whether its parameters require gradients, so that predictions hold graphs. Otherwise they do so only
            after `learner.train()`.

    Raises:
        UserError: if there is nothing of that name, or its weights are damaged, not numbers, or of another network.
    """
    return open_weights(name, gradients=gradients).experiment.learner


def open_weights(name: str | Path, *, gradients: bool = False) -> Trained:
    """The learner of `load` in the experiment that trained it, and the header of its weights.

    The experiment is built once.

    Args:
        name: Name of the weights, a run folder, or a file in one.
        gradients: Whether its parameters require gradients.

    Raises:
        UserError: as `load`.
    """
    path = _find(name)
    if path is None:
        header = Header(recipe=str(name))
    else:
        tensors, header = load_trained(path)
        _refuse_unknown_recipe(header, path)
    with torch.random.fork_rng(devices=[]):  # The first weights are replaced, so the caller's generator stays as it is.
        experiment = build(header.recipe, header.arguments)
    learner = experiment.learner
    if path is not None:
        load_weights(learner, tensors if header.position is None else kept_weights(tensors), path)
    learner.eval()
    if not gradients:
        learner.switch_gradients_off()
    return Trained(header, experiment)


def describe(name: str | Path) -> Header:
    """The header of weights: the recipe, its arguments, and how the training went.

    Args:
        name: Name of the weights, a run folder, or a file in one.

    Raises:
        UserError: as `load`.
    """
    path = _find(name)
    if path is None:
        return Header(recipe=str(name))
    header = header_of(path)
    _refuse_unknown_recipe(header, path)
    return header


def calibration(name: str | Path) -> Calibration:
    """The calibration that is stored with a classifier's weights.

    `load(name)` predicts without it. Pass its predictions to `calibration(name).at(ways, shots)`.

    Args:
        name: Name of the weights, a run folder, or a file in one.

    Raises:
        UserError: as `load`, and if no calibration is stored, or it is damaged.
    """
    stored = describe(name).calibration
    if not stored:
        raise UserError(
            f"'{name}' has no calibration. Fit one, in a checkout of the project: python tools/calibrate.py {name}"
        )
    return Calibration.from_json(stored, str(name))


def file_of(name: str | Path) -> Path:
    """The file of weights that `load` would read.

    Args:
        name: Name of the weights, a run folder, or a file in one.

    Raises:
        UserError: if there is nothing of that name, or its learner has no weights.
    """
    path = _find(name)
    if path is None:
        raise UserError(f"'{name}' has no weights, so there is no file. Choose a learner that was trained.")
    return path


def adopt(learner: Learner, *names: str | Path) -> Adopted:
    """Begin with other weights wherever the name and the shape of a tensor agree, such as those of a trained encoder.

    Args:
        learner: What is to be trained; it changes in place.
        names: Names of weights, run folders or files. Of a tensor that several have, the last one counts.

    Raises:
        UserError: if there are no such weights, or nothing of one of them fits.
    """
    state = learner.state_dict()
    parents, taken = [], []
    for name in names:
        header, experiment = open_weights(name)
        theirs = experiment.learner.state_dict()
        fitting = {key: value for key, value in theirs.items() if key in state and state[key].shape == value.shape}
        if not any(value.ndim for value in fitting.values()):  # Counters fit anything.
            raise UserError(
                f"Nothing of '{name}' fits: no tensor of it has the name and shape of one of "
                f"{type(learner).__name__}'s. Start from weights with the same encoder."
            )
        state |= fitting
        parents.append(Parent(str(name), header))
        taken.append(tuple(sorted(fitting)))
    learner.load_state_dict(state)
    return Adopted(tuple(parents), tuple(taken), _parts_without(set().union(*taken), set(state)))


def _parts_without(taken: set[str], own: set[str]) -> tuple[str, ...]:
    """The parts that hold tensors, but none of those taken, by the shortest names that say so."""
    inside = {".".join(words[:length]) for words in _split(taken) for length in range(1, len(words) + 1)}
    parts = set()
    for words in _split(own - taken):
        beginnings = (".".join(words[:length]) for length in range(1, len(words) + 1))
        parts.add(next(part for part in beginnings if part not in inside))
    return tuple(sorted(parts))


def _split(names: set[str]) -> list[list[str]]:
    return [name.split(".") for name in names]


def _refuse_unknown_recipe(header: Header, path: Path) -> None:
    if header.recipe not in RECIPES:
        raise UserError(
            f"{path} is of the recipe '{header.recipe}', which this version of quickstudy does not have. "
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
    is_untrained = str(name) in RECIPES
    remedy = f"Train it first: quickstudy train {name}" if is_untrained else choose_one_of(str(name), available())
    raise UserError(f"'{name}' is neither a run folder nor a name of trained weights. {remedy}")


def _without_best(folder: Path) -> str:
    if not (folder / _LAST).exists():
        return f"{folder} holds no {_BEST}. Give the folder of a run, or begin one with --out {folder}."
    header = header_of(folder / _LAST)
    if header.position is not None and header.position.get("failed_validations"):
        return (
            f"{folder} holds no {_BEST}: no validation gave finite numbers. "
            f"What it came to is in {folder / _LAST}; train anew with a lower learning rate."
        )
    return (
        f"{folder} holds no {_BEST}: the run has not been validated yet. "
        f"Continue it: quickstudy train {header.recipe} --resume {folder}"
    )
