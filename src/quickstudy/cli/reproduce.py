"""`quickstudy reproduce [NAME...]`: train the shipped weights anew, and compare their figures."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import torch
import tyro
from rich.console import Console
from rich.table import Table

from quickstudy.cli.options import check_count, parse, print_json
from quickstudy.core import UserError, choose_one_of
from quickstudy.evaluation import provenance
from quickstudy.recipes import build
from quickstudy.reproduction import (
    Comparison,
    Engine,
    LocalEngine,
    Progress,
    SubmititEngine,
    compared,
    evaluations,
    figures_of,
    in_order,
    parent_of,
    run_all,
    training,
    weights,
)
from quickstudy.reproduction.jobs import evaluation_file, read_output, seconds_of, steps_of

_WIDTH = 120


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """How and where to train and measure."""

    list: bool = False
    """Only show what each recipe starts from, its number of steps and its figures."""
    jobs: int = 1
    """Trainings at the same time. The threads of this process, OMP_NUM_THREADS, are divided among them."""
    devices: int = 1
    """Devices, or processes on the CPU, that share a training."""
    out: Path = Path("reproduced")
    """Folder of the runs. Results that are in it already are kept, and interrupted trainings are resumed."""
    cluster: Literal["none", "slurm", "local"] = "none"
    """Run each training as a job of a cluster, through submitit; local runs such jobs on this machine."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(arguments: list[str]) -> int:
    """Reproduce weights from command line arguments."""

    def command(
        names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")],
        trainings: ReproduceOptions,
    ) -> tuple[tuple[str, ...], ReproduceOptions]:
        """Train the weights of recipes again, measure them, and compare the figures with the shipped ones.

        Args:
            names: Names of the recipes; by default all that have figures. What they start from is trained first.
            trainings: How and where to train and measure.
        """
        return names, trainings

    names, options = parse(command, "reproduce", arguments)
    check_count("--jobs", options.jobs, 1)
    check_count("--devices", options.devices, 1)
    for name in names:
        if name not in weights():
            raise UserError(f"'{name}' has no weights to reproduce. {choose_one_of(name, weights())}")
    chosen = in_order(names or [name for name in weights() if figures_of(name)])
    return _list(chosen, options) if options.list else _reproduce(chosen, options)


def _list(names: Sequence[str], options: ReproduceOptions) -> int:
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "starts_from": parent_of(name),
            "steps": build(name, {}).optimisation.steps,
            "steps_done": steps_of(options.out / name),
            "figures": [
                {"setting": each.setting, "published": each.published, "shipped": each.mean}
                for each in figures_of(name)
            ],
        }
        for name in names
    ]
    if options.json:
        print_json({"recipes": rows})
        return 0
    table = Table()
    for heading in ("recipe", "starts from", "steps", "done", "figures"):
        table.add_column(heading, justify="right" if heading in ("steps", "done") else "left", overflow="fold")
    for row in rows:
        settings = ", ".join(each["setting"] for each in row["figures"]) or "none"
        table.add_row(row["name"], row["starts_from"] or "", f"{row['steps']:,}", f"{row['steps_done']:,}", settings)
    Console().print(table)
    return 0


def _reproduce(names: Sequence[str], options: ReproduceOptions) -> int:
    jobs = [training(name, options.out, options.data_root, devices=options.devices) for name in names]
    jobs += [job for name in names for job in evaluations(name, options.out, options.data_root)]
    with _stopped_by_sigterm():
        failed = run_all(jobs, _engine(options), options.jobs, _show)
    trained = [name for name in names if f"train {name}" not in failed]
    minutes = {name: seconds_of(options.out / name) / 60 for name in trained}
    rows = [(name, comparison) for name in trained for comparison in _comparisons(name, options.out)]
    if options.json:
        figures = [_record(each) for _, each in rows]
        print_json({"minutes": minutes, "figures": figures, "failed": failed, **provenance()})
    else:
        _print(rows, minutes)
    for title in failed:
        log = options.out / f"{title.split()[1]}.log"
        print(f"quickstudy reproduce: '{title}' did not end well; its messages are in {log}", file=sys.stderr)
    return 1 if failed else 0


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise, so that running trainings are stopped too, and do not go on writing into their folders."""

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _engine(options: ReproduceOptions) -> Engine:
    threads = max(1, torch.get_num_threads() // options.jobs)  # As many as OMP_NUM_THREADS and taskset allow.
    if options.cluster == "none":
        return LocalEngine(threads)
    return SubmititEngine(options.out / "jobs", options.cluster)


def _comparisons(name: str, out: Path) -> list[Comparison]:
    found = [(figure, read_output(evaluation_file(name, figure.options, out))) for figure in figures_of(name)]
    return [compared(figure, output) for figure, output in found if output is not None]


def _show(progress: Progress) -> None:
    minutes = f" after {progress.seconds / 60:.1f} minutes" if progress.seconds else ""
    print(f"{progress.title}: {progress.state}{minutes}", file=sys.stderr, flush=True)


def _record(each: Comparison) -> dict[str, Any]:
    figure = each.figure
    return {
        "weights": figure.weights,
        "setting": figure.setting,
        "published": figure.published,
        "shipped": {"mean": figure.mean * figure.scale, "interval95": figure.interval95 * figure.scale},
        "reproduced": {"mean": each.mean * figure.scale, "interval95": each.interval95 * figure.scale},
        "difference": each.difference * figure.scale,
        "verdict": each.verdict,
    }


def _print(rows: Sequence[tuple[str, Comparison]], minutes: dict[str, float]) -> None:
    table = Table()
    for heading in ("weights", "setting", "published", "shipped", "reproduced", "difference", "verdict", "minutes"):
        is_name = heading in ("weights", "setting")  # Long names take two lines, and figures are never cut off.
        table.add_column(heading, justify="left" if is_name else "right", no_wrap=not is_name)
    for name, each in rows:
        record = _record(each)
        shipped, anew = (
            f"{record[key]['mean']:.2f} ± {record[key]['interval95']:.2f}" for key in ("shipped", "reproduced")
        )
        published = "–" if each.figure.published is None else f"{each.figure.published:g}"
        table.add_row(
            name,
            each.figure.setting,
            published,
            shipped,
            anew,
            f"{record['difference']:+.2f}",
            each.verdict,
            f"{minutes[name]:.1f}",
        )
    # A narrow terminal would cut the figures off.
    Console(width=max(Console().width, _WIDTH)).print(table)
