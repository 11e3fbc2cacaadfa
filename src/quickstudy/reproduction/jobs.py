"""Trainings and evaluations as commands: in which order, several at once, and what is done already."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.core import UserError, header_of, in_half_precision, load_trained, save_trained
from quickstudy.pretrained import available, describe, file_of
from quickstudy.recipes import build
from quickstudy.reproduction.engines import Engine, Running
from quickstudy.reproduction.figures import figures_of
from quickstudy.reproduction.graph import parent_of
from quickstudy.training.run import Position, newest_checkpoint, read_position

_QUICKSTUDY = (sys.executable, "-c", "import sys; from quickstudy.cli import main; sys.exit(main())")
_SECONDS_BETWEEN_POLLS = 0.2
_SECONDS_BETWEEN_REPORTS = 60.0


class Job(NamedTuple):
    """A command, and the jobs that it waits for."""

    title: str
    """Name of the job, which is unique."""
    command: Callable[[], list[str]]
    """Made when the job starts: a training that was cut off goes on."""
    output: Path
    """What the command prints."""
    log: Path
    """Its messages."""
    is_done: Callable[[], bool]
    """Whether its result is there already."""
    after: tuple[str, ...] = ()
    """Titles of the jobs whose results it needs."""
    report: Callable[[], str] | None = None
    """How far it has come, if one can tell."""


class Progress(NamedTuple):
    """A change of state of a job, or how far it has come."""

    title: str
    """Title of the job."""
    state: str
    """`there already`, `started`, `done`, `failed`, `left out`, or what the job itself reports."""
    seconds: float
    """Since the job started."""


def training(name: str, out: Path, data_root: Path | None = None, *, devices: int = 1) -> Job:
    """The training of a recipe with its defaults, in a folder of its own, from the weights that it declares.

    Args:
        name: Recipe.
        out: Folder of all runs.
        data_root: Folder of the data sets.
        devices: Processes that share a training, through Lightning Fabric.
    """
    folder, parent = out / name, parent_of(name)
    data = [] if data_root is None else ["--data-root", str(data_root)]
    shared = [] if devices == 1 else ["--devices", str(devices)]

    def command() -> list[str]:
        goes_on = steps_of(folder) > 0
        start = [] if parent is None or goes_on else ["--start-from", str(as_shipped(parent, out))]
        where = ["--resume", str(folder)] if goes_on else ["--out", str(folder)]
        return [*_QUICKSTUDY, "train", name, *where, *start, "--test-tasks", "0", *shared, *data]

    steps = build(name, {}).optimisation.steps
    return Job(
        title=f"train {name}",
        command=command,
        output=out / f"{name}.out",
        log=out / f"{name}.log",
        is_done=lambda: steps_of(folder) >= steps,
        after=() if parent is None else (f"train {parent}",),
        report=lambda: f"{steps_of(folder):,} of {steps:,} steps saved",
    )


def evaluations(name: str, out: Path, data_root: Path | None = None) -> list[Job]:
    """The commands that measure the figures of these weights once they are trained.

    Args:
        name: Recipe.
        out: Folder of all runs.
        data_root: Folder of the data sets.
    """
    data = [] if data_root is None else ["--data-root", str(data_root)]
    jobs: dict[tuple[str, ...], Job] = {}
    for figure in figures_of(name):
        output = evaluation_file(name, figure.options, out)
        options = [*figure.options, "--json", *data]
        jobs[figure.options] = Job(
            title=f"evaluate {name} {' '.join(figure.options)}",
            command=lambda options=options: [*_QUICKSTUDY, "evaluate", str(as_shipped(name, out)), *options],  # type: ignore[misc]
            output=output,
            log=out / f"{name}.log",
            is_done=lambda output=output: read_output(output) is not None,  # type: ignore[misc]
            after=(f"train {name}",),
        )
    return list(jobs.values())


def as_shipped(name: str, out: Path) -> Path:
    """The trained weights of a run, in the precision in which the package has those of this recipe.

    The package's heads started from rounded numbers, and its figures are of rounded numbers.

    Args:
        name: Recipe.
        out: Folder of all runs.
    """
    run = out / name
    if name not in available() or not describe(name).is_in_half_precision:
        return run
    path = run / "half.safetensors"
    save_trained(path, *in_half_precision(*load_trained(file_of(run))))
    return path


def evaluation_file(name: str, options: Sequence[str], out: Path) -> Path:
    """The file with the output of an evaluation.

    Args:
        name: Name of the weights.
        options: Options of `quickstudy evaluate`.
        out: Folder of all runs.
    """
    words = "-".join(option.lstrip("-") for option in options) or "default"
    return out / f"{name}.{words}.json"


def read_output(path: Path) -> dict[str, Any] | None:
    """The output of an evaluation; None if there is no complete one.

    Args:
        path: The file.
    """
    try:
        output: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return output


def steps_of(folder: Path) -> int:
    """How many steps the training in a folder has done; 0 if there is none.

    Args:
        folder: Folder of the run.
    """
    try:
        return _position(folder).step
    except UserError:
        return 0


def seconds_of(folder: Path) -> float:
    """How long the training in a folder took, over all sessions.

    Args:
        folder: Folder of the run.

    Raises:
        UserError: if there is none.
    """
    return _position(folder).seconds


def _position(folder: Path) -> Position:
    path = newest_checkpoint(folder)
    return read_position(header_of(path), path)


def run_all(jobs: Sequence[Job], engine: Engine, at_once: int, show: Callable[[Progress], None]) -> list[str]:
    """Run jobs in their order, several at once; return the titles of those that failed or were left out.

    When you interrupt it, the running commands are stopped; the next call goes on from their checkpoints.

    Args:
        jobs: Jobs, each after those that it waits for.
        engine: Where they run.
        at_once: How many run at the same time.
        show: Called at each change of state of a job, and once a minute with how far it has come.
    """
    return _Queue(jobs, engine, at_once, show).go()


class _Queue:
    def __init__(self, jobs: Sequence[Job], engine: Engine, at_once: int, show: Callable[[Progress], None]) -> None:
        self.waiting, self.engine, self.at_once, self.show = list(jobs), engine, at_once, show
        self.running: dict[str, tuple[Job, Running, float]] = {}
        self.done: set[str] = set()
        self.failed: list[str] = []
        self.last_report = time.monotonic()

    def go(self) -> list[str]:
        try:
            while self.waiting or self.running:
                self._leave_out()
                self._begin()
                self._end()
                self._report()
                if self.running:
                    time.sleep(_SECONDS_BETWEEN_POLLS)
        finally:
            for _, command, _ in self.running.values():
                command.stop()
        return self.failed

    def _leave_out(self) -> None:
        """Give up the jobs that wait for one that failed, or that there is not."""
        to_come = self.done | self.running.keys() | {job.title for job in self.waiting}
        for job in [job for job in self.waiting if not set(job.after) <= to_come]:
            self.waiting.remove(job)
            self.failed.append(job.title)
            self.show(Progress(job.title, "left out", 0.0))

    def _begin(self) -> None:
        for job in [job for job in self.waiting if set(job.after) <= self.done]:
            if job.is_done():
                self.done.add(job.title)
                self.show(Progress(job.title, "there already", 0.0))
            elif len(self.running) < self.at_once:
                job.output.parent.mkdir(parents=True, exist_ok=True)
                command = self.engine.start(job.command(), job.output, job.log)
                self.running[job.title] = job, command, time.monotonic()
                self.show(Progress(job.title, "started", 0.0))
            else:
                continue
            self.waiting.remove(job)

    def _end(self) -> None:
        for title, (job, command, started) in list(self.running.items()):
            code = command.code()
            if code is None:
                continue
            del self.running[title]
            is_sound = code == 0 and job.is_done()
            if is_sound:
                self.done.add(title)
            else:
                self.failed.append(title)
            self.show(Progress(title, "done" if is_sound else "failed", time.monotonic() - started))

    def _report(self) -> None:
        now = time.monotonic()
        if now - self.last_report < _SECONDS_BETWEEN_REPORTS:
            return
        self.last_report = now
        for title, (job, _, started) in self.running.items():
            if job.report is not None:
                self.show(Progress(title, job.report(), now - started))
