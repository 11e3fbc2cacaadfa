"""How well trained weights do: every setting of the protocol, by the same code as `quickstudy evaluate`.

python benchmarks/measure.py [NAME|RUN ...] [--out DIR] [--data-root DIR] [--tasks 1000]

Leaves one file for each learner, accuracy-NAME.json, a list with one record for each setting. A record holds
the command that gives the same figures, and either its result or the words with which the learner refused. Learners
that normalise a task's queries among themselves are measured so, and once more answering each query by itself.
"""

import contextlib
import io
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import quickstudy
from quickstudy.cli import evaluate
from quickstudy.core import Header, UserError
from quickstudy.datasets import DataError
from quickstudy.pretrained import describe, load
from quickstudy.recipes import build
from table_layout import interval_text
from timing import write_json

WAYS_AND_SHOTS = ((5, 1), (5, 5), (20, 1), (20, 5))
QUERIES = 15
UNEVEN, UNEVEN_QUERIES = (15, 1, 1, 1, 1), 5
"""One class of many examples among classes of one; a character has twenty drawings."""


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

    def arguments(self, name: str, tasks: int) -> list[str]:
        """The arguments of the command, from `evaluate` on."""
        split = [] if self.split is None else ["--split", self.split]
        uneven = isinstance(self.shots, tuple)
        counts = {"ways": self.ways, "queries": UNEVEN_QUERIES if uneven else QUERIES, "tasks": tasks}
        numbers = [part for key, value in counts.items() for part in (f"--{key}", str(value))]
        numbers += ["--shots", *map(str, self.shots if isinstance(self.shots, tuple) else (self.shots,))]
        chosen = {name: getattr(self, name) for name in ("within_alphabet", "shuffled_labels", "inductive")}
        flags = [f"--{name.replace('_', '-')}" for name, is_chosen in chosen.items() if is_chosen]
        return ["evaluate", name, "--data", self.data, *split, *numbers, *flags, "--json"]

    def __str__(self) -> str:
        where = self.data if self.split is None else f"{self.data} {self.split}"
        control = ", within alphabet" * self.within_alphabet + ", shuffled labels" * self.shuffled_labels
        shots = "+".join(map(str, self.shots)) if isinstance(self.shots, tuple) else str(self.shots)
        return f"{where} {self.ways}-way {shots}-shot{control}{', inductive' * self.inductive}"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to leave the figures, and how many tasks to take them over."""

    out: Path = Path(__file__).parent / "results"
    """Folder for the JSON files."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    tasks: int = 1000
    """Tasks in each setting."""
    uneven: bool = False
    """Measure tasks of uneven shots alone, and keep the other figures that are there."""


def grid(header: Header, *, is_transductive: bool = False) -> list[Setting]:
    """The settings for weights with this header: those of its data, and for transductive learners both ways."""
    plain = _plain_grid(header)
    even = [setting for setting in plain if isinstance(setting.shots, int)]
    return plain + [setting._replace(inductive=True) for setting in even] if is_transductive else plain


def _plain_grid(header: Header) -> list[Setting]:
    """The protocol on Omniglot, and before it the glyphs of glyphs-*."""
    omniglot = [Setting("omniglot", split, *counts) for split in ("lake", "vinyals") for counts in WAYS_AND_SHOTS]
    omniglot.append(Setting("omniglot", "lake", 20, 1, within_alphabet=True))
    omniglot.append(Setting("omniglot", "lake", 5, 1, shuffled_labels=True))
    omniglot.append(Setting("omniglot", "vinyals", 5, UNEVEN))
    if not header.recipe.startswith("glyphs-"):
        return omniglot
    glyphs = [Setting("glyphs", None, *counts) for counts in WAYS_AND_SHOTS]
    # Transfer says nothing of a learner without weights: on Omniglot it is omniglot-NAME itself.
    return glyphs + omniglot if header.is_trained else glyphs


def predicts_values(name: str) -> bool:
    """Whether these weights answer with values of functions, which `benchmarks/functions.py` measures."""
    header = describe(name)
    return build(header.recipe, header.arguments).validate_by == "functions"


def trained_on(header: Header) -> str | None:
    """The data, and of Omniglot the split; None where there was nothing to train."""
    if not header.is_trained:
        return None
    data = header.recipe.split("-")[0]
    return " ".join([data, *filter(None, [header.arguments.get("split")])])


def measure(name: str, setting: Setting, tasks: int, data_root: Path | None) -> dict[str, Any]:
    """One setting's record: the command, and what it printed or how it refused."""
    arguments = setting.arguments(name, tasks)
    local = [] if data_root is None else ["--data-root", str(data_root)]
    printed, result, refusal = io.StringIO(), None, None
    try:
        # The command's own progress would draw over ours.
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            evaluate.run([*arguments[1:], *local])
        result = json.loads(printed.getvalue())
    except UserError as error:  # Missing data are a DataError: no refusal, but the end of the measuring.
        refusal = str(error)
    command = shlex.join(["quickstudy", *arguments])
    return {"command": command, **setting._asdict(), "result": result, "refusal": refusal}


def measure_all(name: str, options: Options, progress: Progress) -> Path:
    """All settings of one learner, written to its file as they come.

    Raises:
        UserError: if there are no such weights, or they know no classes.
    """
    if predicts_values(name):
        raise UserError(f"'{name}' predicts the values of functions. Measure it by benchmarks/functions.py.")
    header, path = describe(name), options.out / f"accuracy-{stem(name)}.json"
    is_transductive = load(name).is_transductive
    settings = grid(header, is_transductive=is_transductive)
    records = []
    if options.uneven:
        settings = [setting for setting in settings if isinstance(setting.shots, tuple)]
        before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        records = [record for record in before if not isinstance(record["shots"], list)]
    task = progress.add_task(name, total=len(settings), setting="")
    for setting in settings:
        progress.update(task, setting=str(setting))
        if progress.disable:
            print(f"{name}: {setting}", file=sys.stderr, flush=True)
        record = measure(name, setting, options.tasks, options.data_root)
        about = {"weights": stem(name), "recipe": header.recipe, "trained_on": trained_on(header)}
        records.append({**about, "transductive": is_transductive and not setting.inductive, **record})
        write_json(path, records)
        progress.advance(task)
    progress.update(task, setting="done")
    return path


def stem(name: str) -> str:
    """What files are called after a name of weights, or after a run's folder."""
    return Path(name).resolve().name.removesuffix(".safetensors") if Path(name).exists() else name


def default_names() -> list[str]:
    """All that `quickstudy.load` knows and that names classes."""
    return [name for name in quickstudy.available() if not predicts_values(name)]


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
    # The file is fixed: while a command runs, sys.stderr is another.
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
    shown = Progress(*columns, TextColumn("{task.fields[setting]}"), console=console, redirect_stderr=False)
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
