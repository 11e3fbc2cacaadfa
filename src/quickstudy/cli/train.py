"""`quickstudy train RECIPE`: train, evaluate on classes never seen, save a picture of an episode."""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from lightning_fabric import Fabric

from quickstudy.cli.display import EvaluationBar, TrainingBar
from quickstudy.cli.folders import RunFolder, new_folder, resume_command, resumed_folder, stored_header
from quickstudy.cli.options import captured, check_count, check_seed, parse, print_final_test
from quickstudy.core import Experiment, UserError
from quickstudy.datasets import DataError
from quickstudy.evaluation import provenance
from quickstudy.pretrained import adopt, describe
from quickstudy.protocols import FinalTest
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe, stored_arguments
from quickstudy.recipes.seen import inherit_seen, note_seen, refuse_seen
from quickstudy.recipes.sources import refuse_leaking_start
from quickstudy.training import NonFiniteLossError, Run, train
from quickstudy.training.loop import share_of_step
from quickstudy.training.run import LAST, METRICS

_RULED_BY_RUN = (
    "seed",
    "minutes",
    "precision",
    "start_from",
)  # What decides the outcome, and so stays as it was on resuming.


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How and where to train."""

    minutes: float | None = None
    """Train for this long instead of a number of steps; the learning rate falls with the clock."""
    seed: int = 0
    """Decides the first weights and every task."""
    start_from: str | None = None
    """Begin with these weights, a name or a run folder, wherever name and shape agree: such as a trained encoder.
    Of several, joined by commas, the later ones go over the earlier."""
    out: Path | None = None
    """Folder for weights, logs and pictures; by default a new one in runs/."""
    resume: Path | None = None
    """Go on with the training in this folder, exactly where it stopped."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    test_tasks: int = 200
    """Tasks for each row of the table at the end; 0 leaves the test classes alone."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Kind of device."""
    devices: int = 1
    """Devices on each machine; each draws tasks of its own."""
    num_nodes: int = 1
    """Machines."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "64-true"] = "32-true"
    """Of the arithmetic in training."""
    compile: bool = False
    """Compile the learner with torch.compile."""
    tensorboard: bool = False
    """Write TensorBoard event files beside the CSV."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(arguments: list[str]) -> int:
    """Train a recipe from command line arguments."""
    if not arguments or arguments[0].startswith("-"):
        print(f"usage: quickstudy train RECIPE [OPTIONS]\n\nrecipes: {', '.join(RECIPES)}")
        print("\nquickstudy train RECIPE --help tells a recipe's options.")
        return 0 if arguments else 2
    name = arguments[0]
    constructor = captured(find_recipe(name))

    # The parameters' names head the two groups of options in the help.
    def command(
        recipe: Annotated[dict[str, Any], tyro.conf.arg(constructor=constructor)],
        run: tyro.conf.FlagCreatePairsOff[TrainOptions],
    ) -> tuple[dict[str, Any], TrainOptions]:
        return recipe, run

    setting, options = parse(command, f"train {name}", arguments[1:], both_flags=True)
    _train(name, setting, options)
    return 0


def _train(name: str, setting: dict[str, Any], options: TrainOptions) -> None:
    _refuse_options(options)
    # Once before other processes are started, so that a mistake is told once.
    share_of_step(build(name, setting).optimisation.tasks_per_step, options.devices * options.num_nodes)
    fabric = _fabric(options)
    # Folders are chosen once the other processes exist: they run this same code.
    folder = _agreed(fabric, lambda: _choose_folder(name, options))
    with folder.left_clean():
        header = _header(name, setting, options)
        if folder.resumes:
            header = _resumed_header(folder.path, header, name)
        torch.manual_seed(header["seed"])
        experiment = build(name, header["arguments"])
        _refuse_pointless(name, experiment, header)
        if folder.resumes:
            refuse_seen(header, experiment, options.data_root)
        if header["start_from"] is not None and not folder.resumes:
            _start_from(header, experiment, options.data_root, quiet=not fabric.is_global_zero)
        note_seen(header, experiment, options.data_root)
        if options.test_tasks > 0:
            _agreed(fabric, lambda: _refuse_untestable(name, experiment, options))
        with _told_how_to_go_on(name, folder.path, options, fabric):
            _trained_and_tested(name, folder, experiment, header, options, fabric)


def _trained_and_tested(
    name: str, folder: RunFolder, experiment: Experiment, header: dict[str, Any], options: TrainOptions, fabric: Fabric
) -> None:
    with TrainingBar(quiet=not fabric.is_global_zero, title=f"{name} → {folder.path}") as bar:
        train(
            experiment,
            Run(
                folder=folder.path,
                header=header,
                seed=header["seed"],
                minutes=header["minutes"],
                data_root=options.data_root,
                compile=options.compile,
                resume=folder.resumes,
                tensorboard=options.tensorboard,
                show=bar.show,
            ),
            fabric,
        )
    if fabric.is_global_zero and options.test_tasks > 0:
        metrics = folder.path / METRICS
        test = FinalTest(name, folder.path, experiment, options.test_tasks, header["seed"], options.data_root, metrics)
        with EvaluationBar(options.test_tasks) as bar:
            found = test.measure(bar.show)
        print_final_test(found, as_json=options.json)


def _refuse_options(options: TrainOptions) -> None:
    check_seed(options.seed)
    check_count("--devices", options.devices, 1)
    check_count("--num-nodes", options.num_nodes, 1)
    check_count("--test-tasks", options.test_tasks, 0)
    if options.minutes is not None and not (math.isfinite(options.minutes) and options.minutes > 0):
        raise UserError(f"--minutes {options.minutes} was given, but a training needs some time, in minutes above 0.")


def _agreed(fabric: Fabric, decide: Callable[[], Any]) -> Any:
    """What the first process decides; where it refuses, all of them end."""
    outcome: tuple[Any, Exception | None] = None, None
    if fabric.is_global_zero:
        try:
            outcome = decide(), None
        except (UserError, DataError, OSError) as error:
            outcome = None, error
    found, refusal = fabric.broadcast(outcome) if fabric.world_size > 1 else outcome
    if refusal is None:
        return found
    raise refusal if fabric.is_global_zero else SystemExit(2)


@contextmanager
def _told_how_to_go_on(name: str, folder: Path, options: TrainOptions, fabric: Fabric) -> Iterator[None]:
    """Add the command that resumes to whatever ends a training early, but for what would end it again."""
    try:
        yield
    except (UserError, DataError, NonFiniteLossError):
        raise
    except BaseException as error:
        if fabric.is_global_zero and (folder / LAST).exists():
            kept = (each for each in fields(options) if each.name not in (*_RULED_BY_RUN, "out", "resume"))
            asked = {each.name: getattr(options, each.name) for each in kept}
            changed = {key: value for key, value in asked.items() if value != getattr(TrainOptions(), key)}
            error.add_note(f"Go on with: {resume_command(name, folder, changed)}")
        raise


def _fabric(options: TrainOptions) -> Fabric:
    many = options.devices * options.num_nodes > 1
    try:
        fabric = Fabric(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.num_nodes,
            strategy="ddp" if many else "auto",
            precision=options.precision,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(f"No such devices: {error}") from None
    fabric.launch()
    return fabric


def _choose_folder(name: str, options: TrainOptions) -> RunFolder:
    if options.resume is None:
        return new_folder(name, options.out)
    return resumed_folder(name, options.resume, options.out)


def _header(name: str, setting: Mapping[str, Any], options: TrainOptions) -> dict[str, Any]:
    if options.minutes is not None and setting["steps"] != default_arguments(name)["steps"]:
        raise UserError("Both --steps and --minutes were given, but only one of them can end the training.")
    ruled = {key: getattr(options, key) for key in _RULED_BY_RUN}
    # Through JSON and back, so that a header reads the same before and after it was stored.
    header = {"recipe": name, "arguments": dict(setting), **ruled, **provenance()}
    return dict(json.loads(json.dumps(header)))


def _resumed_header(folder: Path, given: dict[str, Any], name: str) -> dict[str, Any]:
    """The stored settings, which rule; a given one that contradicts them is refused."""
    stored = stored_header(folder)
    if stored["recipe"] != name:
        raise UserError(f"{folder} holds a training of '{stored['recipe']}', not of '{name}'. Resume that one.")
    stored = {**stored, "arguments": stored_arguments(name, stored["arguments"])}
    plain = _header(name, default_arguments(name), TrainOptions())
    for key in (*plain["arguments"], *_RULED_BY_RUN):
        now, default = (header["arguments"].get(key, header.get(key)) for header in (given, plain))
        # What an older version did not store was then as it is by default.
        before = stored["arguments"].get(key, stored.get(key, default))
        if now not in (before, default):
            raise UserError(
                f"{folder} was begun with {key} = {before}, and {now} was given. "
                "A training goes on with the settings it began with; leave that option out, or start anew with --out."
            )
    return stored


def _start_from(header: dict[str, Any], experiment: Experiment, data_root: Path | None, *, quiet: bool) -> None:
    """Take over weights, and note in the header what they had seen."""
    header["before"] = []
    for name in header["start_from"].split(","):
        theirs = describe(name)
        refuse_leaking_start(theirs, header["arguments"])
        refuse_seen(theirs, experiment, data_root)
        inherit_seen(header, theirs)
        header["before"] += [theirs["arguments"], *theirs.get("before", ())]
        taken, total = adopt(experiment.learner, name), len(experiment.learner.state_dict())
        if not quiet:
            parts = ", ".join(sorted({key.split(".")[0] for key in taken}))
            print(f"started from {name}: {len(taken)} of {total} tensors, of {parts}", file=sys.stderr)


def _refuse_pointless(name: str, experiment: Experiment, header: Mapping[str, Any]) -> None:
    if not any(parameter.requires_grad for parameter in experiment.learner.parameters()):
        raise UserError(f"'{name}' has nothing to train. Evaluate it at once: quickstudy evaluate {name}")
    if experiment.frozen and header["start_from"] is None:
        raise UserError(
            f"The {', '.join(experiment.frozen)} of '{name}' would stay as it was drawn. Give trained weights to begin "
            "with: --start-from NAME."
        )


def _refuse_untestable(name: str, experiment: Experiment, options: TrainOptions) -> None:
    """Raise now what the test at the end would raise after all the work."""
    if not experiment.test:
        raise UserError(f"'{name}' has no test for these settings. Leave it out: --test-tasks 0.")
    if experiment.validate_by != "functions":  # Those have no numbers of classes and examples that might be too high.
        for source in experiment.test.values():
            source(options.data_root)
