"""Adapted tasks in files: safetensors with a header, never a pickle, readable on another machine."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy import pretrained
from quickstudy.core import Learner, UserError, about_state, load_state, save_state
from quickstudy.datasets.frames import Frame
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.adapted_values import AdaptedRegressor
from quickstudy.estimators.chosen import Chosen, choose
from quickstudy.estimators.image_files import ColourFiles, DrawingFiles, ImageFiles, PhotoFiles
from quickstudy.estimators.image_task import ImageTask
from quickstudy.estimators.slots import Group
from quickstudy.estimators.table_task import TableTask
from quickstudy.estimators.text_task import TextTask

Task = ImageTask | TableTask | TextTask

_FORMAT = 1


def save_task(path: Path | str, task: Task) -> None:
    """Write an adapted task to a file.

    Args:
        path: The file to write.
        task: The task.

    Raises:
        UserError: if the task has an encoder of your own.
        OSError: if the file cannot be written.
    """
    adapted = task.adapted
    about: dict[str, Any] = {
        "format": _FORMAT,
        "learner": adapted.chosen.name,
        "weights": digest(adapted.chosen.learner),
        "names": task.names,
    }
    states = tuple(adapted.states)
    if isinstance(adapted, AdaptedClassifier):
        about |= {"num_draws": adapted.num_draws, "seed": adapted.seed}
        about |= {"shots": adapted.shots, "counts": adapted.counts.tolist(), "has_sums": adapted.sums is not None}
        states += () if adapted.sums is None else (adapted.sums,)
        about["groups"] = [[group.classes.tolist(), group.round_index] for group in adapted.groups]
    if isinstance(task, ImageTask):
        about |= _about_files(task.files)
    elif isinstance(task, TextTask):
        about |= {"kind": "texts", "column": task.column}
        _refuse_own(task.encoder)
    else:
        about |= {"kind": "table", "columns": task.columns, "target": task.target}
    save_state(path, states, about)


def load_task(path: Path | str, learner: str | Path | None = None) -> Task:
    """Read an adapted task from a file of `save_task`.

    Args:
        path: The file to read.
        learner: Where the learner's weights are, if they do not come with the package and were moved.

    Raises:
        UserError: if the file is no adapted task, or the learner's weights are missing or have changed.
    """
    if not Path(path).exists():
        raise UserError(f"There is no file {path}. Make it with: quickstudy adapt … --out {path}")
    about = about_state(path)
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise UserError(f"{path} holds no adapted task of this version. Make it with: quickstudy adapt … --out {path}")
    chosen = _chosen(path, about, learner)
    states = list(load_state(path))
    names = tuple(about["names"])
    if about["kind"] == "images":
        return ImageTask(names, _classifier(chosen, about, states), _files(about, chosen))
    if about["kind"] == "texts":
        return TextTask(names, _classifier(chosen, about, states), column=about["column"])
    adapted: AdaptedClassifier | AdaptedRegressor
    if "groups" in about:
        adapted = _classifier(chosen, about, states)
    else:
        adapted = AdaptedRegressor(chosen)
        adapted.states = states
    return TableTask(tuple(about["columns"]), about["target"], names, adapted)


def digest(learner: Learner) -> str:
    """A short fingerprint of a learner's weights.

    Args:
        learner: The learner.
    """
    content = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(learner.state_dict().items()):
        content.update(name.encode())
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()


def _files(about: Mapping[str, Any], chosen: Chosen) -> ImageFiles:
    """How the files of a stored task are read."""
    if "encoder" in about:
        return PhotoFiles(about["encoder"])
    return ColourFiles(chosen.size) if chosen.reads_colour else DrawingFiles(Frame(*about["frame"]), chosen.size)


def _about_files(files: ImageFiles) -> dict[str, Any]:
    if isinstance(files, ColourFiles):
        return {"kind": "images"}
    if isinstance(files, DrawingFiles):
        return {"kind": "images", "frame": list(files.frame)}
    _refuse_own(files.encoder)
    return {"kind": "images", "encoder": files.encoder}


def _refuse_own(encoder: Any) -> None:
    if not isinstance(encoder, str):
        raise UserError(
            "A task with an encoder of your own cannot be kept in a file. Only named encoders can: 'photos', 'text'."
        )


def _chosen(path: Path | str, about: Mapping[str, Any], learner: str | Path | None) -> Chosen:
    name = about["learner"] if learner is None else learner
    if learner is None and name not in pretrained.available() and not Path(name).exists():
        raise UserError(
            f"{path} was made with the weights '{name}', which are not here. Copy them here and give them as --learner."
        )
    chosen = choose(name)
    if digest(chosen.learner) != about["weights"]:
        raise UserError(
            f"{path} was made with other weights than '{name}' has here. Adapt again, or use the version of quickstudy "
            "that made it."
        )
    return chosen


def _classifier(chosen: Chosen, about: Mapping[str, Any], states: list[Any]) -> AdaptedClassifier:
    adapted = AdaptedClassifier(chosen, len(about["names"]), about["num_draws"], about["seed"])
    nothing = np.zeros(0, dtype=np.int64)
    adapted.groups = [Group(np.array(classes), nothing, nothing, number) for classes, number in about["groups"]]
    # Files of earlier versions do not say this. Their predictions are not calibrated.
    adapted.shots = about.get("shots", 0.0)
    adapted.counts = np.array(about.get("counts", np.zeros(adapted.num_classes)))
    adapted.states, adapted.sums = (states[:-1], states[-1]) if about.get("has_sums") else (states, None)
    return adapted
