"""A training as it lies in its folder: what makes it go on, bit for bit, after it was killed.

last.safetensors           weights, optimiser, average, random state; the settings and the position in its header
last.previous.safetensors  the one before, for when the last is damaged
best.safetensors           the weights with the best validation
metrics.csv                one row for each report of the loss
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel

from quickstudy.core import (
    Header,
    UserError,
    header_of,
    kept_weights,
    load_trained,
    load_weights,
    save_trained,
    tensors_below,
    unfinished_checkpoints,
)

LAST, PREVIOUS, BEST = "last.safetensors", "last.previous.safetensors", "best.safetensors"
METRICS = "metrics.csv"


@dataclass(frozen=True)
class Progress:
    """What a display of a running training shows."""

    step: int
    """Optimiser steps done."""
    fraction: float
    """Share of the training that is done, from 0 to 1."""
    loss: float
    """Mean loss of the steps since the last report."""
    tasks_per_second: float
    """Tasks per second, of all processes together."""
    seconds: float
    """Time spent, over all sessions."""
    validation: str | None = None
    """Figures of a validation, as text. None if there was none at this step."""
    warning: str | None = None
    """What a person should know at once."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where and for how long to train. What to train is in the experiment."""

    folder: Path
    """Folder for weights, log and figures."""
    header: Header
    """Stored with the weights: what is known before the first step."""
    seed: int = 0
    """Decides first weights, tasks and all other random numbers."""
    minutes: float | None = None
    """Train for this long instead of the experiment's steps."""
    data_root: Path | None = None
    """Folder of the data sets; None finds them as `datasets` does."""
    compile: bool = False
    """Compile the learner, as its `compile` method does."""
    resume: bool = False
    """Go on from the folder's last checkpoint."""
    tensorboard: bool = False
    """Write event files beside the CSV file, which is always written."""
    show: Callable[[Progress], None] = field(default=lambda progress: None)
    """Called with the progress from time to time."""


@dataclass
class Position:
    """How far a training has come."""

    step: int = 0
    """Optimiser steps done."""
    seconds: float = 0.0
    """Time spent, over all sessions."""
    best_score: float = -math.inf
    """At validation."""
    best_step: int = 0
    """Optimiser steps at the best validation."""
    failed_validations: int = 0
    """Validations in a row, up to now, that gave no finite numbers."""
    losses: list[float] = field(default_factory=list)
    """Of the steps since the last row of the log."""


def averaged(learner: nn.Module, decay: float) -> AveragedModel:
    """A copy of the learner that follows it as an exponential moving average of parameters and buffers.

    Args:
        learner: The learner.
        decay: Share of the average that a step keeps. Early steps keep less, so that the random first weights are
            forgotten.
    """

    def follow(average: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return current
        # Early on a long memory would be full of the random start.
        count = int(num_averaged)
        return average.lerp(current, 1 - min(decay, (1 + count) / (10 + count)))

    return AveragedModel(learner, avg_fn=follow, use_buffers=True)


def save_last(
    folder: Path,
    learner: nn.Module,
    optimiser: Optimizer,
    average: AveragedModel | None,
    position: Position,
    header: Header,
) -> None:
    """Write everything that a training needs to go on exactly. The checkpoint before is kept beside it.

    Args:
        folder: Folder of the run.
        learner: The learner.
        optimiser: Its optimiser.
        average: Moving average of the learner; None if there is none.
        position: How far the training has come.
        header: Header of the weights.
    """
    tensors = {f"learner.{name}": value for name, value in learner.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in values.items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    # JSON has no infinity: without a validation there is no best score.
    place = {**asdict(position), "best_score": position.best_score if math.isfinite(position.best_score) else None}
    save_trained(
        folder / LAST,
        # Copies: safetensors refuses tensors that share memory.
        {name: value.clone() for name, value in tensors.items()},
        replace(header, step=position.step, position=place),
        # A damaged one must not take the place of the sound one before it.
        keep_as=folder / PREVIOUS if is_readable(folder / LAST) else None,
    )


def newest_checkpoint(folder: Path) -> Path:
    """The last checkpoint, or the one before it if the last is damaged or missing.

    Args:
        folder: Folder of the run.

    Raises:
        UserError: if neither can be read.
    """
    if not is_readable(folder / LAST) and is_readable(folder / PREVIOUS):
        return folder / PREVIOUS
    header_of(folder / LAST)
    return folder / LAST


def is_readable(path: Path) -> bool:
    """Whether there is a whole checkpoint with a header of ours.

    Args:
        path: The file.
    """
    try:
        header_of(path)
    except UserError:
        return False
    return True


def is_new(folder: Path) -> bool:
    """Whether a folder has nothing in it but half-written checkpoints of a killed training.

    Args:
        folder: The folder.
    """
    return set(folder.iterdir()) <= set(unfinished_checkpoints(folder))


def load_last(folder: Path, learner: nn.Module, optimiser: Optimizer, average: AveragedModel | None) -> Position:
    """Load everything that `save_last` wrote, and return the position.

    Args:
        folder: Folder of the run.
        learner: Gets its weights.
        optimiser: Gets its state.
        average: Gets its weights; None if there is none.

    Raises:
        UserError: if the checkpoint and the one before it are damaged, or it lacks something.
    """
    path = newest_checkpoint(folder)
    tensors, header = load_trained(path)
    position = read_position(header, path)
    load_weights(learner, tensors_below("learner", tensors), path)
    if average is not None:
        load_weights(average, tensors_below("average", tensors), path)
    _load_optimiser(optimiser, tensors_below("optimiser", tensors), position, path)
    try:
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
    except (KeyError, TypeError, RuntimeError):
        raise UserError(_lacks(path, "no sound random state")) from None
    return position


def load_end(folder: Path) -> tuple[dict[str, Tensor], Header]:
    """Weights and header of the last checkpoint, as `best.safetensors` would have them.

    Args:
        folder: Folder of the run.

    Raises:
        UserError: as `load_last` does.
    """
    path = newest_checkpoint(folder)
    tensors, header = load_trained(path)
    step = read_position(header, path).step
    return kept_weights(tensors), replace(header, step=step, position=None)


def read_position(header: Header, path: Path) -> Position:
    """How far the training of a checkpoint has come.

    Args:
        header: Header of the checkpoint.
        path: The file, for messages.

    Raises:
        UserError: if the header does not say so, as that of `best.safetensors`.
    """
    place = header.position
    if place is None:
        raise UserError(_lacks(path, "no position, as in a file of weights alone"))
    known = {each.name for each in fields(Position)}
    found: dict[str, Any] = {
        name: -math.inf if value is None else value for name, value in place.items() if name in known
    }
    counts = [found.get(name, 0) for name in ("step", "best_step", "failed_validations")]
    numbers = [found.get(name, 0.0) for name in ("seconds", "best_score")]
    losses = found.get("losses", [])
    if (
        "step" not in found
        or not all(type(count) is int and count >= 0 for count in counts)
        or not all(type(number) in (int, float) for number in numbers)
        or not (isinstance(losses, list) and all(type(loss) in (int, float) for loss in losses))
    ):
        raise UserError(_lacks(path, "a position that is no position"))
    return Position(**found)


def _load_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor], position: Position, path: Path) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    try:
        for name, value in tensors.items():
            index, key = name.split(".", 1)
            parameter = parameters[int(index)]
            # In the parameter's own memory layout: in another one the same sums may round differently.
            kept = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
            state.setdefault(int(index), {})[key] = kept
    except (ValueError, IndexError):
        raise UserError(_lacks(path, "the state of another optimiser")) from None
    expected = _remembered(optimiser)
    if any(values.keys() != expected for values in state.values()) or bool(state) != bool(expected and position.step):
        raise UserError(_lacks(path, "not the state of its optimiser"))
    for place, values in state.items():
        for key, value in values.items():
            if (value.shape != parameters[place].shape and (key != "step" or value.ndim)) or not value.isfinite().all():
                raise UserError(_lacks(path, "a damaged state of its optimiser"))
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _remembered(optimiser: Optimizer) -> set[str]:
    """What an optimiser remembers of each parameter, by the names that torch has for it."""
    if isinstance(optimiser, AdamW):
        return {"step", "exp_avg", "exp_avg_sq"}
    # Without momentum there is nothing to remember of it.
    momentum = {"momentum_buffer"} if optimiser.param_groups[0]["momentum"] else set()
    return {"step", "square_avg"} | momentum if isinstance(optimiser, RMSprop) else momentum


def _lacks(path: Path, found: str) -> str:
    advice = f"Use its weights by --start-from {path}, or train again."
    if path.name == LAST and is_readable(path.parent / PREVIOUS):
        advice = f"Delete {path.name} and resume: the training goes on from {PREVIOUS}."
    return f"{path} holds {found}, so no training can go on from it. {advice}"
