"""`quickstudy evaluate NAME|RUN`: how well weights do on classes or functions that they have never seen."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from quickstudy.cli.display import EvaluationBar
from quickstudy.cli.options import parse, print_evaluations, print_functions, print_instances, print_json, print_trials
from quickstudy.core import UserError
from quickstudy.evaluation.answering import refuse_seed
from quickstudy.protocols import (
    FewShotOptions,
    PointOptions,
    RegressionOptions,
    SequenceOptions,
    TrialOptions,
    Weights,
    measure_few_shot,
    measure_regression,
    measure_sequences,
    measure_trials,
    open_weights,
)
from quickstudy.protocols.image_tasks import data_of
from quickstudy.protocols.one_shot_runs import PEOPLE, measure_official_runs
from quickstudy.protocols.regression_pictures import pictures
from quickstudy.protocols.trial_pictures import trial_pictures

_NAME_HELP = "Name of trained weights (see quickstudy list), or a run folder."


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(FewShotOptions):
    """What to evaluate on, and how."""

    instances: bool = False
    """Measure at the 1st, 2nd, … 10th drawing of each of --ways classes, for learners that read sequences."""
    official_runs: Path | None = None
    """Omniglot's all_runs.zip or its folder: 20 runs, 20-way 1-shot in one alphabet. The error of people is 4.5 %."""
    json: bool = False
    """Print one JSON object instead of a table."""


@dataclass(frozen=True, kw_only=True)
class FunctionOptions(PointOptions):
    """Points of the functions, where they differ from those of the recipe's tests. For learners of functions only; the
    pictures also for learners that act."""

    pictures: Path | None = None
    """Folder for pictures: of functions curves and coverage, of learners that act regret, trials and attention."""


def run(arguments: list[str]) -> int:
    """Evaluate from command line arguments."""
    name, options, points = read(arguments)
    _refuse_nonsense(options)
    weights = open_weights(name)
    if weights.experiment.validate_by == "functions":
        _evaluate_functions(weights, options, points)
        return 0
    if weights.experiment.validate_by == "trials":
        _evaluate_trials(weights, options, points)
        return 0
    if given(points):
        raise UserError(
            f"{', '.join(given(points))}: '{name}' predicts classes, not values of functions. Leave that out."
        )
    if options.official_runs is not None:
        _evaluate_official_runs(weights, options)
    elif options.instances:
        _evaluate_sequences(weights, options)
    else:
        _evaluate_classes(weights, options)
    return 0


def read(arguments: list[str]) -> tuple[str, EvaluateOptions, FunctionOptions]:
    """The name of the weights, and the options of both kinds of learners."""

    def command(
        name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help=_NAME_HELP)],
        protocol: EvaluateOptions,
        functions: FunctionOptions,
    ) -> tuple[str, EvaluateOptions, FunctionOptions]:
        return name, protocol, functions

    found: tuple[str, EvaluateOptions, FunctionOptions] = parse(command, "evaluate", arguments)
    return found


def _evaluate_classes(weights: Weights, options: EvaluateOptions) -> None:
    with EvaluationBar(options.tasks) as bar:
        found = measure_few_shot(weights, options, bar.show, partial(print, file=sys.stderr))
    if options.json:
        print_json(found.record())
    else:
        print_evaluations(found.title, {found.setting: found.evaluation})


def _evaluate_official_runs(weights: Weights, options: EvaluateOptions) -> None:
    allowed = ("--official-runs", "--json", "--device", "--inductive")
    if other := [option for option in given(options) if option not in allowed]:
        raise UserError(
            f"{', '.join(other)} and --official-runs were given, but the official runs have their own tasks. Leave "
            "one out."
        )
    assert options.official_runs is not None
    found = measure_official_runs(weights, options.official_runs, inductive=options.inductive, device=options.device)
    if options.json:
        print_json(found.record())
    else:
        print(f"{weights.name} on {len(found.names)} official runs: error {found.interval}, people {PEOPLE} %")


def _evaluate_sequences(weights: Weights, options: EvaluateOptions) -> None:
    _refuse_beside_instances(weights, options)
    sequences = SequenceOptions(
        split=options.split,
        part=options.part,
        classes=options.ways,
        rotated=options.rotated,
        sequences=options.tasks,
        size=options.size,
        seed=options.seed,
        data_root=options.data_root,
        device=options.device,
    )
    with EvaluationBar(options.tasks) as bar:
        found = measure_sequences(weights, sequences, bar.show)
    if options.json:
        print_json(found.record())
    else:
        print_instances(found.title, {found.setting: found.table})


_FOR_FUNCTIONS = ("tasks", "seed", "data_root", "device", "json")


def _evaluate_functions(weights: Weights, options: EvaluateOptions, points: FunctionOptions) -> None:
    """On the functions that the recipe is tested on: they are made up, so no split could leak."""
    out_of_place = [option for option in given(options) if option[2:].replace("-", "_") not in _FOR_FUNCTIONS]
    if out_of_place:
        raise UserError(
            f"{', '.join(out_of_place)}: '{weights.name}' predicts the values of functions, which its recipe chooses. "
            "Leave that out. --support, --range and --query-range choose the points."
        )
    chosen = RegressionOptions(
        points=points, tasks=options.tasks, seed=options.seed, data_root=options.data_root, device=options.device
    )
    with EvaluationBar(options.tasks) as bar:
        found = measure_regression(weights, chosen, bar.show)
    if options.json:
        print_json(found.record())
    else:
        print_functions(found.title, found.rows)
    if points.pictures is not None:
        drawings = pictures(points.pictures, weights.learner, found.measured, found.measured, found.options.seed)
        _draw(drawings)


_FOR_TRIALS = ("tasks", "seed", "device", "json")


def _evaluate_trials(weights: Weights, options: EvaluateOptions, points: FunctionOptions) -> None:
    """In the worlds that the recipe is tested in: they are made up, so no split could leak."""
    names = [option[2:].replace("-", "_") for option in given(options)]
    out_of_place = [f"--{name.replace('_', '-')}" for name in names if name not in _FOR_TRIALS]
    out_of_place += [option for option in given(points) if option != "--pictures"]
    if out_of_place:
        raise UserError(
            f"{', '.join(out_of_place)}: '{weights.name}' acts in worlds that its recipe chooses. Leave that out."
        )
    chosen = TrialOptions(tasks=options.tasks, seed=options.seed, device=options.device)
    with EvaluationBar(options.tasks) as bar:
        found = measure_trials(weights, chosen, bar.show)
    if options.json:
        print_json(found.record())
    else:
        print_trials(found.title, found.tables)
    if points.pictures is not None:
        learner: Any = weights.learner
        for title, table in found.tables.items():
            _draw(trial_pictures(points.pictures, learner, table, title))


def _draw(drawings: Mapping[Path, Callable[[], None]]) -> None:
    for path, draw in drawings.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        draw()
        print(f"picture  {path}", file=sys.stderr)


def given(options: EvaluateOptions | FunctionOptions) -> list[str]:
    """The options that differ from their defaults, as they are written on the command line."""
    return [
        f"--{each.name.replace('_', '-')}" for each in fields(options) if getattr(options, each.name) != each.default
    ]


def _refuse_nonsense(options: EvaluateOptions) -> None:
    """Before anything is loaded."""
    for name in ("ways", "queries", "tasks"):
        if getattr(options, name) < 1:
            raise UserError(f"--{name} {getattr(options, name)} was given, but a whole number from 1 was expected.")
    if min(options.shots, default=0) < 1 or len(options.shots) not in (1, options.ways):
        raise UserError(
            f"--shots {' '.join(map(str, options.shots))} was given, but a whole number from 1 was expected, or one "
            f"for each of the {options.ways} classes."
        )
    refuse_seed(options.seed)
    try:
        torch.zeros(1, device=options.device).cpu()
    except (RuntimeError, AssertionError, ImportError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"No device '{options.device}' here ({reason}). Leave --device out.") from None


def _refuse_beside_instances(weights: Weights, options: EvaluateOptions) -> None:
    data = data_of(weights, options.data)
    if data != "omniglot":
        raise UserError(f"--instances was given, but sequences are of omniglot, not of '{data}'. Leave it out.")
    for name in ("within_alphabet", "shuffled_labels", "shots", "queries", "skip_small", "inductive"):
        if getattr(options, name) != getattr(EvaluateOptions(), name):
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} and --instances were given, but a sequence has no such thing. Leave one out.")
