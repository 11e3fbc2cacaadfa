"""Weights that a support writes: self-referential weights, fast weights, traces, generated classifiers.

Letters: T tasks, S support examples, N ways, H numbers of a head, R numbers of a row, D features.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import quickstudy
from gallery_style import characters, heat, in_random_order, matrices, save
from quickstudy.core import UserError
from quickstudy.evaluation.plots import empty_figure

_WAYS = 5


@torch.no_grad()
def _states(name: str, shots: int) -> list[Any]:
    """What a learner of sequences carries before a task and after each of its examples."""
    learner: Any = quickstudy.load(name)
    images, labels = in_random_order(characters(_WAYS, shots), 1, _WAYS, shots)
    states = [learner.prior(1)]
    for step in range(labels.shape[1]):
        states.append(learner.extend(states[-1], images[:, step : step + 1], labels[:, step : step + 1]))
    return states


def draw_self_reference(path: Path) -> None:
    """One head of the first layer of self-referential weights: the matrix, and what each of five examples changed.

    Args:
        path: The PNG file.

    Raises:
        UserError: if the package has no weights of it.
    """
    if "omniglot-srwm" not in quickstudy.available():
        raise UserError("The package has no weights of omniglot-srwm. Train it: quickstudy train omniglot-srwm")
    seen = [state.carried[0][0, 0] for state in _states("omniglot-srwm", 1)]
    size = seen[0].shape[0]
    changes = [(f"after {count} example{'s' * (count > 1)}", seen[count] - seen[0]) for count in (1, 2, 3, 5)]
    parts = (("output", size), ("query", size), ("key", size), ("rates", 4))
    matrices(path, ("the matrix before the task", seen[0]), changes, parts=parts, size=(8, 6))


def draw_delta_rule(path: Path) -> None:
    """One head of DeltaNet: the fast weights after some examples.

    Args:
        path: The PNG file.
    """
    seen = [state.carried[0][0, 0].T for state in _states("omniglot-delta-net", 2)]
    changes = [(f"after {count} example{'s' * (count > 1)}", seen[count]) for count in (1, 2, 5, 6, 10)]
    matrices(path, ("before", seen[0]), changes, size=(8.5, 3.4), columns=3, axis_labels=("features of a key", "value"))


def draw_traces(path: Path) -> None:
    """The Hebbian traces of five labels after some examples.

    Args:
        path: The PNG file.
    """
    seen = [state.trace[0, :, :_WAYS].T for state in _states("omniglot-plastic", 2)]
    changes = [(f"after {count} example{'s' * (count > 1)}", seen[count]) for count in (1, 2, 5, 10)]
    matrices(path, ("before", seen[0]), changes, size=(8, 4.6), axis_labels=("64 features", "labels"))


@torch.no_grad()
def draw_generated_weights(path: Path, drawings: int = 4) -> None:
    """Rows that a hypernetwork generated for five characters, and how similar they are between drawings.

    Args:
        path: The PNG file.
        drawings: Tasks, each with one other drawing of the same characters.
    """
    learner: Any = quickstudy.load("omniglot-hypernetwork")
    images = characters(_WAYS, drawings)
    state = learner.adapt(images.transpose(0, 1), torch.arange(_WAYS).expand(drawings, -1))
    figure = empty_figure(9, 3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    rows = state.class_weights.transpose(0, 1).flatten(0, 1)
    # What all classes share changes no answer.
    figure.colorbar(heat(left, rows - rows.mean(dim=0)), ax=left, label="weight, less the mean row")
    left.set_title("generated rows, one for each drawing", loc="left", fontsize=9)
    figure.colorbar(heat(right, similarities(rows), largest=1.0), ax=right, label="correlation")
    right.set_title("correlation of these rows", loc="left", fontsize=9)
    for axes in (left, right):
        places = [drawings * (each + 0.5) - 0.5 for each in range(_WAYS)]
        axes.set(yticks=places, yticklabels=[f"character {each + 1}" for each in range(_WAYS)])
        axes.tick_params(length=0, labelsize=8)
        for each in range(1, _WAYS):
            axes.axhline(drawings * each - 0.5, color="0.2", linewidth=0.8)
    left.set_xlabel("hidden units of the generated classifier")
    right.set_yticks([])
    for each in range(1, _WAYS):
        right.axvline(drawings * each - 0.5, color="0.2", linewidth=0.8)
    save(figure, path)


def similarities(rows: Tensor) -> Tensor:
    """Correlations of all pairs of rows, after the mean row is subtracted."""
    return torch.corrcoef(rows - rows.mean(dim=0))
