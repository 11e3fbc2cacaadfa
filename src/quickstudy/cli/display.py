"""Live progress on standard error: bars on a terminal, a line now and then elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from quickstudy.training import Progress as TrainingProgress


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, without leading zeros."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Bar:
    """A rich progress bar on a terminal; nothing elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True)
        self.is_live = self.console.is_terminal and not quiet
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            disable=not self.is_live,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()


class TrainingBar(_Bar):
    """Loss, the last validation, tasks a second, time left."""

    def __init__(self, *, title: str, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self.title, self.quiet = title, quiet
        self.validation: str | None = None

    def __enter__(self) -> "TrainingBar":
        if not self.quiet:
            print(self.title, file=sys.stderr)
        self.bar.start()
        self.task = self.bar.add_task("train", total=1.0, status="")
        return self

    def show(self, now: TrainingProgress) -> None:
        """Show how far the training has come."""
        self.validation = now.validation or self.validation
        if now.warning is not None and not self.quiet:
            self.bar.console.print(now.warning, soft_wrap=True, highlight=False, markup=False)
        status = self._status(now)
        self.bar.update(self.task, completed=now.fraction, status=status)
        if not self.quiet and not self.is_live and now.validation is not None:
            print(f"{now.fraction:4.0%}  {status}", file=sys.stderr, flush=True)

    def _status(self, now: TrainingProgress) -> str:
        left = now.seconds * (1 - now.fraction) / now.fraction if now.fraction > 0 else 0.0
        return (
            f"step {now.step:,}  loss {now.loss:.4f}  validation {self.validation or '–'}  "
            f"{now.tasks_per_second:,.1f} tasks/s  {duration(left)} left"
        )


class EvaluationBar(_Bar):
    """How many tasks of each setting are done.

    Args:
        num_tasks: Tasks of a setting.
    """

    def __init__(self, num_tasks: int) -> None:
        super().__init__(quiet=False)
        self.num_tasks = num_tasks

    def __enter__(self) -> "EvaluationBar":
        self.bar.start()
        self.task = self.bar.add_task("evaluate", total=self.num_tasks, status="")
        return self

    def show(self, title: str, done: int) -> None:
        """Show how many tasks of a setting are done."""
        status = f"{done:,} of {self.num_tasks:,} tasks"
        self.bar.update(self.task, description=f"evaluate {title}", completed=done, status=status)
