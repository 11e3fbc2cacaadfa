"""How well trained weights do: every setting of the protocol, by the same code as `quickstudy evaluate`.

python benchmarks/accuracy/measure.py [NAME|RUN ...] [--out DIR] [--data-root DIR] [--tasks 1000] [--only rotated]

Leaves one file for each learner, accuracy-NAME.json, a list with one record for each setting. A record holds
the command that gives the same figures, and either its result or the words with which the learner refused. Learners
that normalise a task's queries among themselves are measured so, and once more answering each query by itself.
"""

import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import quickstudy
from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.evaluation.answering import asking
from quickstudy.evaluation.encoding_once import encoding_once
from quickstudy.protocols import FewShotOptions, Weights, measure_few_shot, open_weights
from quickstudy.protocols.records import interval_text, write_json

WAYS_AND_SHOTS = ((5, 1), (5, 5), (20, 1), (20, 5))
QUERIES = 15
UNEVEN, UNEVEN_QUERIES = (15, 1, 1, 1, 1), 5
"""One class of many examples among classes of one; a character has twenty drawings."""
PUBLISHED = Path(__file__).parents[1] / "published.json"
Only = Literal["all", "uneven", "rotated", "headline"]
_HEADLINE = ("vinyals", 5, 1)
"""Split, ways and shots of the figure in README.md."""


class Setting(NamedTuple):
    """Tasks to evaluate on."""

    data: str
    split: str | None
    ways: int
    shots: int | tuple[int, ...]
    """Of all classes, or of each."""
    within_alphabet: bool = False
    shuffled_labels: bool = False
    inductive: bool = False
    rotated: bool = False
    queries: int = QUERIES
    """Of each class."""

    def arguments(self, name: str, tasks: int) -> list[str]:
        """The arguments of the command, from `evaluate` on."""
        split = [] if self.split is None else ["--split", self.split]
        counts = {"ways": self.ways, "queries": self.queries, "tasks": tasks}
        numbers = [part for key, value in counts.items() for part in (f"--{key}", str(value))]
        numbers += ["--shots", *map(str, self._shots)]
        chosen = {name: getattr(self, name) for name in ("within_alphabet", "shuffled_labels", "inductive", "rotated")}
        flags = [f"--{name.replace('_', '-')}" for name, is_chosen in chosen.items() if is_chosen]
        return ["evaluate", name, "--data", self.data, *split, *numbers, *flags, "--json"]

    def options(self, tasks: int, data_root: Path | None) -> FewShotOptions:
        """The same for the library."""
        chosen = {key: value for key, value in self._asdict().items() if value is not None}
        return FewShotOptions(**{**chosen, "shots": self._shots}, tasks=tasks, data_root=data_root)

    @property
    def _shots(self) -> tuple[int, ...]:
        return self.shots if isinstance(self.shots, tuple) else (self.shots,)

    def __str__(self) -> str:
        where = self.data if self.split is None else f"{self.data} {self.split}"
        turned = ", rotated" * self.rotated
        control = ", within alphabet" * self.within_alphabet + ", shuffled labels" * self.shuffled_labels
        shots = "+".join(map(str, self._shots))
        queries = "" if self.queries in (QUERIES, UNEVEN_QUERIES) else f", {self.queries} queries"
        inductive = ", inductive" * self.inductive
        return f"{where} {self.ways}-way {shots}-shot{turned}{control}{queries}{inductive}"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to leave the figures, and how many tasks to take them over."""

    out: Path = Path(__file__).parents[1] / "results"
    """Folder for the JSON files."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    tasks: int = 1000
    """Tasks in each setting."""
    only: Only = "all"
    """Measure these settings alone, and keep the other figures that are there."""


def grid(weights: Weights) -> list[Setting]:
    """The settings for these weights: those of their data, and for transductive learners both ways."""
    plain = _plain_grid(weights)
    if not weights.learner.is_transductive:
        return plain
    # The papers' own numbers of queries matter only where queries are normalised among themselves.
    own = _papers_queries(weights)
    even = [setting for setting in plain if isinstance(setting.shots, int)]
    return plain + own + [setting._replace(inductive=True) for setting in even]


def _plain_grid(weights: Weights) -> list[Setting]:
    """The protocol on Omniglot, and before it the glyphs of weights that were trained on glyphs."""
    omniglot = [Setting("omniglot", split, *counts) for split in ("lake", "vinyals") for counts in WAYS_AND_SHOTS]
    omniglot.append(Setting("omniglot", "lake", 20, 1, within_alphabet=True))
    omniglot.append(Setting("omniglot", "lake", 5, 1, shuffled_labels=True))
    omniglot.append(Setting("omniglot", "vinyals", 5, UNEVEN, queries=UNEVEN_QUERIES))
    omniglot += [Setting("omniglot", "vinyals", *counts, rotated=True) for counts in WAYS_AND_SHOTS]
    if weights.experiment.data != "glyphs":
        return omniglot
    glyphs = [Setting("glyphs", None, *counts) for counts in WAYS_AND_SHOTS]
    # Transfer says nothing of a learner without weights: on Omniglot it is omniglot-NAME itself.
    return glyphs + omniglot if weights.is_trained else glyphs


def _papers_queries(weights: Weights) -> list[Setting]:
    """The settings of the learner's paper whose queries are other than ours, where the paper says all of this."""
    learner = weights.recipe.split("-", 1)[-1]
    return [
        Setting(
            "omniglot",
            "vinyals",
            source["ways"],
            source["shots"],
            rotated=source["rotated"],
            queries=source["queries"],
        )
        for source in json.loads(PUBLISHED.read_text(encoding="utf-8"))
        if source["learner"] == learner
        and source["transductive"]
        and None not in (source["rotated"], source["queries"])
        and source["queries"] != QUERIES
    ]


def predicts_values(weights: Weights) -> bool:
    """Whether these weights predict values of functions, which `benchmarks/accuracy/functions.py` measures."""
    return weights.experiment.validate_by == "functions"


def measure(weights: Weights, setting: Setting, tasks: int, data_root: Path | None) -> dict[str, Any]:
    """One setting's record: the command, and what it prints or how it refuses.

    A run's folder is named without where it lies, so the command is to be given beside it.
    """
    name, result, refusal = stem(weights.name), None, None
    try:
        result = {**measure_few_shot(weights, setting.options(tasks, data_root)).record(), "weights": name}
    except UserError as error:  # Missing data are a DataError: no refusal, but the end of the measuring.
        refusal = str(error)
    command = shlex.join(["quickstudy", *setting.arguments(name, tasks)])
    return {"command": command, **setting._asdict(), "result": result, "refusal": refusal}


def measure_all(name: str, options: Options, progress: Progress) -> Path:
    """All settings of one learner, written to its file as they come.

    Raises:
        UserError: if there are no such weights, or they know no classes.
    """
    weights = open_weights(name)
    if predicts_values(weights):
        raise UserError(f"'{name}' predicts the values of functions. Measure it by benchmarks/accuracy/functions.py.")
    path = options.out / f"accuracy-{stem(name)}.json"
    settings, records = _to_measure(grid(weights), options.only, path)
    task = progress.add_task(name, total=len(settings), setting="")
    with asking(weights.learner), encoding_once(weights.learner):  # Settings share their drawings.
        for setting in settings:
            progress.update(task, setting=str(setting))
            if progress.disable:
                print(f"{name}: {setting}", file=sys.stderr, flush=True)
            record = measure(weights, setting, options.tasks, options.data_root)
            about = {"weights": stem(name), "recipe": weights.recipe, "trained_on": weights.trained_on}
            about["trained_shots"] = weights.arguments.get("shots")
            is_transductive = weights.learner.is_transductive and not setting.inductive
            records.append({**about, "transductive": is_transductive, **record})
            write_json(path, records)
            progress.advance(task)
    progress.update(task, setting="done")
    return path


def _to_measure(settings: list[Setting], only: Only, path: Path) -> tuple[list[Setting], list[dict[str, Any]]]:
    """The settings that are wanted, and the records of the others, which stay as they are."""
    if only == "all":
        return settings, []
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if only == "headline":
        plain = [setting for setting in settings if setting == Setting("omniglot", *_HEADLINE)]
        known = [{field: record.get(field) for field in Setting._fields} for record in before]
        return plain, [record for record, each in zip(before, known, strict=True) if each != plain[0]._asdict()]
    if only == "uneven":
        kept = [record for record in before if not isinstance(record["shots"], list)]
        return [setting for setting in settings if isinstance(setting.shots, tuple)], kept
    kept = [record for record in before if not record.get("rotated", False)]
    return [setting for setting in settings if setting.rotated], kept


def stem(name: str) -> str:
    """What files are called after a name of weights, or after a run's folder."""
    return Path(name).resolve().name.removesuffix(".safetensors") if Path(name).exists() else name


def default_names() -> list[str]:
    """All that `quickstudy.load` knows and that names classes."""
    return [
        name for name in quickstudy.available() if open_weights(name).experiment.validate_by in ("queries", "instances")
    ]


def main(names: Annotated[list[str], tyro.conf.Positional], options: Options) -> int:
    """Measure the weights of these names or run folders; without any, all classifiers that `quickstudy.load` knows."""
    try:
        with progress_bar() as progress:
            paths = [measure_all(name, options, progress) for name in names or default_names()]
    except (UserError, DataError) as error:
        print(f"measure: {error}", file=sys.stderr)
        return 2
    for path in paths:
        _print(path)
    return 0


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Progress(*columns, TextColumn("{task.fields[setting]}"), console=console)
    shown.disable = not console.is_terminal
    with shown:
        yield shown


def _print(path: Path) -> None:
    table = Table(title=str(path), title_justify="left")
    table.add_column("setting")
    table.add_column("accuracy", justify="right")
    for record in json.loads(path.read_text(encoding="utf-8")):
        known = {field: record[field] for field in Setting._fields if field in record}  # Older records lack some.
        shots = record["shots"]
        setting = Setting(**{**known, "shots": tuple(shots) if isinstance(shots, list) else shots})
        table.add_row(str(setting), record["refusal"] or _accuracy(record["result"]))
    Console().print(table)


def _accuracy(result: dict[str, Any]) -> str:
    return f"{interval_text(result['accuracy'], 2, times=100)} %"


if __name__ == "__main__":
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    sys.exit(tyro.cli(main, description=__doc__, config=config))
