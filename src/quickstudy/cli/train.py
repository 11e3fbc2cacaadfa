"""`quickstudy train RECIPE`: train, evaluate on classes never seen, save a picture of an episode."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from lightning_fabric import Fabric

from quickstudy.cli.display import EvaluationBar, TrainingBar
from quickstudy.cli.folders import RunFolder, new_folder, resume_command, resumed_folder, stored_header
from quickstudy.cli.options import captured, check_count, check_seed, parse, print_final_test
from quickstudy.core import Experiment, Header, UserError
from quickstudy.datasets import DataError
from quickstudy.evaluation import provenance
from quickstudy.pretrained import adopt, available
from quickstudy.protocols import FinalTest
from quickstudy.protocols.lineage import refuse_leaking_start, refuse_seen, training_pictures
from quickstudy.recipes import RECIPES, build, default_arguments, find_recipe
from quickstudy.training import NonFiniteLossError, Run, train
from quickstudy.training.devices import launched
from quickstudy.training.process_steps import share_of_step
from quickstudy.training.run import LAST, METRICS

_RULED_BY_RUN = ("seed", "minutes", "start_from")
"""What decides the outcome, and so stays what it was when a training resumes."""
_NOTHING = "none"
"""What `--start-from` is given to begin from nothing."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How and where to train."""

    minutes: float | None = None
    """Minutes to train, instead of a number of steps. The learning rate then follows the clock."""
    seed: int = 0
    """Seed of the first weights and of all tasks."""
    start_from: str | None = None
    """Weights to start from instead of the recipe's: names or run folders joined by commas; none for random weights."""
    out: Path | None = None
    """Folder for weights, logs and pictures; by default a new one in runs/."""
    resume: Path | None = None
    """Resume the training in this folder exactly where it stopped."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    test_tasks: int = 200
    """Tasks for each row of the table at the end; 0 does not use the test classes."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Kind of device."""
    devices: int = 1
    """Devices on each machine; each draws tasks of its own."""
    num_nodes: int = 1
    """Machines."""
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
        print("\nquickstudy train RECIPE --help shows the options of a recipe.")
        return 0 if arguments else 2
    name = arguments[0]
    constructor = captured(find_recipe(name))

    # In the help, `run` heads the options of a run, and those of the recipe stand under the names of their groups.
    def command(
        recipe: Annotated[dict[str, Any], tyro.conf.arg(constructor=constructor, name="")],
        run: tyro.conf.FlagCreatePairsOff[TrainOptions],
    ) -> tuple[dict[str, Any], TrainOptions]:
        return recipe, run

    setting, options = parse(command, f"train {name}", arguments[1:], both_flags=True)
    _train(name, setting, options)
    return 0


def _train(name: str, setting: dict[str, Any], options: TrainOptions) -> None:
    _refuse_options(options)
    # All mistakes that can be found before other processes are started are then reported once.
    resumed = None if options.resume is None else resumed_folder(name, options.resume, options.out)
    goes_on = resumed is not None and resumed.resumes
    header = _header(name, setting, options)
    if resumed is not None and goes_on:
        header = _resumed_header(resumed.path, header, options)
    seed: Any = header.seed
    torch.manual_seed(seed)
    experiment = build(name, header.arguments)
    share_of_step(experiment.optimisation.tasks_per_step, options.devices * options.num_nodes)
    starts = [] if goes_on else _starts(name, experiment, options)
    _refuse_pointless(name, experiment, has_start=bool(starts) or bool(header.parents))
    wanted = experiment.optimisation.precision
    fabric, precision = launched(options.accelerator, options.devices, options.num_nodes, wanted)
    # A new folder is made once the other processes exist: they run this same code.
    folder = resumed or _agreed(fabric, lambda: new_folder(name, options.out))
    with folder.left_clean():
        _say(folder.notice, fabric)
        if precision != wanted:
            _say(f"This processor has no bfloat16 arithmetic: the precision is {precision}, not {wanted}.", fabric)
        header = replace(header, provenance={**header.provenance, "precision": precision})
        if goes_on:
            refuse_seen(header, experiment, options.data_root)
        header = _begun(header, experiment, starts, options.data_root, fabric)
        if options.test_tasks > 0:
            _agreed(fabric, lambda: _refuse_untestable(name, experiment, options))
        with _told_how_to_go_on(name, folder.path, options, fabric):
            _trained_and_tested(name, folder, experiment, header, options, fabric)


def _trained_and_tested(
    name: str, folder: RunFolder, experiment: Experiment, header: Header, options: TrainOptions, fabric: Fabric
) -> None:
    seed: Any = header.seed
    with TrainingBar(quiet=not fabric.is_global_zero, title=f"{name} → {folder.path}") as bar:
        train(
            experiment,
            Run(
                folder=folder.path,
                header=header,
                seed=seed,
                minutes=header.minutes,
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
        test = FinalTest(name, folder.path, experiment, options.test_tasks, seed, options.data_root, metrics)
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
            given = {each.name: getattr(options, each.name) for each in kept}
            changed = {key: value for key, value in given.items() if value != getattr(TrainOptions(), key)}
            error.add_note(f"Go on with: {resume_command(name, folder, changed)}")
        raise


def _say(notice: str | None, fabric: Fabric) -> None:
    if notice is not None and fabric.is_global_zero:
        print(notice, file=sys.stderr)


def _header(name: str, setting: Mapping[str, Any], options: TrainOptions) -> Header:
    if options.minutes is not None and setting["steps"] != default_arguments(name)["steps"]:
        raise UserError("Both --steps and --minutes were given, but only one of them can end the training.")
    return Header(
        recipe=name,
        arguments=setting,
        seed=options.seed,
        minutes=options.minutes,
        provenance=provenance(),
    )


def _resumed_header(folder: Path, given: Header, options: TrainOptions) -> Header:
    """The stored settings, which rule; a given one that contradicts them is refused."""
    stored, name = stored_header(folder), given.recipe
    if stored.recipe != name:
        raise UserError(f"{folder} holds a training of '{stored.recipe}', not of '{name}'. Resume that one.")
    plain = _ruling(_header(name, default_arguments(name), TrainOptions()), None)
    # What an older version did not store had its default value then.
    before = {**plain, **_ruling(stored, stored.start_from or _NOTHING)}
    for key, now in _ruling(given, options.start_from).items():
        if now not in (before[key], plain[key]):
            raise UserError(
                f"{folder} was begun with {key} = {before[key]}, and {now} was given. "
                "A training goes on with the settings it began with; leave that option out, or start anew with --out."
            )
    return stored


def _ruling(header: Header, start_from: str | None) -> dict[str, Any]:
    """All that decides the outcome of a training."""
    ruled = {key: getattr(header, key) for key in _RULED_BY_RUN if key != "start_from"}
    return {**header.arguments, **ruled, "start_from": start_from}


def _starts(name: str, experiment: Experiment, options: TrainOptions) -> list[str]:
    """Names of the weights to begin with: those of the command line, or those that the recipe declares."""
    if options.start_from is not None:
        return [] if options.start_from == _NOTHING else options.start_from.split(",")
    if experiment.starts_from is None:
        return []
    if experiment.starts_from not in available():
        raise UserError(
            f"'{name}' starts from the weights of '{experiment.starts_from}', and there are none yet. Train them "
            f"first: quickstudy train {experiment.starts_from}. Then give the folder of that run: "
            f"--start-from runs/{experiment.starts_from}-1. Or begin from nothing: --start-from {_NOTHING}."
        )
    return [experiment.starts_from]


def _begun(header: Header, experiment: Experiment, starts: list[str], data_root: Path | None, fabric: Fabric) -> Header:
    """Take over weights, and note in the header what they are and what the training itself sees."""
    pictures = training_pictures(experiment, data_root)
    header = replace(header, contents=tuple(sorted(pictures.union(header.contents))))
    if not starts:
        return header
    adopted = adopt(experiment.learner, *starts)
    for parent, taken in zip(adopted.parents, adopted.taken, strict=True):
        refuse_leaking_start(parent.header, header.arguments)
        refuse_seen(parent.header, experiment, data_root)
        parts, total = ", ".join(sorted({key.split(".")[0] for key in taken})), len(experiment.learner.state_dict())
        _say(f"started from {parent.name}: {len(taken)} of {total} tensors, of {parts}", fabric)
    return replace(header, parents=adopted.parents, reinitialised=adopted.reinitialised)


def _refuse_pointless(name: str, experiment: Experiment, *, has_start: bool) -> None:
    if not any(parameter.requires_grad for parameter in experiment.learner.parameters()):
        raise UserError(f"'{name}' has nothing to train. Evaluate it at once: quickstudy evaluate {name}")
    if experiment.optimisation.steps < 1:
        raise UserError(f"--steps {experiment.optimisation.steps} was given, but a whole number from 1 was expected.")
    if experiment.frozen and not has_start:
        raise UserError(
            f"The {', '.join(experiment.frozen)} of '{name}' would keep its random first weights. Give trained weights "
            "to begin with: --start-from NAME."
        )


def _refuse_untestable(name: str, experiment: Experiment, options: TrainOptions) -> None:
    """Raise now what the test at the end would raise after all the work."""
    if not experiment.test:
        raise UserError(f"'{name}' has no test for these settings. Leave it out: --test-tasks 0.")
    if experiment.validate_by not in (
        "functions",
        "trials",
    ):  # Those have no numbers of classes and examples that might be too high.
        for source in experiment.test.values():
            source(options.data_root)
