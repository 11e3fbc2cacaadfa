"""A training as it lies in its folder: what makes it go on, bit for bit, after it was killed.

last.safetensors   weights, optimiser, average, random state; the settings and the step in its header
best.safetensors   the weights that did best at a look at the validation tasks
metrics.csv        one row for each look at the loss
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from quickstudy.core import load_checkpoint, save_checkpoint

LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.csv"


@dataclass
class Position:
    """How far a training has come."""

    step: int = 0
    """Optimiser steps done."""
    seconds: float = 0.0
    """Time spent, over all sessions."""
    best_score: float = -math.inf
    """At a look at the validation tasks."""
    best_step: int = 0


def averaged(learner: nn.Module, decay: float) -> AveragedModel:
    """A copy of the learner that follows it as an exponential moving average, statistics included."""

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
    header: Mapping[str, Any],
) -> None:
    """Write all that a training needs to go on exactly where it is."""
    tensors = {f"learner.{name}": value for name, value in learner.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{key}": torch.as_tensor(value) for key, value in values.items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    # Copies: safetensors refuses tensors that share memory.
    save_checkpoint(
        folder / LAST,
        {name: value.clone() for name, value in tensors.items()},
        {**header, "position": asdict(position)},
    )


def load_last(folder: Path, learner: nn.Module, optimiser: Optimizer, average: AveragedModel | None) -> Position:
    """Put everything back as `save_last` found it; raises UserError if the checkpoint is damaged."""
    tensors, header = load_checkpoint(folder / LAST)
    learner.load_state_dict(_below("learner", tensors))
    if average is not None:
        average.load_state_dict(_below("average", tensors))
    _load_optimiser(optimiser, _below("optimiser", tensors))
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return Position(**header["position"])


def load_end(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and header as `best.safetensors` would have them, of where the training is now; raises as `load_last`."""
    tensors, header = load_checkpoint(folder / LAST)
    step = header.pop("position")["step"]
    return _below("average.module", tensors) or _below("learner", tensors), {**header, "step": step}


def _load_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        # In the parameter's own memory layout: in another one the same sums may round differently.
        kept = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        state.setdefault(int(index), {})[key] = kept
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
