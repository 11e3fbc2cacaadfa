"""The learner behind an estimator: by name, or your own, with what it reads and what it was made for."""

import copy
import functools
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy import pretrained
from quickstudy.core import Calibration, Learner, UserError
from quickstudy.estimators.slots import Limits

DRAWINGS, FEATURES, TABLES = "omniglot-encoder", "feature-means", "clusters-transformer"
"""What "auto" chooses for classes of images, of features of an encoder, and of rows of numbers."""
CURVES, COLUMNS = "gp-general", "table-gp"
"""What "auto" chooses for values of curves, and of several columns."""

_SLOTS = "max_ways", "num_ways", "network.num_outputs", "labels.num_symbols"
_FEWEST_SHOTS = 5
"""Learners with label slots read as many examples of a class, if their training had fewer."""


class Chosen(NamedTuple):
    """A learner that answers each query by itself."""

    learner: Learner
    """The learner, in eval mode."""
    name: str
    """What it was called, or the name of its class."""
    size: int
    """Side of the images that it reads, in pixels, if it reads images."""
    limits: Limits
    """The largest task that it reads."""
    calibration: Calibration | None = None
    """What was fitted to its probabilities, if that was done."""
    reads_colour: bool = False
    """Whether it was trained on colour images."""

    @property
    def reads_drawings(self) -> bool:
        """Whether it reads images of ink."""
        return self.learner.input_range is not None


def choose(learner: str | Path | Learner) -> Chosen:
    """The learner of a name, or a learner of your own.

    Args:
        learner: A name of trained weights, a run folder, a file, or a learner.

    Raises:
        UserError: if there is nothing of that name, or it is something else.
    """
    if isinstance(learner, Learner):
        own = copy.deepcopy(learner).eval().switch_gradients_off()
        own.is_transductive = False
        shape = own.example_shape
        return Chosen(own, type(own).__name__, shape[-1] if shape else 28, _limits(own, {}))
    if not isinstance(learner, str | Path):
        raise UserError(
            f"learner is {learner!r}, but a name of trained weights, a run folder or a learner was expected. "
            "quickstudy.available() lists the names."
        )
    return _shipped(str(learner)) if str(learner) in pretrained.available() else _opened(learner)


@functools.lru_cache(maxsize=8)
def _shipped(name: str) -> Chosen:
    """Shipped weights never change, so they are read once."""
    return _opened(name)


def _opened(name: str | Path) -> Chosen:
    opened = pretrained.open_weights(name)
    learner, arguments = opened.experiment.learner, opened.header.arguments
    if arguments.get("labels") == "strings":
        raise UserError(
            f"'{name}' reads labels that are strings of five letters, not classes. Choose another learner, such as "
            f"'{DRAWINGS}'."
        )
    if learner.is_transductive:
        learner.is_transductive = False
    stored = opened.header.calibration
    return Chosen(
        learner,
        str(name),
        int(arguments.get("size", 28)),
        _limits(learner, arguments),
        calibration=Calibration.from_json(stored, str(name)) if stored else None,
        reads_colour=opened.experiment.own_classes is not None and bool(arguments.get("colour")),
    )


def is_of_values(learner: Learner) -> bool:
    """Whether a learner predicts values, not classes.

    Args:
        learner: A learner.
    """
    return hasattr(learner, "sizes") or getattr(learner, "answers", None) == "values"


def _limits(learner: Learner, arguments: Mapping[str, Any]) -> Limits:
    ways = next((found for name in _SLOTS if (found := _attribute(learner, name)) is not None), None)
    if not learner.labels_are_slots:
        return Limits(ways, examples=_attribute(learner, "max_examples"))
    trained = arguments.get("shots", _FEWEST_SHOTS)
    most = max(trained) if isinstance(trained, list | tuple) else trained
    return Limits(ways, max(int(most), _FEWEST_SHOTS), _attribute(learner, "max_examples"), has_slots=True)


def _attribute(learner: Learner, name: str) -> int | None:
    try:
        found = attrgetter(name)(learner)
    except AttributeError:
        return None
    return found if isinstance(found, int) else None
