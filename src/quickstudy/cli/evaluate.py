"""`quickstudy evaluate NAME|RUN`: how well weights do on classes they have never seen."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from quickstudy.cli.display import EvaluationBar
from quickstudy.cli.functions import FunctionOptions, evaluated, given, pictures, settings, where
from quickstudy.cli.options import parse, print_evaluations, print_functions, print_instances, print_json
from quickstudy.cli.report import evaluation_record, functions_records, instances_record
from quickstudy.core import Experiment, Header, Learner, TaskSource, UserError
from quickstudy.evaluation import evaluate, evaluate_instances, provenance
from quickstudy.evaluation.answering import refuse_seed
from quickstudy.pretrained import describe, load
from quickstudy.recipes import build
from quickstudy.recipes.lineage import refuse_leak, refuse_seen
from quickstudy.recipes.sources import (
    Part,
    Split,
    folder_episodes,
    glyph_episodes,
    omniglot_episodes,
    omniglot_sequences,
    refuse_size,
    sequence_labels,
)
from quickstudy.tasks import Layout, SequenceLayout, ShotsOfEach

_NAME_HELP = "Name of trained weights (see quickstudy list), or a run folder."


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """What to evaluate on, and how."""

    data: str | None = None
    """omniglot, glyphs, or a folder with a sub-folder of images for each class; by default what it learnt from."""
    split: Split = "vinyals"
    """Which Omniglot characters are the test classes."""
    part: Part = "test"
    """Which part of the split; tune on validation, report on test."""
    ways: int = 5
    """Classes in a task."""
    shots: tuple[int, ...] = (1,)
    """Support examples: one number for all classes, or one for each, such as 15 1 1 1 1."""
    queries: int = 15
    """Queries of each class."""
    tasks: int = 1000
    """Tasks; the interval shrinks with the root of their number, and a single one has none."""
    within_alphabet: bool = False
    """Take all classes of a task from one alphabet."""
    instances: bool = False
    """Read sequences of as many classes as there are ways, ten drawings of each, and ask at every step: the accuracy
    at the 1st, 2nd, … 10th drawing of a class. For learners that read sequences."""
    size: int | None = None
    """Side of the images in pixels; by default that of the training. Only what has no weights reads other sizes."""
    skip_small: bool = False
    """Leave out the classes of a folder that have too few images, and say which."""
    shuffled_labels: bool = False
    """The control: support labels that say nothing; the accuracy must be chance."""
    inductive: bool = False
    """Answer each query by itself: for learners such as MAML, which normalise a task's queries among themselves."""
    seed: int = 0
    """Decides the tasks: the same seed gives every learner the same ones."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    device: str = "cpu"
    """Device to compute on, as torch names it."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(arguments: list[str]) -> int:
    """Evaluate from command line arguments."""

    def command(
        name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help=_NAME_HELP)],
        protocol: EvaluateOptions,
        functions: FunctionOptions,
    ) -> tuple[str, EvaluateOptions, FunctionOptions]:
        return name, protocol, functions

    name, options, points = parse(command, "evaluate", arguments)
    _refuse_nonsense(options)
    with _told_of_memory():
        _evaluate(name, options, points)
    return 0


def _evaluate(name: str, options: EvaluateOptions, points: FunctionOptions) -> None:
    learner = _loaded(name, options)
    header = describe(name)
    experiment = build(header.recipe, header.arguments)
    if experiment.validate_by == "functions":
        _evaluate_functions(name, learner, experiment, options, points)
        return
    if given(points):
        raise UserError(f"{', '.join(given(points))}: '{name}' names classes, not values of functions. Leave that out.")
    data = options.data or header.recipe.split("-")[0]
    learner = learner.to(options.device)
    tasks: Any = _source(data, options, header)(options.data_root).to(options.device)
    where = f"{data} {options.split}" if data == "omniglot" else data
    title = f"{name} on {where}, {options.part} classes"
    setting = f"{options.ways} classes" if options.instances else _setting(options)
    with EvaluationBar(setting, options.tasks) as bar:
        asked = (learner, tasks, options.tasks)
        if options.instances:
            table = evaluate_instances(*asked, seed=options.seed, progress=bar.show)
            record = instances_record(table, learner, header.recipe, options.seed, tasks.layout)
        else:
            evaluation = evaluate(*asked, options.seed, bar.show)
            record = evaluation_record(evaluation, learner, header.recipe, options.seed)
    if options.json:
        print_json({**record, **_protocol(data, options, header), "weights": name, **provenance()})
    elif options.instances:
        print_instances(title, {setting: table})
    else:
        print_evaluations(title, {setting: evaluation})


def _evaluate_functions(
    name: str, learner: Learner, experiment: Experiment, options: EvaluateOptions, points: FunctionOptions
) -> None:
    """On the functions that the recipe is tested on: they are made up, and no split could leak."""
    out_of_place = [
        f"--{each.name.replace('_', '-')}"
        for each in fields(options)
        if each.name not in _FOR_FUNCTIONS and getattr(options, each.name) != each.default
    ]
    if out_of_place:
        raise UserError(
            f"{', '.join(out_of_place)}: '{name}' predicts the values of functions, on which its recipe decides. "
            "Leave that out; at which points is for --support, --range and --query-range to say."
        )
    refuse_seen(describe(name), experiment, options.data_root, parts=("test",))
    learner = learner.to(options.device)
    rows = settings(experiment, points, options.data_root, options.device)
    measured = evaluated(learner, rows, options.tasks, options.seed)
    recipe = describe(name).recipe
    if options.json:
        about = {"tasks": options.tasks, "seed": options.seed, "device": options.device, "weights": name}
        records = functions_records(measured, learner, recipe, options.seed)
        print_json({"learner": recipe, "test": records, **about, **provenance()})
    else:
        shown = {each.setting.title: each.evaluation for each in measured}
        print_functions(f"{name} on functions it has never seen{where(points)}", shown)
    if points.pictures is not None:
        points.pictures.mkdir(parents=True, exist_ok=True)
        for path, draw in pictures(points.pictures, learner, measured, measured, options.seed).items():
            draw()
            print(f"picture  {path}", file=sys.stderr)


_FOR_FUNCTIONS = ("tasks", "seed", "data_root", "device", "json")


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


@contextmanager
def _told_of_memory() -> Iterator[None]:
    """A task may be larger than any memory, however few are asked at once."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise UserError(
            "A task of this size needs more memory than there is. Ask for fewer ways, shots, queries or points."
        ) from None


def _loaded(name: str, options: EvaluateOptions) -> Learner:
    learner = load(name)
    if options.inductive:
        if not learner.is_transductive:
            raise UserError(f"--inductive was given, but '{name}' answers each query by itself anyway. Leave it out.")
        learner.is_transductive = False
    return learner


def _source(data: str, options: EvaluateOptions, header: Header) -> TaskSource:
    shots = options.shots[0] if len(options.shots) == 1 else ShotsOfEach(options.shots)
    layout = Layout(options.ways, shots, options.queries, shuffled_labels=options.shuffled_labels)
    if options.instances and data != "omniglot":
        raise UserError(f"--instances was given, but sequences are of omniglot, not of '{data}'. Leave it out.")
    if header.arguments.get("labels") == "strings" and not options.instances:
        raise UserError(
            "These weights name classes by strings, which only sequences of omniglot have. Add --instances"
            + ("." if data == "omniglot" else ", and leave --data out.")
        )
    if options.skip_small and not Path(data).is_dir():
        raise UserError(f"--skip-small was given, but it is for a folder of images, not for '{data}'. Leave it out.")
    if data == "omniglot":
        size, labels = _size(options, header), header.arguments.get("labels", "one-hot")
        if options.part != "train":
            refuse_leak(header, options.split, options.part)
        if options.instances:
            _refuse_beside_instances(options)
            sequences = SequenceLayout(options.ways, labels=sequence_labels(labels))
            return omniglot_sequences(options.split, options.part, sequences, size=size)
        return omniglot_episodes(
            options.split, options.part, layout, within_alphabet=options.within_alphabet, size=size
        )
    if options.within_alphabet:
        raise UserError(f"--within-alphabet was given, but '{data}' has no alphabets. Leave it out.")
    if data == "glyphs":
        if options.size is not None:
            raise UserError(f"--size was given, but '{data}' comes in one size for these weights. Leave it out.")
        return glyph_episodes(options.part, layout, _size(options, header))
    if Path(data).is_dir():
        size = _size(options, header)
        return folder_episodes(Path(data), layout, size, skip_small=options.skip_small, say=_say)
    raise UserError(f"'{data}' is neither omniglot nor glyphs nor a folder. Give one of them as --data.")


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _size(options: EvaluateOptions, header: Header) -> int:
    """The side of the images that weights read: only a learner without weights, such as Nearest, reads any."""
    built_for: int = header.arguments.get("size", 28)
    if options.size is None:
        return built_for
    refuse_size(options.size)
    if options.size != built_for and header.arguments:
        raise UserError(
            f"--size {options.size} was given, but these weights read images of {built_for}×{built_for} pixels. "
            "Leave --size out."
        )
    return options.size


def _refuse_beside_instances(options: EvaluateOptions) -> None:
    for option, is_given in (
        ("--within-alphabet", options.within_alphabet),
        ("--shuffled-labels", options.shuffled_labels),
        ("--shots", options.shots != EvaluateOptions.shots),
        ("--queries", options.queries != EvaluateOptions.queries),
    ):
        if is_given:
            raise UserError(f"{option} and --instances were given, but a sequence has no such thing. Leave one out.")


def _protocol(data: str, options: EvaluateOptions, header: Header) -> dict[str, Any]:
    is_omniglot = data == "omniglot"
    where = {
        "data": data,
        "split": options.split if is_omniglot else None,
        "part": options.part,
        "size": _size(options, header),
        "device": str(torch.device(options.device)),
    }
    if options.instances:
        return where
    return {
        **where,
        "sampling": "within one alphabet" if options.within_alphabet else "across all classes",
        "ways": options.ways,
        "shots": options.shots[0] if len(options.shots) == 1 else list(options.shots),
        "queries": options.queries,
        "shuffled_labels": options.shuffled_labels,
    }


def _setting(options: EvaluateOptions) -> str:
    return f"{options.ways}-way {'+'.join(map(str, options.shots))}-shot"
