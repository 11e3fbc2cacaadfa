"""The facts of a card: what the header of weights says, the figures that were measured, and what follows from both."""

import inspect
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from quickstudy.core import Header, UserError
from quickstudy.pretrained import file_of
from quickstudy.protocols import Weights, open_weights
from quickstudy.protocols.lineage import training_classes
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe
from quickstudy.reproduction import figures_of

_SLOTS = "max_ways", "num_ways", "network.num_outputs"
_CALIBRATIONS = Path(__file__).parent / "calibrations.json"


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is to be known of trained weights."""

    name: str
    """What `quickstudy.load` calls them."""
    idea: str
    """What they do, in one sentence."""
    learner: str
    """Class of the learner."""
    parameters: int
    """How many numbers were trained or stored with them."""
    megabytes: float
    """Size of the file."""
    stored: str | None
    """How the numbers are stored, if not in single precision."""
    trained_on: str | None
    """The data set, and of Omniglot the split. None where tasks are generated."""
    training_classes: int
    """Omniglot characters that they, or what they started from, were trained on."""
    command: str
    """What trains them, or made the last step towards them."""
    is_one_command: bool
    """Whether this command alone gives the weights."""
    commit: str
    """Of the sources that trained them."""
    seed: int | None
    """Of the training."""
    steps: int | None
    """Optimiser steps of the training."""
    starts_from: tuple[str, ...]
    """The weights that the training began with."""
    figures: tuple[Mapping[str, Any], ...]
    """Figures that `quickstudy reproduce` compares: setting, mean, interval and the paper's own figure."""
    calibration: tuple[Mapping[str, Any], ...]
    """What was fitted for each number of ways and shots; see `quickstudy.core.CalibratedSetting`."""
    calibration_figures: tuple[Mapping[str, Any], ...]
    """What the calibration gives on classes that neither made the weights nor were fitted on."""
    limits: tuple[str, ...]
    """What they cannot do, in sentences."""

    def record(self) -> dict[str, Any]:
        """The same for JSON."""
        return asdict(self)


def card_of(name: str | Path) -> Card:
    """The card of trained weights.

    Args:
        name: Name of the weights, a run folder, or a file in one.

    Raises:
        UserError: if there is nothing of that name, or its learner has no weights.
    """
    weights = open_weights(name)
    if not weights.is_trained:
        raise UserError(f"'{name}' has no trained weights, so it has no card. Choose a learner that was trained.")
    header, learner = weights.header, weights.learner
    classes = {int(each) for header_ in header.ancestors() for each in training_classes(header_.arguments)}
    return Card(
        name=weights.name,
        idea=(inspect.getdoc(find_recipe(weights.recipe)) or "").split("\n\n")[0].replace("\n", " "),
        learner=type(learner).__name__,
        parameters=sum(each.numel() for each in learner.state_dict().values()),
        megabytes=round(file_of(name).stat().st_size / 1e6, 2),
        stored=header.stored,
        trained_on=weights.trained_on
        or (f"omniglot {header.arguments['split']}" if "split" in header.arguments else None),
        training_classes=len(classes),
        command=command_of(header),
        is_one_command=_is_one_command(header),
        commit=header.commit,
        seed=header.seed,
        steps=header.step,
        starts_from=tuple(parent.name for parent in header.parents),
        figures=tuple(_figure(each) for each in figures_of(weights.name)),
        calibration=header.calibration,
        calibration_figures=tuple(_calibrations().get(weights.name, ())),
        limits=tuple(_limits(weights)),
    )


def command_of(header: Header) -> str:
    """The command of the training, with the options that differ from the recipe's defaults.

    Args:
        header: Of the weights.
    """
    defaults = default_arguments(header.recipe)
    parts = ["quickstudy", "train", header.recipe]
    for option, value in header.arguments.items():
        if option in defaults and value != defaults[option]:
            parts += _option(option, value)
    parts += [] if header.seed in (None, 0) else ["--seed", str(header.seed)]
    if header.start_from != build(header.recipe, header.arguments).starts_from:
        parts += ["--start-from", header.start_from or "none"]
    if header.minutes is not None:
        parts += ["--minutes", f"{header.minutes:g}"]
    return shlex.join(parts)


def _option(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]


def _is_one_command(header: Header) -> bool:
    """Whether all that it comes from are weights of recipes, not of a run folder."""
    return all(parent.name in RECIPES for each in header.ancestors() for parent in each.parents)


def _figure(figure: Any) -> dict[str, Any]:
    return {
        "setting": figure.setting,
        "mean": figure.scale * figure.mean,
        "interval95": figure.scale * figure.interval95,
        "published": figure.published,
    }


@cache
def _calibrations() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(_CALIBRATIONS.read_text(encoding="utf-8"))
    return found


def _limits(weights: Weights) -> list[str]:
    arguments, learner = weights.arguments, weights.learner
    is_of_classes = weights.experiment.validate_by == "queries"
    found = []
    if learner.input_range is not None:
        low, high = learner.input_range
        side = weights.image_size
        found.append(f"It reads drawings of {side}×{side} pixels, from {low:g} for paper to {high:g} for ink.")
    most_ways = next((most for path in _SLOTS if isinstance(most := _attribute(learner, path), int)), None)
    if is_of_classes and most_ways:
        found.append(f"It distinguishes up to {most_ways} classes; the estimators cut larger tasks into groups.")
    trained = [
        _range(arguments[key], noun)
        for key, noun in (("ways", "classes"), ("shots", "examples of each"))
        if is_of_classes and key in arguments
    ]
    if trained:
        found.append(f"It was trained on tasks of {' and '.join(trained)}.")
    if learner.is_transductive:
        found.append("It reads all queries of a task together, unless you set is_transductive to False.")
    if is_of_classes:
        found += _limits_of_calibration(weights)
    return found


def _attribute(learner: Any, path: str) -> Any:
    for name in path.split("."):
        learner = getattr(learner, name, None)
    return learner


def _range(value: Any, noun: str) -> str:
    ends = sorted({*value}) if isinstance(value, tuple) else [value]
    return f"{' to '.join(map(str, ends))} {noun if ends != [1] else noun.replace('examples', 'example')}"


def _limits_of_calibration(weights: Weights) -> list[str]:
    stored = weights.header.calibration
    if not stored:
        return ["It has no calibration: its probabilities are as the training left them."]
    data = " and ".join(sorted({str(each["data"]) for each in stored}))
    words = "generated characters" if data == "glyphs" else f"drawings of {data}"
    return [f"It was calibrated on {words}. On other images its probabilities and thresholds are estimates."]
